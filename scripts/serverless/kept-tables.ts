import {
  CloudFormationClient,
  CreateChangeSetCommand,
  ExecuteChangeSetCommand,
  waitUntilChangeSetCreateComplete,
  waitUntilStackImportComplete,
} from "@aws-sdk/client-cloudformation";
import { DescribeTableCommand, DynamoDBClient, type TableDescription } from "@aws-sdk/client-dynamodb";
import { type CloudFormation, deployedTemplate } from "./kept-connections.ts";
import type { Resources } from "./resolve.ts";

/** A table of the template that is there already, and no stack's. */
interface KeptTable {
  readonly logicalId: string;
  readonly name: string;
}

const CHANGE_SET = "take-over-kept-tables";
const WAITING = { maxWaitTime: 600, minDelay: 1, maxDelay: 5 };

/**
 * Takes the tables that an earlier stack of this name left over into the stack that is about to be deployed, with their
 * items. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
 * @returns the names of the tables
 * @throws Error of one sentence when a table has other keys or indexes than the template
 */
export async function takeOverTables(provider: CloudFormation, wanted: Resources): Promise<string[]> {
  const deployed = await deployedTemplate(provider);
  const config = await provider.getAwsSdkV3Config();
  const dynamo = new DynamoDBClient(config);
  const cloudFormation = new CloudFormationClient(config);
  try {
    const kept = await keptTables(dynamo, deployed.Resources ?? {}, wanted);
    if (kept.length > 0) await importTables(cloudFormation, provider.naming.getStackName(), deployed, wanted, kept);
    return kept.map(({ name }) => name);
  } finally {
    dynamo.destroy();
    cloudFormation.destroy();
  }
}

async function keptTables(dynamo: DynamoDBClient, deployed: Resources, wanted: Resources): Promise<KeptTable[]> {
  const kept: KeptTable[] = [];
  for (const [logicalId, { Type, Properties = {} }] of Object.entries(wanted)) {
    const { TableName: name } = Properties;
    if (Type !== "AWS::DynamoDB::Table" || typeof name !== "string" || Object.hasOwn(deployed, logicalId)) continue;
    const table = await find(dynamo, name);
    if (!table) continue;
    if (shapeOf(table) !== shapeOf(Properties))
      throw new Error(
        `The table ${name} was kept from an earlier stack and has other keys or indexes than this version makes: ` +
          "deploy the version that made it, and then this one.",
      );
    kept.push({ logicalId, name });
  }
  return kept;
}

async function find(dynamo: DynamoDBClient, TableName: string): Promise<TableDescription | undefined> {
  try {
    return (await dynamo.send(new DescribeTableCommand({ TableName }))).Table;
  } catch (cause) {
    if ((cause as Error).name === "ResourceNotFoundException") return undefined;
    throw cause;
  }
}

/** Keys and indexes, in words that are the same for a table and for its template. */
function shapeOf(table: object): string {
  const { KeySchema, GlobalSecondaryIndexes = [] } = table as Pick<
    TableDescription,
    "KeySchema" | "GlobalSecondaryIndexes"
  >;
  const keys = (schema: TableDescription["KeySchema"]) =>
    (schema ?? []).map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`).sort();
  const indexes = GlobalSecondaryIndexes.map(({ IndexName, KeySchema: own }) => [IndexName, ...keys(own)].join(" "));
  return [...keys(KeySchema), ...indexes.sort()].join(", ");
}

async function importTables(
  client: CloudFormationClient,
  StackName: string,
  deployed: { readonly Resources?: Resources },
  wanted: Resources,
  kept: readonly KeptTable[],
): Promise<void> {
  const added = Object.fromEntries(kept.map(({ logicalId }) => [logicalId, wanted[logicalId]]));
  const template = { ...deployed, Resources: { ...deployed.Resources, ...added } };
  const name = { StackName, ChangeSetName: CHANGE_SET };
  await client.send(
    new CreateChangeSetCommand({
      ...name,
      ChangeSetType: "IMPORT",
      TemplateBody: JSON.stringify(template),
      Capabilities: ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
      ResourcesToImport: kept.map(({ logicalId, name: TableName }) => ({
        ResourceType: "AWS::DynamoDB::Table",
        LogicalResourceId: logicalId,
        ResourceIdentifier: { TableName },
      })),
    }),
  );
  await waitUntilChangeSetCreateComplete({ client, ...WAITING }, name);
  await client.send(new ExecuteChangeSetCommand(name));
  await waitUntilStackImportComplete({ client, ...WAITING }, { StackName });
}
