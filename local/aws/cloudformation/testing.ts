import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStackResourceCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  type ResourceToImport,
  type StackEvent,
} from "@aws-sdk/client-cloudformation";
import { bootTwin, type Twin } from "../boot.ts";
import { createDynamoDb } from "../dynamodb/index.ts";
import { ADMINISTRATOR } from "../kernel/kernel.ts";
import { createS3 } from "../s3/index.ts";
import { createSqs } from "../sqs/index.ts";
import { createSsm } from "../ssm/index.ts";
import { eventually } from "../testing.ts";

let twin: Twin;
export let client: CloudFormationClient;
let folder: string;

/** A twin without a stack, for the tests of one file, one after the other. */
export async function open(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), "cloudformation-"));
  const services = [createS3, createSsm, createDynamoDb, createSqs];
  twin = await bootTwin({ template: {}, artifacts: folder, services, stackName: "unused" });
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  client = new CloudFormationClient({ endpoint: twin.origin, region: "us-east-1", credentials });
}

export async function close(): Promise<void> {
  client.destroy();
  await twin.stop();
  await rm(folder, { recursive: true });
}

export const aws = (service: string, operation: string, input: object) =>
  twin.kernel.call(service, operation, input, { principal: ADMINISTRATOR });

export const queue = (properties: object = {}, more: object = {}) => ({
  Type: "AWS::SQS::Queue",
  Properties: properties,
  ...more,
});
export const setting = (Value: unknown, Name = "/setting") => ({
  Type: "AWS::SSM::Parameter",
  Properties: { Name, Type: "String", Value },
});

interface Given {
  readonly StackName?: string;
  readonly ChangeSetType?: "CREATE" | "UPDATE" | "IMPORT";
  readonly ResourcesToImport?: ResourceToImport[];
  readonly Parameters?: { ParameterKey: string; ParameterValue: string }[];
  readonly Outputs?: object;
  readonly Declared?: object;
}

export function submit(Resources: object, { Outputs = {}, Declared = {}, ...given }: Given = {}) {
  const TemplateBody = JSON.stringify({ Parameters: Declared, Resources, Outputs });
  const input = { StackName: "app", ChangeSetName: "set", NotificationARNs: [], Parameters: [], ...given };
  return client.send(new CreateChangeSetCommand({ ...input, TemplateBody }));
}

/** Submits and executes; resolves with the status in which the stack ends. */
export async function deploy(Resources: object, given: Given = {}): Promise<string> {
  const StackName = given.StackName ?? "app";
  const isNew = await client.send(new DescribeStacksCommand({ StackName })).then(
    () => false,
    () => true,
  );
  await submit(Resources, { ChangeSetType: isNew ? "CREATE" : "UPDATE", ...given });
  await client.send(new ExecuteChangeSetCommand({ StackName, ChangeSetName: "set" }));
  return ended(StackName);
}

export async function stackOf(StackName = "app") {
  const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName }));
  return Stacks[0];
}

export function ended(StackName = "app"): Promise<string> {
  return eventually(async () => {
    const status = await stackOf(StackName).then(
      (stack) => stack?.StackStatus ?? "",
      (error: Error) => (error.message.includes("does not exist") ? "GONE" : Promise.reject(error)),
    );
    return status.endsWith("_IN_PROGRESS") ? undefined : status;
  });
}

/** `Name STATUS` of everything that happened, oldest first. */
export async function events(since = 0): Promise<string[]> {
  const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: "app" }));
  return StackEvents.toReversed()
    .slice(since)
    .map(({ LogicalResourceId, ResourceStatus }: StackEvent) => `${LogicalResourceId} ${ResourceStatus}`);
}

export async function physicalId(LogicalResourceId: string): Promise<string | undefined> {
  const command = new DescribeStackResourceCommand({ StackName: "app", LogicalResourceId });
  return (await client.send(command)).StackResourceDetail?.PhysicalResourceId;
}

export const remove = async (StackName = "app") => {
  await client.send(new DeleteStackCommand({ StackName }));
  return ended(StackName);
};
