import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchWriteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import type { z } from "zod";
import { awsClient } from "./aws.ts";
import { awsError } from "./aws-errors.ts";
import { batchGet, MAX_ROUNDS, unfinished } from "./batch-get.ts";
import { chunks } from "./chunks.ts";
import { ContractError } from "./errors.ts";
import { describeIssues } from "./issues.ts";

/** A kept value with its revision, which grows by one with every write. */
export interface Kept<T> {
  readonly value: T;
  readonly revision: number;
}

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
   * The value under a key, strongly consistent; undefined when there is none or its time has passed.
   * @throws ContractError when it does not have the shape of `schema`
   */
  read<S extends z.ZodType>(key: string, schema: S): Promise<Kept<z.infer<S>> | undefined>;
  /** The values of many keys; those without a value, or of another shape, are missing from the answer. */
  readMany<S extends z.ZodType>(keys: readonly string[], schema: S): Promise<Map<string, z.infer<S>>>;
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
      if (!item || !isAlive(item)) return undefined;
      const result = schema.safeParse(item.value);
      if (result.success) return { value: result.data, revision: item.revision ?? 0 };
      const problems = describeIssues(result.error.issues);
      throw new ContractError("BAD_STATE", `The state kept under '${key}' does not have the agreed shape: ${problems}`);
    },

    async readMany(keys, schema) {
      const values = new Map<string, z.infer<typeof schema>>();
      const found = await batchGet(
        table,
        tableName,
        [...new Set(keys)].map((key) => ({ key })),
      );
      for (const item of found as unknown as Item[]) {
        const result = schema.safeParse(item.value);
        if (isAlive(item) && result.success) values.set(item.key, result.data);
      }
      return values;
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
