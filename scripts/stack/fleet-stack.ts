import {
  type CloudFormationClient,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateListStackResources,
} from "@aws-sdk/client-cloudformation";

export const SERVICE = "connector-fleet";

interface Declaration {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** One resource of a deployed stack. */
export interface DeployedResource {
  readonly logicalId: string;
  readonly type: string;
  /** The physical id. */
  readonly ref: string;
  /** Whether it outlives the stack, as the template says that is deployed. */
  readonly stays: boolean;
}

/** A deployed stack, as far as it is asked for here. */
export interface DeployedStack {
  readonly name: string;
  readonly isProtected: boolean;
  readonly template: { readonly Resources?: Readonly<Record<string, Declaration>> };
  readonly resources: readonly DeployedResource[];
}

/** The name that the framework gives the stack of a stage. */
export function stackName(stage: string): string {
  return `${SERVICE}-${stage}`;
}

/**
 * @returns nothing when there is no such stack
 * @throws whatever CloudFormation answers else
 */
export async function deployedStack(client: CloudFormationClient, stage: string): Promise<DeployedStack | undefined> {
  const StackName = stackName(stage);
  const stack = await find(client, StackName);
  if (!stack) return undefined;
  const { TemplateBody } = await client.send(new GetTemplateCommand({ StackName, TemplateStage: "Original" }));
  const template: DeployedStack["template"] = JSON.parse(TemplateBody || "{}");
  const resources: DeployedResource[] = [];
  for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName }))
    for (const { LogicalResourceId = "", ResourceType = "", PhysicalResourceId = "" } of StackResourceSummaries) {
      const { DeletionPolicy = "Delete" } = template.Resources?.[LogicalResourceId] ?? {};
      const stays = DeletionPolicy.startsWith("Retain");
      resources.push({ logicalId: LogicalResourceId, type: ResourceType, ref: PhysicalResourceId, stays });
    }
  return { name: StackName, isProtected: stack.EnableTerminationProtection === true, template, resources };
}

async function find(client: CloudFormationClient, StackName: string) {
  try {
    return (await client.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0];
  } catch (cause) {
    const { name, message } = cause as Error;
    if (name === "ValidationError" && message.includes("does not exist")) return undefined;
    throw cause;
  }
}
