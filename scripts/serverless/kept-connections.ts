import { createRequire } from "node:module";
import type { Resources } from "./resolve.ts";

/** The part of the framework's AWS provider by which it reaches CloudFormation. */
export interface CloudFormation {
  readonly naming: { getStackName(): string };
  getCloudFormationClient(): Promise<{ send(command: unknown): Promise<unknown> }>;
  /** Region and credentials, as the framework found them. */
  getAwsSdkV3Config(): Promise<object>;
}

/** Of the framework, so that client and command are of one version. */
const framework = createRequire(createRequire(import.meta.url).resolve("serverless/package.json"));

/**
 * The template that is deployed; an empty one when there is no stack yet.
 * @throws Error of one sentence when CloudFormation does not tell
 */
export async function deployedTemplate(provider: CloudFormation): Promise<{ readonly Resources?: Resources }> {
  const { GetTemplateCommand } = framework("@aws-sdk/client-cloudformation");
  const StackName = provider.naming.getStackName();
  const client = await provider.getCloudFormationClient();
  try {
    const answer = await client.send(new GetTemplateCommand({ StackName, TemplateStage: "Original" }));
    const { TemplateBody } = answer as { TemplateBody?: string };
    return JSON.parse(TemplateBody || "{}");
  } catch (cause) {
    const { name, message } = cause as Error;
    if (name === "ValidationError" && message.includes("does not exist")) return {};
    throw new Error(
      `The deployed template of ${StackName} cannot be read (${name}), so it is not known whether a deploy would delete ` +
        "connections: allow cloudformation:GetTemplate.",
      { cause },
    );
  }
}

/**
 * The connections that an earlier version made by its template. CloudFormation would delete what a template leaves out,
 * unless the one that is deployed says otherwise: they stay for one deploy more, which says so, and are let go by the next.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
 */
export function keptConnections(deployed: Resources): Resources {
  const wouldGo = Object.entries(deployed).filter(
    ([, { Type, DeletionPolicy = "Delete" }]) => Type === "AWS::SecretsManager::Secret" && DeletionPolicy === "Delete",
  );
  return Object.fromEntries(
    wouldGo.map(([id, secret]) => [id, { ...secret, DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" }]),
  );
}
