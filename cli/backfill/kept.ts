import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  type QueryCommandInput,
  type QueryCommandOutput,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { INDEX, keysOf } from "#shared/behind/marks.ts";
import type { Stack } from "../stack.ts";

const count = z.number().default(0);

/** How far a backfill is, as its runs keep it. */
const progressSchema = z.looseObject({
  orgId: z.string(),
  /** `plan`, `query`, `wait`, `list`, `load` or `finished`. */
  phase: z.string(),
  total: count,
  /** Accounts that Salesforce has listed so far. */
  listed: count,
  compared: count,
  sent: count,
  equal: count,
  behind: count,
  unusable: count,
  parked: count,
  /** Customers that billing follows with in a second, as planned. */
  billedPerSecond: z.number().optional(),
  startedAt: z.string(),
  /** When the first page was about to be loaded. */
  loadingAt: z.string().optional(),
});

export type Progress = z.infer<typeof progressSchema>;

/** What is kept of a backfill. */
export interface Kept {
  readonly progress: Progress;
  /** Number of the run that works at it, or worked at it last. */
  readonly run: number;
  /** An operator wants it to pause. */
  readonly paused: boolean;
  /** Its run has ended for that. */
  readonly halted: boolean;
}

const itemSchema = z.looseObject({
  progress: z.string().transform((text) => progressSchema.parse(JSON.parse(text))),
  run: z.number(),
  paused: z.boolean().default(false),
  halted: z.boolean().default(false),
});

/** What the tables know of backfills. */
export interface KeptBackfills {
  read(name: string): Promise<Kept | undefined>;
  /** Asks the run to end after the page it is at. */
  pause(name: string): Promise<void>;
  /** Takes that back; true when the run has ended for it, and another one must go on. */
  release(name: string): Promise<boolean>;
  /** Customers of an organisation that billing has not followed yet, and those that it refused, parked for a person. */
  billing(orgId: string): Promise<{ readonly waiting: number; readonly refused: number }>;
}

export function connectKept(stack: Stack, options: object): KeptBackfills {
  const table = DynamoDBDocumentClient.from(new DynamoDBClient(options));
  const TableName = stack.name("salesforce-state");
  const keyOf = (name: string) => ({ key: `backfill/${name}` });

  async function countOf(query: Omit<QueryCommandInput, "Select">): Promise<number> {
    let [sum, ExclusiveStartKey]: [number, Record<string, unknown> | undefined] = [0, undefined];
    do {
      const command = new QueryCommand({ ...query, Select: "COUNT", ExclusiveStartKey });
      const page: QueryCommandOutput = await table.send(command);
      sum += page.Count ?? 0;
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    return sum;
  }

  return {
    async read(name) {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keyOf(name), ConsistentRead: true }));
      return Item && itemSchema.safeParse(Item).data;
    },

    async pause(name) {
      const update = { UpdateExpression: "SET paused = :yes", ExpressionAttributeValues: { ":yes": true } };
      await table.send(new UpdateCommand({ TableName, Key: keyOf(name), ...update }));
    },

    async release(name) {
      const command = new UpdateCommand({
        TableName,
        Key: keyOf(name),
        UpdateExpression: "REMOVE paused, halted",
        ConditionExpression: "attribute_exists(progress)",
        ReturnValues: "ALL_OLD",
      });
      try {
        return (await table.send(command)).Attributes?.halted === true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async billing(orgId) {
      const waiting = keysOf("billing").map((key) =>
        countOf({
          TableName: stack.name("customers"),
          IndexName: INDEX,
          KeyConditionExpression: "behindKey = :key",
          FilterExpression: "orgId = :org",
          ExpressionAttributeValues: { ":key": key, ":org": orgId },
        }),
      );
      const parked = countOf({
        TableName: stack.name("parked"),
        IndexName: "by-status",
        KeyConditionExpression: "#status = :parked",
        FilterExpression: "orgId = :org AND hop = :hop",
        ExpressionAttributeNames: { "#status": "status" },
        ExpressionAttributeValues: { ":parked": "parked", ":org": orgId, ":hop": "customer-sync/UpsertBilling" },
      });
      return { waiting: (await Promise.all(waiting)).reduce((a, b) => a + b, 0), refused: await parked };
    },
  };
}
