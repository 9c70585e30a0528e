import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import {
  DescribeTableCommand,
  DynamoDBClient,
  UpdateTableCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { DeleteObjectsCommand, paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";
import { agrees } from "../../cli/connect/ask.ts";
import { clientOptions } from "../../cli/endpoint.ts";
import { UsageError } from "../../cli/usage.ts";
import { runProgram } from "../program.ts";
import { type DeployedResource, type DeployedStack, deployedStack, stackName } from "./fleet-stack.ts";
import { readStage, serverless } from "./program.ts";

const HELP = `Removes the fleet of a stage from AWS, after it has said what goes and what stays.

usage: npm run remove -- --stage <stage> [--yes]

  --stage <stage>  which fleet; required
  --yes            do not ask

Whether tables and buckets stay, the deployed template says: the parameter retainData of its deploy. Tables that stay
are used again by the next deploy of the stage. Connections stay in Secrets Manager in any case; 'npx fleet connect'
removes them. Exit code 0 when the fleet is gone or never was there, 1 when it is not removed, 2 for wrong usage.`;

const TABLE = "AWS::DynamoDB::Table";
const BUCKET = "AWS::S3::Bucket";
const DATA = { [TABLE]: "table", [BUCKET]: "bucket" } as Readonly<Record<string, string>>;

async function main(args: string[]): Promise<number> {
  const { stage, values } = readStage(args, { yes: { type: "boolean", default: false } });
  if (!values.yes && !process.stdin.isTTY) throw new UsageError("nobody can be asked here; give --yes");
  const options = clientOptions();
  const stack = await deployedStack(new CloudFormationClient(options), stage);
  if (!stack) {
    console.log(`There is no stack ${stackName(stage)}: nothing is removed.`);
    return 0;
  }
  if (stack.isProtected)
    throw new Error(
      `the stack ${stack.name} is protected: 'aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${stack.name}' lets it be removed`,
    );
  console.log(describeRemoval(stack));
  if (!values.yes && !(await agrees(`Remove ${stack.name}?`))) {
    console.log("Nothing was removed.");
    return 1;
  }
  await openWay(stack, options);
  return serverless(["remove", "--stage", stage]);
}

/** What goes and what stays, in lines. */
export function describeRemoval({ name, resources }: DeployedStack): string {
  const data = resources.filter(({ type }) => DATA[type]);
  const named = (some: readonly DeployedResource[]) => some.map(({ type, ref }) => `  ${DATA[type]} ${ref}`);
  const [staying, going] = [data.filter(({ stays }) => stays), data.filter(({ stays }) => !stays)];
  const others = resources.length - data.length;
  return [
    `The stack ${name} is removed.`,
    `Goes, with everything in it and for good:`,
    ...named(going),
    `  ${others} more resources: functions, queues with their messages, rules, the archive of events, logs, alarms`,
    "Stays:",
    ...named(staying),
    "  the connections in Secrets Manager; 'npx fleet connect <system> --remove' removes one",
  ].join("\n");
}

/** Takes out of the way what AWS deletes only when it is empty, or not protected. */
async function openWay({ resources }: DeployedStack, options: object): Promise<void> {
  const s3 = new S3Client(options);
  const dynamo = new DynamoDBClient(options);
  for (const { type, ref, stays } of resources) {
    if (stays) continue;
    if (type === BUCKET) await empty(s3, ref);
    if (type === TABLE) await unprotect(dynamo, ref);
  }
}

async function empty(client: S3Client, Bucket: string): Promise<void> {
  try {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
      if (Contents.length === 0) continue;
      const Objects = Contents.map(({ Key }) => ({ Key }));
      const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      if (Errors[0]) throw new Error(`the bucket ${Bucket} cannot be emptied (${Errors[0].Code})`);
    }
  } catch (cause) {
    if ((cause as Error).name !== "NoSuchBucket") throw cause;
  }
}

async function unprotect(client: DynamoDBClient, TableName: string): Promise<void> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    if (!Table?.DeletionProtectionEnabled) return;
    await client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: false }));
    await waitUntilTableExists({ client, maxWaitTime: 300, minDelay: 1 }, { TableName });
  } catch (cause) {
    if ((cause as Error).name !== "ResourceNotFoundException") throw cause;
  }
}

if (import.meta.main) await runProgram("npm run remove", HELP, main);
