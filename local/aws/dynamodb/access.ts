import { arn } from "../kernel/names.ts";
import type { Access } from "../kernel/service.ts";

const MAX_EXPRESSION = 4096;

type Value = Readonly<Record<string, unknown>>;
type Values = Readonly<Record<string, Value>>;

/** The members of item operations that decide what IAM is asked. */
export interface ItemInput {
  readonly TableName?: string;
  readonly IndexName?: string;
  readonly Item?: Values;
  readonly Key?: Values;
  readonly KeyConditionExpression?: string;
  readonly KeyConditions?: Readonly<Record<string, { readonly AttributeValueList?: readonly Value[] }>>;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Values;
}

/** Finds the partition key attribute of a table. */
export type PartitionKeyOf = (table: string) => string | undefined;

/** A table's name, given by name or by ARN. */
export function tableName(nameOrArn: string | undefined): string {
  return nameOrArn?.startsWith("arn:") ? (nameOrArn.split("/")[1] ?? "") : (nameOrArn ?? "");
}

export function tableArn(nameOrArn: string | undefined): string {
  return arn("dynamodb", `table/${tableName(nameOrArn)}`);
}

/**
 * What IAM is asked for one item operation: the table, or the index that is read, with the partition keys touched.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 */
export function itemAccess(action: string, input: ItemInput, partitionKeyOf: PartitionKeyOf): Access {
  const index = input.IndexName ? `/index/${input.IndexName}` : "";
  const keys = leadingKeys(input, input.IndexName ? undefined : partitionKeyOf(tableName(input.TableName)));
  return {
    action: `dynamodb:${action}`,
    resource: `${tableArn(input.TableName)}${index}`,
    ...(keys.length > 0 ? { conditions: { "dynamodb:LeadingKeys": keys } } : {}),
  };
}

/** The batch calls are actions of their own, on every table that they name. */
export function batchAccess(action: string, tables: Readonly<Record<string, unknown>>, keys: PartitionKeyOf): Access[] {
  return Object.entries(tables ?? {}).map(([table, requests]) => {
    const touched = batchItems(requests).flatMap((input) => leadingKeys(input, keys(tableName(table))));
    return {
      action: `dynamodb:${action}`,
      resource: tableArn(table),
      ...(touched.length > 0 ? { conditions: { "dynamodb:LeadingKeys": touched } } : {}),
    };
  });
}

function batchItems(requests: unknown): ItemInput[] {
  if (!Array.isArray(requests)) return ((requests as { Keys?: Values[] })?.Keys ?? []).map((Key) => ({ Key }));
  return requests.map((request) => request?.PutRequest ?? request?.DeleteRequest ?? {});
}

function leadingKeys(input: ItemInput, partitionKey: string | undefined): string[] {
  const value = partitionKey ? (input.Item?.[partitionKey] ?? input.Key?.[partitionKey]) : undefined;
  const found = value ?? queriedKey(input, partitionKey);
  return found ? Object.values(found).map(String) : [];
}

function queriedKey(input: ItemInput, partitionKey: string | undefined): Value | undefined {
  // A longer one is refused later; this search takes the square of its length.
  const condition = String(input.KeyConditionExpression ?? "").slice(0, MAX_EXPRESSION);
  for (const [, name = "", value = ""] of condition.matchAll(/(#?[\w.-]+)\s*=\s*(:\w+)/g)) {
    const attribute = name.startsWith("#") ? input.ExpressionAttributeNames?.[name] : name;
    if (attribute === partitionKey || partitionKey === undefined) return input.ExpressionAttributeValues?.[value];
  }
  return partitionKey ? input.KeyConditions?.[partitionKey]?.AttributeValueList?.[0] : undefined;
}
