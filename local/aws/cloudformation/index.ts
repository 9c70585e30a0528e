import type { Kernel } from "../kernel/kernel.ts";
import { arn } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { CallContext, Operation, Service } from "../kernel/service.ts";
import { createChangeSet, deleteChangeSet, describeChangeSet, executeChangeSet } from "./change-sets.ts";
import { describeEvent, describeResources, describeStack } from "./describe.ts";
import { validationError } from "./errors.ts";
import { capabilitiesOf, type Input, parseTemplate, templateText } from "./input.ts";
import { beginDeletion } from "./operations.ts";
import type { StackRecord, Stacks } from "./stacks.ts";

export { Stacks } from "./stacks.ts";

const EVENTS_PER_PAGE = 100;

/**
 * CloudFormation, as far as the Serverless Framework calls it: change sets, events, rollbacks, deletion. The template
 * engine is the one of the boot, whose stack is among these. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
 */
export function createCloudFormation(stacks: Stacks): Service {
  return {
    name: "cloudformation",
    wire: { kind: "query", xmlns: "http://cloudformation.amazonaws.com/doc/2010-05-15/" },
    operations: Object.fromEntries(
      Object.entries(operationsOf(stacks)).map(([name, run]): [string, Operation<Input>] => [
        name,
        {
          access: ({ StackName }) => [{ action: `cloudformation:${name}`, resource: resourceOf(stacks, StackName) }],
          run,
        },
      ]),
    ),
    stop: async () => {
      await Promise.all(stacks.all().map(({ work }) => work));
    },
  };
}

function resourceOf(stacks: Stacks, name: string | undefined): string {
  return name ? (stacks.find(name)?.id ?? arn("cloudformation", `stack/${name}/*`)) : "*";
}

function operationsOf(stacks: Stacks): Record<string, Operation<Input>["run"]> {
  return {
    ValidateTemplate: (input, { principal }) => validateTemplate(stacks.kernel, input, principal),
    CreateChangeSet: (input, context) => createChangeSet(stacks, input, context),
    DescribeChangeSet: (input) => describeChangeSet(stacks, input),
    ExecuteChangeSet: (input) => executeChangeSet(stacks, input),
    DeleteChangeSet: (input) => deleteChangeSet(stacks, input),
    DescribeStacks: ({ StackName }) => ({
      Stacks: (StackName ? [stacks.get(StackName)] : stacks.all()).map(describeStack),
    }),
    DescribeStackEvents: ({ StackName, NextToken }) => {
      const record = stacks.get(StackName);
      const { items, nextToken } = page(record.events.toReversed(), EVENTS_PER_PAGE, NextToken);
      return { StackEvents: items.map((event) => describeEvent(record, event)), NextToken: nextToken };
    },
    DescribeStackResource: (input) => ({ StackResourceDetail: resourceNamed(stacks.get(input.StackName), input) }),
    DescribeStackResources: (input) => {
      const record = stacks.get(input.StackName);
      return { StackResources: input.LogicalResourceId ? [resourceNamed(record, input)] : describeResources(record) };
    },
    ListStackResources: ({ StackName, NextToken }) => {
      const { items, nextToken } = page(describeResources(stacks.get(StackName)), 100, NextToken);
      return { StackResourceSummaries: items, NextToken: nextToken };
    },
    GetTemplate: ({ StackName }) => ({
      TemplateBody: stacks.get(StackName).submission?.template ?? "",
      StagesAvailable: ["Original", "Processed"],
    }),
    UpdateTerminationProtection: ({ StackName, EnableTerminationProtection }) => {
      const record = stacks.get(StackName);
      record.isProtected = EnableTerminationProtection === "true";
      return { StackId: record.id };
    },
    DeleteStack: ({ StackName }) => deleteStack(stacks, StackName),
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html */
async function validateTemplate(kernel: Kernel, input: Input, principal: CallContext["principal"]) {
  const source = parseTemplate(await templateText(kernel, input, principal));
  return {
    Description: source.Description,
    Capabilities: capabilitiesOf(source),
    Parameters: Object.entries(source.Parameters ?? {}).map(([ParameterKey, { Default, Description }]) => ({
      ParameterKey,
      DefaultValue: Default,
      NoEcho: false,
      Description,
    })),
  };
}

/** Deleting a stack that is not there is no failure. */
function deleteStack(stacks: Stacks, name: string | undefined): void {
  const record = stacks.find(name);
  if (!record || record.status === "DELETE_COMPLETE" || record.status === "DELETE_IN_PROGRESS") return;
  if (record.isProtected)
    throw validationError(`Stack [${record.name}] cannot be deleted while TerminationProtection is enabled`);
  if (record.status === "REVIEW_IN_PROGRESS") stacks.forget(record);
  else if (record.status.endsWith("_IN_PROGRESS"))
    throw validationError(`Stack [${record.name}] cannot be deleted while in status ${record.status}`);
  else beginDeletion(stacks, record);
}

/** @throws AwsError `ValidationError` */
function resourceNamed(record: StackRecord, { LogicalResourceId }: Input) {
  const found = describeResources(record).find((resource) => resource.LogicalResourceId === LogicalResourceId);
  if (found) return found;
  throw validationError(`Resource ${LogicalResourceId} does not exist for stack ${record.name}`);
}
