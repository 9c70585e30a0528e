import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, QueryCommand, type QueryCommandInput } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { INDEX, keysOf, type Mark, markName, markSchema, type Target } from "./marks.ts";

/** A customer of which a target is behind. */
export interface BehindCustomer {
  readonly customerId: string;
  readonly orgId: string;
  readonly target: Target;
  readonly version: string;
  /** ISO 8601 in UTC. */
  readonly nextTryAt: string;
  readonly mark: Mark;
}

export interface DueOptions {
  readonly limit: number;
  /** Takes also what is not due yet but was marked before this moment, such as the end of an outage; ISO 8601. */
  readonly markedBefore?: string | undefined;
  /** Organisations that cannot be reached. */
  readonly withoutOrgs?: readonly string[];
}

/** Who is behind: the sparse index of the customers table. Every method throws the fleet's errors for what DynamoDB answers. */
export interface BehindIndex {
  /** Customers to be tried now, those that wait longest first. */
  due(target: Target, options: DueOptions): Promise<BehindCustomer[]>;
  /** How many are behind, counted up to `most`. */
  count(target: Target, most?: number): Promise<number>;
  /** One page of a shard, in the order of the next try. */
  list(key: string, after?: object): Promise<{ customers: BehindCustomer[]; next: object | undefined }>;
}

const PAGE = 1_000;

const itemSchema = z.looseObject({
  customerId: z.string(),
  orgId: z.string(),
  version: z.string(),
  nextTryAt: z.string(),
  billingBehind: markSchema.optional(),
  salesforceBehind: markSchema.optional(),
});

/** @param now epoch milliseconds */
export function createBehindIndex(
  tableName: string,
  { client = awsClient(new DynamoDBClient({})), now = Date.now } = {},
): BehindIndex {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  async function query(input: Omit<QueryCommandInput, "TableName" | "IndexName">) {
    const command = new QueryCommand({ TableName: tableName, IndexName: INDEX, ...input });
    return table.send(command).catch((cause) => {
      throw awsError(cause, `DynamoDB Query on ${tableName}`);
    });
  }

  async function listDue(
    key: string,
    { limit, markedBefore, withoutOrgs = [] }: DueOptions,
  ): Promise<BehindCustomer[]> {
    const moment = new Date(now()).toISOString();
    const orgs = Object.fromEntries(withoutOrgs.map((orgId, index) => [`:org${index}`, orgId]));
    const found: BehindCustomer[] = [];
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await query({
        KeyConditionExpression: markedBefore ? "behindKey = :key" : "behindKey = :key AND nextTryAt <= :now",
        ExpressionAttributeValues: { ":key": key, ...(markedBefore ? {} : { ":now": moment }), ...orgs },
        ...(withoutOrgs.length > 0 ? { FilterExpression: `NOT orgId IN (${Object.keys(orgs).join(", ")})` } : {}),
        Limit: PAGE,
        ExclusiveStartKey,
      });
      const customers = (page.Items ?? []).flatMap((item) => toCustomer(key, item));
      found.push(
        ...customers.filter(
          ({ nextTryAt, mark }) => nextTryAt <= moment || (markedBefore !== undefined && mark.markedAt < markedBefore),
        ),
      );
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey && found.length < limit);
    return found;
  }

  return {
    async due(target, options) {
      const shards = await Promise.all(keysOf(target).map((key) => listDue(key, options)));
      return shards
        .flat()
        .toSorted((a, b) => (a.nextTryAt < b.nextTryAt ? -1 : 1))
        .slice(0, options.limit);
    },

    async count(target, most = Number.POSITIVE_INFINITY) {
      const counts = keysOf(target).map(async (key) => {
        let [sum, ExclusiveStartKey]: [number, Record<string, unknown> | undefined] = [0, undefined];
        do {
          const page = await query({
            KeyConditionExpression: "behindKey = :key",
            ExpressionAttributeValues: { ":key": key },
            Select: "COUNT",
            ExclusiveStartKey,
          });
          sum += page.Count ?? 0;
          ExclusiveStartKey = page.LastEvaluatedKey;
        } while (ExclusiveStartKey && sum < most);
        return sum;
      });
      return (await Promise.all(counts)).reduce((a, b) => a + b, 0);
    },

    async list(key, after) {
      const page = await query({
        KeyConditionExpression: "behindKey = :key",
        ExpressionAttributeValues: { ":key": key },
        Limit: PAGE,
        ExclusiveStartKey: after,
      });
      return { customers: (page.Items ?? []).flatMap((item) => toCustomer(key, item)), next: page.LastEvaluatedKey };
    },
  };
}

/** None for an item without a mark: it is in nobody's way. */
function toCustomer(key: string, item: Record<string, unknown>): BehindCustomer[] {
  const { data } = itemSchema.safeParse(item);
  const target = key.startsWith("billing#") ? "billing" : "salesforce";
  const mark = data?.[markName(target)];
  if (!data || !mark) return [];
  const { customerId, orgId, version, nextTryAt } = data;
  return [{ customerId, orgId, target, version, nextTryAt, mark }];
}
