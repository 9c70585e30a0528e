import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchWriteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import type { z } from "zod";
import { awsClient } from "./aws.ts";
import { awsError } from "./aws-errors.ts";
import { batchGet, MAX_ROUNDS, unfinished } from "./batch-get.ts";
import { chunks } from "./chunks.ts";
import { describeIssues } from "./issues.ts";
import { log } from "./observability.ts";

/** A kept value with its revision, which grows by one with every write. */
export interface Kept<T> {
  readonly value: T;
  readonly revision: number;
}

/** What was found under a key: `value` is undefined when it has not the shape asked for; its revision lets it be replaced. */
export type Found<T> = Kept<T | undefined>;

/** One value to be kept. */
export interface Entry {
  readonly key: string;
  readonly value: unknown;
}

/**
 * What a connector remembers between invocations: values by key. Every method throws TransientError, NotAuthorizedError
 * or InvalidInputError for what DynamoDB answers.
 */
export interface StateTable {
  /**
   * The value under a key, strongly consistent; undefined when there is none or its time has passed. One of another shape
   * is logged and never thrown: it would be there at every try, and only its reader knows how to go on without it.
   */
  read<S extends z.ZodType>(key: string, schema: S): Promise<Found<z.infer<S>> | undefined>;
  /** As `read`, for many keys; those without a value are missing from the answer. */
  readMany<S extends z.ZodType>(keys: readonly string[], schema: S): Promise<Map<string, Found<z.infer<S>>>>;
  /**
   * Writes only if nobody wrote since `revision` (0: not there, or its time has passed); false when somebody did.
   * `expiresAt` in epoch seconds.
   */
  replace(key: string, value: unknown, revision: number, options?: { expiresAt?: number }): Promise<boolean>;
  /** Writes without looking. `expiresAt` in epoch seconds. */
  writeMany(entries: readonly Entry[], options?: { expiresAt?: number }): Promise<void>;
  /** Takes values away; one that is not there is no error. */
  removeMany(keys: readonly string[]): Promise<void>;
}

// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
const MAX_WRITE = 25;

interface Item {
  readonly key: string;
  readonly value: unknown;
  readonly revision?: number;
  /** Epoch seconds; DynamoDB removes the item some time after. */
  readonly expiresAt?: number;
}

/** The state table with this name; key attribute `key`, time to live in `expiresAt`. */
export function createStateTable(
  tableName: string,
  { client = awsClient(new DynamoDBClient({})), now = Date.now } = {},
): StateTable {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const failed = (operation: string) => (cause: unknown) => {
    throw awsError(cause, `DynamoDB ${operation} on ${tableName}`);
  };
  const isAlive = ({ expiresAt }: Item) => expiresAt === undefined || expiresAt * 1000 > now();

  async function writeBatch(requests: readonly unknown[]): Promise<void> {
    let left = requests;
    for (let round = 0; left.length > 0; round += 1) {
      if (round === MAX_ROUNDS) throw unfinished("BatchWriteItem", tableName);
      const command = new BatchWriteCommand({ RequestItems: { [tableName]: left as never } });
      const answer = await table.send(command).catch(failed("BatchWriteItem"));
      left = answer.UnprocessedItems?.[tableName] ?? [];
    }
  }

  return {
    async read(key, schema) {
      const command = new GetCommand({ TableName: tableName, Key: { key }, ConsistentRead: true });
      const item = (await table.send(command).catch(failed("GetItem"))).Item as Item | undefined;
      return item && isAlive(item) ? found(item, schema) : undefined;
    },

    async readMany(keys, schema) {
      const items = await batchGet(
        table,
        tableName,
        [...new Set(keys)].map((key) => ({ key })),
      );
      const alive = (items as unknown as Item[]).filter(isAlive);
      return new Map(alive.map((item) => [item.key, found(item, schema)]));
    },

    async replace(key, value, revision, { expiresAt } = {}) {
      // DynamoDB removes what has expired only days later; until then it is in nobody's way.
      const condition =
        revision === 0
          ? {
              ConditionExpression: "attribute_not_exists(revision) OR expiresAt <= :now",
              ExpressionAttributeValues: { ":now": Math.floor(now() / 1000) },
            }
          : { ConditionExpression: "revision = :revision", ExpressionAttributeValues: { ":revision": revision } };
      const command = new PutCommand({
        TableName: tableName,
        Item: { key, value, revision: revision + 1, expiresAt },
        ...condition,
      });
      try {
        await table.send(command);
        return true;
      } catch (cause) {
        if (cause instanceof ConditionalCheckFailedException) return false;
        throw awsError(cause, `DynamoDB PutItem on ${tableName}`);
      }
    },

    async writeMany(entries, { expiresAt } = {}) {
      const items = new Map(
        entries.map(({ key, value }): [string, Item] => [key, { key, value, ...(expiresAt ? { expiresAt } : {}) }]),
      );
      const puts = [...items.values()].map((Item) => ({ PutRequest: { Item } }));
      for (const some of chunks(puts, MAX_WRITE)) await writeBatch(some);
    },

    async removeMany(keys) {
      const deletes = [...new Set(keys)].map((key) => ({ DeleteRequest: { Key: { key } } }));
      for (const some of chunks(deletes, MAX_WRITE)) await writeBatch(some);
    },
  };
}

function found<S extends z.ZodType>({ key, value, revision = 0 }: Item, schema: S): Found<z.infer<S>> {
  const result = schema.safeParse(value);
  if (!result.success)
    log().warn("Kept state does not have the agreed shape and counts as none", {
      key,
      problems: describeIssues(result.error.issues),
    });
  return { value: result.data, revision };
}
