import { CloudFormationClient, DescribeStackResourcesCommand } from "@aws-sdk/client-cloudformation";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { bootTwin, type Twin } from "../../local/aws/boot.ts";
import { createDynamoDb } from "../../local/aws/dynamodb/index.ts";
import { ADMINISTRATOR } from "../../local/aws/kernel/kernel.ts";
import { createSsm } from "../../local/aws/ssm/index.ts";
import { table } from "../../local/aws/testing.ts";
import { takeOverTables } from "./kept-tables.ts";
import { withRetention } from "./retention.ts";

const STACK = "fleet-dev";
const setting = { Type: "AWS::SSM::Parameter", Properties: { Name: "/limit", Type: "String", Value: "25" } };
const customers = (key: string) => {
  const AttributeDefinitions = [{ AttributeName: key, AttributeType: "S" }];
  const KeySchema = [{ AttributeName: key, KeyType: "HASH" }];
  const properties = { TableName: "customers", AttributeDefinitions, KeySchema };
  return table(properties, { DeletionPolicy: "RetainExceptOnCreate" });
};

let twin: Twin;
let client: CloudFormationClient;

beforeEach(async () => {
  const services = [createSsm, createDynamoDb];
  const template = { Resources: { Setting: setting } };
  twin = await bootTwin({ template, artifacts: import.meta.dirname, stackName: STACK, services });
  client = new CloudFormationClient(config());
  const { TableName, BillingMode, AttributeDefinitions, KeySchema } = customers("id").Properties;
  await aws("CreateTable", { TableName, BillingMode, AttributeDefinitions, KeySchema });
  await aws("PutItem", { TableName, Item: { id: { S: "1" } } });
});
afterEach(async () => {
  client.destroy();
  await twin.stop();
});

const config = () => ({
  endpoint: twin.origin,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const aws = (operation: string, input: object) =>
  twin.kernel.call("dynamodb", operation, input, { principal: ADMINISTRATOR });
const provider = () => ({
  naming: { getStackName: () => STACK },
  getCloudFormationClient: async () => client,
  getAwsSdkV3Config: async () => config(),
});
const owned = async () => {
  const { StackResources = [] } = await client.send(new DescribeStackResourcesCommand({ StackName: STACK }));
  return StackResources.map(({ LogicalResourceId }) => LogicalResourceId);
};

test("a table that was kept becomes the stack's, with its items", async () => {
  const wanted = { Setting: setting, Customers: customers("id") };
  await expect(takeOverTables(provider(), wanted)).resolves.toEqual(["customers"]);
  await expect(owned()).resolves.toEqual(["Setting", "Customers"]);
  await expect(aws("Scan", { TableName: "customers" })).resolves.toMatchObject({ Count: 1 });
  await expect(takeOverTables(provider(), wanted)).resolves.toEqual([]);
});

test("one with other keys stops the deploy; one that is not there is left to it", async () => {
  await expect(takeOverTables(provider(), { Customers: customers("key") })).rejects.toThrow(
    /^The table customers was kept from an earlier stack and has other keys or indexes than this version makes/,
  );
  const other = table({ TableName: "others" }, { DeletionPolicy: "RetainExceptOnCreate" });
  await expect(takeOverTables(provider(), { Others: other })).resolves.toEqual([]);
  await expect(owned()).resolves.toEqual(["Setting"]);
});

test.each([
  ["true", "RetainExceptOnCreate", "Retain", true],
  [false, "Delete", "Delete", false],
])("retainData %j is said of tables and buckets, and of nothing else", (retainData, deletion, replacement, guarded) => {
  const resources = { Setting: setting, Customers: customers("id"), Pages: { Type: "AWS::S3::Bucket" } };
  const policies = { DeletionPolicy: deletion, UpdateReplacePolicy: replacement };
  expect(withRetention(resources, retainData)).toEqual({
    Customers: {
      ...resources.Customers,
      ...policies,
      Properties: { ...resources.Customers.Properties, DeletionProtectionEnabled: guarded },
    },
    Pages: { Type: "AWS::S3::Bucket", ...policies },
  });
});
