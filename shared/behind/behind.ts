import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { retryAfter } from "./back-off.ts";
import {
  assignMark,
  behindKey,
  INDEX,
  keysOf,
  type Mark,
  markName,
  markSchema,
  markValues,
  type Target,
} from "./marks.ts";

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

/** Why a try failed, without personal data. */
export interface TryError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  /** Seconds that the target asked to wait. */
  readonly retryAfterSeconds?: number | undefined;
}

/** Parked work that keeps a target where it is until a newer version comes, or a person redrives it. */
export interface ParkedAt {
  readonly target: Target;
  readonly parkedId: string;
  /** Where the run stopped, such as `UpsertBilling`. */
  readonly state: string;
  readonly version: string;
}

export interface DueOptions {
  readonly limit: number;
  /** Takes also what is not due yet but was marked before this moment, such as the end of an outage; ISO 8601. */
  readonly markedBefore?: string | undefined;
  /** Organisations that cannot be reached. */
  readonly withoutOrgs?: readonly string[];
}

/** What of the customers table the index `behind` is about. Every method throws the fleet's errors for what DynamoDB answers. */
export interface Behind {
  /** Customers to be tried now, those that wait longest first. */
  due(target: Target, options: DueOptions): Promise<BehindCustomer[]>;
  /** How many are behind, counted up to `most`. */
  count(target: Target, most?: number): Promise<number>;
  /** One page of a shard, in the order of the next try. */
  list(key: string, after?: object): Promise<{ customers: BehindCustomer[]; next: object | undefined }>;
  /** Puts the next try off while somebody works at the customer; false when somebody else was faster. */
  take(customer: BehindCustomer, seconds: number): Promise<boolean>;
  /** The customer is in step with the target at this version: the next target of the chain is looked at. */
  reached(customerId: string, target: Target, version: string): Promise<void>;
  /**
   * Notes that a try failed, and when the next one is.
   * @returns the mark as it is now; undefined when the target is not behind (any more)
   */
  failed(customerId: string, target: Target, error: TryError): Promise<Mark | undefined>;
  /** Leaves the target where it is: only a person, or a newer version, brings it further. */
  giveUp(customerId: string, parked: ParkedAt): Promise<void>;
  /** Puts the customer behind the target and due at once, whatever is parked; false when it is not stored. */
  retryNow(customerId: string, target: Target): Promise<boolean>;
}

const itemSchema = z.looseObject({
  customerId: z.string(),
  orgId: z.string(),
  version: z.string(),
  nextTryAt: z.string(),
  billingBehind: markSchema.optional(),
  salesforceBehind: markSchema.optional(),
});

/** The marks in the table of customers. */
export function createBehind(
  tableName: string,
  { client = awsClient(new DynamoDBClient({})), now = Date.now, random = Math.random } = {},
): Behind {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  async function query(input: Omit<QueryCommandInput, "TableName" | "IndexName">) {
    const command = new QueryCommand({ TableName: tableName, IndexName: INDEX, ...input });
    return table.send(command).catch((cause) => {
      throw awsError(cause, `DynamoDB Query on ${tableName}`);
    });
  }

  /** False when the condition does not hold. */
  async function update(customerId: string, input: Omit<UpdateCommandInput, "TableName" | "Key">): Promise<boolean> {
    try {
      await table.send(new UpdateCommand({ TableName: tableName, Key: { customerId }, ...input }));
      return true;
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return false;
      throw awsError(cause, `DynamoDB UpdateItem on ${tableName}`);
    }
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

    take({ customerId, target, nextTryAt }, seconds) {
      return update(customerId, {
        UpdateExpression: "SET nextTryAt = :next, #mark.markedAt = :now",
        ConditionExpression: "behindKey = :key AND nextTryAt = :known",
        ExpressionAttributeNames: { "#mark": markName(target) },
        ExpressionAttributeValues: {
          ":key": behindKey(target, customerId),
          ":known": nextTryAt,
          ":now": new Date(now()).toISOString(),
          ":next": inSeconds(seconds),
        },
      });
    },

    async reached(customerId, target, version) {
      const { set, remove, values } = leaving(target, customerId, now());
      await update(customerId, {
        UpdateExpression: expression([...set, ...(target === "salesforce" ? ["writtenBack = :version"] : [])], remove),
        ConditionExpression: "behindKey = :key AND version = :version",
        ExpressionAttributeValues: { ...values, ":key": behindKey(target, customerId), ":version": version },
      });
    },

    async failed(customerId, target, { retryAfterSeconds, ...error }) {
      const command = new GetCommand({ TableName: tableName, Key: { customerId }, ConsistentRead: true });
      const { Item } = await table.send(command).catch((cause) => {
        throw awsError(cause, `DynamoDB GetItem on ${tableName}`);
      });
      const key = behindKey(target, customerId);
      const known = markSchema.safeParse(Item?.[markName(target)]).data;
      if (!known || Item?.behindKey !== key) return undefined;
      const tries = known.tries + 1;
      const mark = { ...known, tries, error: { ...error, message: error.message.slice(0, MAX_MESSAGE) } };
      // Whoever noted a failure at the same moment said the same.
      await update(customerId, {
        UpdateExpression: "SET #mark = :mark, nextTryAt = :next",
        ConditionExpression: "behindKey = :key AND #mark.tries = :tries",
        ExpressionAttributeNames: { "#mark": markName(target) },
        ExpressionAttributeValues: {
          ":key": key,
          ":tries": known.tries,
          ":mark": mark,
          ":next": inSeconds(retryAfter(tries, retryAfterSeconds, random())),
        },
      });
      return mark;
    },

    async giveUp(customerId, parked) {
      const { target, version } = parked;
      const { set, remove, values } = leaving(target, customerId, now());
      await update(customerId, {
        UpdateExpression: expression(["parked = :parked", ...set], remove),
        ConditionExpression: "behindKey = :key AND version = :version",
        ExpressionAttributeValues: {
          ...values,
          ":key": behindKey(target, customerId),
          ":version": version,
          ":parked": parked,
        },
      });
    },

    retryNow(customerId, target) {
      const isFirst = target === "billing";
      return update(customerId, {
        UpdateExpression: `SET ${markName(target)} = :mark, behindKey = :behindKey, nextTryAt = :nextTryAt REMOVE parked`,
        // Billing comes first; the account is told of it afterwards.
        ConditionExpression: `attribute_exists(customerId)${isFirst ? "" : " AND NOT begins_with(behindKey, :billing)"}`,
        ExpressionAttributeValues: {
          ...markValues(target, customerId, now(), undefined),
          ":nextTryAt": inSeconds(0),
          ...(isFirst ? {} : { ":billing": "billing#" }),
        },
      });
    },
  };

  function inSeconds(seconds: number): string {
    return new Date(now() + seconds * 1000).toISOString();
  }
}

const PAGE = 1_000;
const MAX_MESSAGE = 500;

/** How an update leaves a target behind it: the account is told next, and then nothing is behind any more. */
function leaving(target: Target, customerId: string, now: number) {
  return target === "salesforce"
    ? { set: [], remove: ["salesforceBehind", "behindKey", "nextTryAt"], values: {} }
    : {
        set: [assignMark("salesforce")],
        remove: ["billingBehind"],
        values: markValues("salesforce", customerId, now, undefined),
      };
}

function expression(set: readonly string[], remove: readonly string[]): string {
  return `${set.length > 0 ? `SET ${set.join(", ")} ` : ""}REMOVE ${remove.join(", ")}`;
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
