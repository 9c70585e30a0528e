import { isDeepStrictEqual } from "node:util";
import { AwsError, TemplateError } from "../kernel/errors.ts";
import { physicalName } from "../kernel/names.ts";
import type { ResourceProvider, TemplateResource } from "../kernel/service.ts";
import { tableArn } from "./access.ts";
import type { Engine, TableDescription } from "./engine.ts";

const INDEX_MEMBERS = ["IndexName", "KeySchema", "Projection", "ProvisionedThroughput", "OnDemandThroughput"];
const INDEXES = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] as const;

/** What is told of the template's tables. */
export interface TableEvents {
  made(table: TableDescription, resource: TemplateResource): void;
  /** @throws AwsError when the table must not be deleted */
  beforeDelete(table: string): void;
  deleted(table: string): void;
}

/**
 * Tables of the template. A table that a state folder brought back is kept as it is.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
 */
export function tableProvider(engine: Engine, events: TableEvents): ResourceProvider {
  return {
    type: "AWS::DynamoDB::Table",
    properties: [
      ...["TableName", "KeySchema", "AttributeDefinitions", "BillingMode", "ProvisionedThroughput", ...INDEXES],
      ...["TimeToLiveSpecification", "DeletionProtectionEnabled"],
      // Without effect on a laptop: encryption, backups, price, labels, throttles.
      ...["SSESpecification", "PointInTimeRecoverySpecification", "TableClass", "Tags", "OnDemandThroughput"],
      "ContributorInsightsSpecification",
    ],
    async create(resource) {
      for (const kind of INDEXES) checkIndexes(resource, kind);
      const table = await findOrCreate(engine, resource);
      events.made(table, resource);
      return {
        ref: table.TableName,
        attributes: { Arn: tableArn(table.TableName), TableId: table.TableId },
      };
    },
    async taken(resource) {
      const name = nameOf(resource);
      return (await find(engine, name)) ? name : undefined;
    },
    async delete({ ref }) {
      if (!(await find(engine, ref))) return;
      events.beforeDelete(ref);
      await engine.run("DeleteTable", { TableName: ref });
      events.deleted(ref);
    },
  };
}

function checkIndexes({ logicalId, properties }: TemplateResource, kind: string): void {
  for (const [position, index] of (properties[kind] ?? []).entries())
    for (const member of Object.keys(index))
      if (!INDEX_MEMBERS.includes(member))
        throw new TemplateError(
          logicalId,
          `Properties.${kind}[${position}].${member}`,
          "the twin does not support this",
        );
}

async function findOrCreate(engine: Engine, resource: TemplateResource): Promise<TableDescription> {
  const wanted = createInput(resource);
  const existing = await find(engine, wanted.TableName);
  if (existing && !isDeepStrictEqual(shape(existing), shape(wanted)))
    throw new TemplateError(
      resource.logicalId,
      "Properties",
      resource.before
        ? "the twin changes neither keys nor indexes of a table"
        : `the kept table ${wanted.TableName} has other keys or indexes; start with --reset`,
    );
  if (existing) return existing;
  try {
    return (await engine.run<{ TableDescription: TableDescription }>("CreateTable", wanted)).TableDescription;
  } catch (cause) {
    if (cause instanceof AwsError) throw new TemplateError(resource.logicalId, "Properties", cause.message);
    throw cause;
  }
}

async function find(engine: Engine, TableName: string): Promise<TableDescription | undefined> {
  try {
    return (await engine.run<{ Table: TableDescription }>("DescribeTable", { TableName })).Table;
  } catch (cause) {
    if (cause instanceof AwsError && cause.code === "ResourceNotFoundException") return undefined;
    throw cause;
  }
}

function nameOf(resource: TemplateResource): string {
  return resource.properties.TableName ?? physicalName(resource, 255);
}

function createInput(resource: TemplateResource): Record<string, unknown> & { TableName: string } {
  const { properties } = resource;
  const input: Record<string, unknown> = {
    TableName: nameOf(resource),
  };
  for (const member of ["KeySchema", "AttributeDefinitions", "BillingMode"])
    if (properties[member]) input[member] = properties[member];
  if (properties.ProvisionedThroughput) input.ProvisionedThroughput = throughput(properties.ProvisionedThroughput);
  for (const kind of INDEXES)
    if (properties[kind])
      input[kind] = properties[kind].map(
        ({ IndexName, KeySchema, Projection, ProvisionedThroughput }: IndexProperties) => ({
          IndexName,
          KeySchema,
          Projection,
          ...(ProvisionedThroughput ? { ProvisionedThroughput: throughput(ProvisionedThroughput) } : {}),
        }),
      );
  return input as Record<string, unknown> & { TableName: string };
}

interface IndexProperties {
  readonly IndexName: string;
  readonly KeySchema: unknown;
  readonly Projection: unknown;
  readonly ProvisionedThroughput?: Readonly<Record<string, unknown>>;
}

/** Templates may write these numbers as text. */
function throughput(source: Readonly<Record<string, unknown>>): Record<string, number> {
  return Object.fromEntries(Object.entries(source).map(([member, value]) => [member, Number(value)]));
}

/** What of a table cannot be changed once it holds items. */
function shape(table: Readonly<Record<string, unknown>>): unknown {
  const indexes = INDEXES.map((kind) =>
    ((table[kind] ?? []) as IndexProperties[])
      .map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection }))
      .sort((a, b) => a.IndexName.localeCompare(b.IndexName)),
  );
  const definitions = [...(table.AttributeDefinitions as { AttributeName: string; AttributeType: string }[])];
  definitions.sort((a, b) => a.AttributeName.localeCompare(b.AttributeName));
  return JSON.parse(JSON.stringify({ keys: table.KeySchema, definitions, indexes }));
}
