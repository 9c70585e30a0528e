import { isDeepStrictEqual } from "node:util";
import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DynamoDBDocumentClient,
  PutCommand,
  QueryCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from "@aws-sdk/lib-dynamodb";
import type { z } from "zod";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { ContractError } from "../errors.ts";
import { describeIssues } from "../issues.ts";
import { countParked } from "../parked-metric.ts";
import { isAsSeen, isOneOf, type Seen, seenValues, statusValues } from "./conditions.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { pack, unpack } from "./pack.ts";
import { plainWords } from "./plain-words.ts";
import {
  type HistoryEntry,
  hasEnded,
  type ParkedItem,
  type ParkedStatus,
  type ParkedSummary,
  type ParkedWork,
  parkedItemSchema,
  parkedSummarySchema,
} from "./work.ts";

/**
 * Keeps a piece of parked work. The same parking kept twice is the same as once, whatever became of the work meanwhile. A
 * new one parks it again, with its tries added, when the work was redriven, when it ended, or when it fails for another
 * reason now. What was discarded stays so until then.
 */
export type Park = (work: ParkedWork) => Promise<void>;

/** Which pieces of work to list: of one status, by the time they were parked. */
export interface ParkedQuery {
  readonly status: ParkedStatus;
  /** ISO 8601 in UTC, both included. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly newestFirst?: boolean;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  readonly limit?: number;
}

export interface ParkedPage {
  readonly items: readonly ParkedSummary[];
  /** Undefined on the last page. */
  readonly next: string | undefined;
}

/** Who takes a piece of work a step further, when and why. */
export interface Step {
  readonly by: string;
  readonly at: Date;
  readonly note?: string;
  /** The work as it was judged: what was parked or redriven since then is not taken further. */
  readonly seen?: Seen;
}

/**
 * Where the work stands now; `moved` is false when somebody else was faster, and true for a step of one's own whose answer
 * was lost. `status` is undefined when there is none.
 */
export interface Moved {
  readonly moved: boolean;
  readonly status: ParkedStatus | undefined;
}

/**
 * The table of parked work. Every method throws TransientError, NotAuthorizedError or InvalidInputError for what DynamoDB
 * answers, and ContractError when a kept item does not have the agreed shape.
 */
export interface ParkedTable {
  readonly park: Park;
  /** A piece of work with its whole input, strongly consistent. */
  read(parkedId: string): Promise<ParkedItem | undefined>;
  /** A page of what has a status, oldest first unless asked otherwise; never a scan. Eventually consistent. */
  list(query: ParkedQuery): Promise<ParkedPage>;
  /** Takes a piece of work to another status, unless it has one from which that is no step, or is not as `step.seen`. */
  move(parkedId: string, to: ParkedStatus, step: Step): Promise<Moved>;
  /** Notes that what the redrive of that moment (ISO 8601) had to send is sent; false when the work went on from there. */
  noteSent(parkedId: string, redrivenAt: string, at: Date): Promise<boolean>;
}

const INDEX = "by-status";
const DAY_SECONDS = 86_400;
/** Days that an input, which may hold a customer's data, is kept after its work has ended; open work is nobody's to delete. */
const ENDED_DAYS = 90;

/** From which statuses a step may be made. What has ended comes back by being parked again alone. */
const FROM: Readonly<Record<ParkedStatus, readonly ParkedStatus[]>> = {
  parked: ["redriven"],
  redriven: ["parked", "redriven"],
  done: ["parked", "redriven"],
  superseded: ["parked", "redriven"],
  discarded: ["parked", "redriven"],
};
/** What a step to open work writes too: each redrive sends anew. */
const ALSO = { parked: " REMOVE redrivenAt, sentAt", redriven: ", redrivenAt = :at REMOVE sentAt" } as const;
/** What another parking for the same reason parks again. */
const PARKED_AGAIN: readonly ParkedStatus[] = ["redriven", "done", "superseded"];

/**
 * The table with this name: items by `parkedId` and `part`, index `by-status`, time to live in `expiresAt`. An input that
 * does not fit into one item goes on in parts 1, 2, …; part 0 is written last, so that what is listed is complete.
 */
export function createParkedTable(tableName: string, client = awsClient(new DynamoDBClient({}))): ParkedTable {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const TableName = tableName;

  /** False when the condition does not hold. */
  async function conditional(operation: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return false;
      throw awsError(cause, `DynamoDB ${operation} on ${tableName}`);
    }
  }

  const putNew = (Item: Record<string, unknown>) =>
    conditional("PutItem", () =>
      table.send(new PutCommand({ TableName, Item, ConditionExpression: "attribute_not_exists(parkedId)" })),
    );

  const update = (parkedId: string, part: number, input: Omit<UpdateCommandInput, "TableName" | "Key">) =>
    conditional("UpdateItem", () => table.send(new UpdateCommand({ TableName, Key: { parkedId, part }, ...input })));

  async function itemsOf(parkedId: string): Promise<Record<string, unknown>[]> {
    const items: Record<string, unknown>[] = [];
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const query = { KeyConditionExpression: "parkedId = :id", ExpressionAttributeValues: { ":id": parkedId } };
      const page = await table
        .send(new QueryCommand({ TableName, ...query, ConsistentRead: true, ExclusiveStartKey }))
        .catch((cause) => {
          throw awsError(cause, `DynamoDB Query on ${tableName}`);
        });
      items.push(...(page.Items ?? []));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    return items;
  }

  /** The parts behind the first live as long as it does: without a time, for good. */
  async function setExpiry(parkedId: string, expiresAt?: number): Promise<void> {
    const parts = (await itemsOf(parkedId)).map(({ part }) => Number(part)).filter((part) => part > 0);
    for (const part of parts)
      await update(parkedId, part, {
        ConditionExpression: "attribute_exists(parkedId)",
        UpdateExpression: expiresAt ? "SET expiresAt = :at" : "REMOVE expiresAt",
        ...(expiresAt ? { ExpressionAttributeValues: { ":at": expiresAt } } : {}),
      });
  }

  async function parkAgain({ input: _input, parking, parkedId, kind: _kind, ...work }: ParkedWork): Promise<void> {
    const { tries, ...changed } = work;
    const names = Object.keys(changed).filter((name) => changed[name as keyof typeof changed] !== undefined);
    const again = await update(parkedId, 0, {
      UpdateExpression:
        `SET #status = :parked, tries = tries + :tries, ${names.map((name) => `${name} = :${name}`).join(", ")}, ` +
        "history = list_append(if_not_exists(history, :none), :entry) " +
        `REMOVE redrivenAt, sentAt, endedAt, expiresAt${work.errorCode === undefined ? ", errorCode" : ""} ADD parkings :parking`,
      ConditionExpression: `attribute_exists(parkedId) AND NOT contains(parkings, :key) AND (${isOneOf(PARKED_AGAIN)} OR errorMessage <> :errorMessage)`,
      ExpressionAttributeNames: { "#status": "status" },
      ExpressionAttributeValues: {
        ...Object.fromEntries(names.map((name) => [`:${name}`, changed[name as keyof typeof changed]])),
        ...statusValues(PARKED_AGAIN),
        ":parked": "parked",
        ":tries": tries,
        ":none": [],
        ":entry": [parkedEntry(work)],
        ":key": parking ?? parkedId,
        ":parking": new Set([parking ?? parkedId]),
      },
    });
    if (!again) return;
    countParked();
    await setExpiry(parkedId);
  }

  async function read(parkedId: string): Promise<ParkedItem | undefined> {
    const items = await itemsOf(parkedId);
    if (items[0]?.part !== 0) return undefined;
    const { input: _input, inputGzip: _gzip, parkings: _parkings, ...about } = items[0];
    const item = parse(parkedItemSchema, about);
    return { ...item, history: completeHistory(item), input: unpack(items) };
  }

  return {
    read,

    async park({ input, parking, ...given }) {
      const work = { ...given, errorMessage: plainWords(given.errorMessage) };
      const { parkedId } = work;
      const [first, ...rest] = pack(input);
      for (const [index, inputGzip] of rest.entries()) await putNew({ parkedId, part: index + 1, inputGzip });
      const created = await putNew({
        ...work,
        ...first,
        part: 0,
        parts: rest.length + 1,
        status: "parked",
        history: [parkedEntry(work)],
        parkings: new Set([parking ?? parkedId]),
      });
      if (created) countParked();
      else await parkAgain({ ...work, input, parking });
    },

    async list({ status, from = "", to = "~", newestFirst = false, after, limit = 100 }) {
      const query = new QueryCommand({
        TableName,
        IndexName: INDEX,
        KeyConditionExpression: "#status = :status AND parkedAt BETWEEN :from AND :to",
        ExpressionAttributeNames: { "#status": "status" },
        // A key is never empty; "0" and "~" are before and after every moment.
        ExpressionAttributeValues: { ":status": status, ":from": from || "0", ":to": to },
        ScanIndexForward: !newestFirst,
        Limit: limit,
        ExclusiveStartKey: decodeCursor(after),
      });
      const page = await table.send(query).catch((cause) => {
        throw awsError(cause, `DynamoDB Query on ${tableName}`);
      });
      const items = (page.Items ?? []).map((item) => parse(parkedSummarySchema, item));
      return { items, next: encodeCursor(page.LastEvaluatedKey) };
    },

    async move(parkedId, to, step) {
      const at = step.at.toISOString();
      const expiresAt = keptUntil(at, ENDED_DAYS);
      const also = hasEnded(to) ? ", endedAt = :at, expiresAt = :expires" : ALSO[to];
      const entry = { status: to, at, by: step.by, ...(step.note ? { note: step.note } : {}) };
      const asSeen = step.seen ? ` AND ${isAsSeen(step.seen)}` : "";
      const moved = await update(parkedId, 0, {
        UpdateExpression: `SET #status = :to, history = list_append(if_not_exists(history, :none), :entry)${also}`,
        ConditionExpression: `attribute_exists(parkedId) AND ${isOneOf(FROM[to])}${asSeen}`,
        ExpressionAttributeNames: { "#status": "status" },
        ExpressionAttributeValues: {
          ...statusValues(FROM[to]),
          ":to": to,
          ":none": [],
          ":entry": [entry],
          ...(to === "parked" ? {} : { ":at": at }),
          ...(hasEnded(to) ? { ":expires": expiresAt } : {}),
          ...(step.seen ? seenValues(step.seen) : {}),
        },
      });
      const found = moved ? undefined : await read(parkedId);
      if (!moved && !isDeepStrictEqual(found?.history.at(-1), entry)) return { moved, status: found?.status };
      if (hasEnded(to)) await setExpiry(parkedId, expiresAt);
      return { moved: true, status: to };
    },

    noteSent(parkedId, redrivenAt, at) {
      return update(parkedId, 0, {
        UpdateExpression: "SET sentAt = :at",
        ConditionExpression: "#status = :redriven AND redrivenAt = :redrivenAt",
        ExpressionAttributeNames: { "#status": "status" },
        ExpressionAttributeValues: { ":at": at.toISOString(), ":redriven": "redriven", ":redrivenAt": redrivenAt },
      });
    },
  };
}

/** Epoch seconds, so many days after a moment. */
function keptUntil(from: string, days: number): number {
  return Math.floor(Date.parse(from) / 1000) + days * DAY_SECONDS;
}

function parkedEntry({ parkedAt, hop, errorName }: Pick<ParkedWork, "parkedAt" | "hop" | "errorName">): HistoryEntry {
  return { status: "parked", at: parkedAt, by: hop, note: errorName };
}

/** Whoever wrote the item, its life begins with being parked. */
function completeHistory(item: z.infer<typeof parkedItemSchema>): HistoryEntry[] {
  return item.history[0]?.status === "parked" ? item.history : [parkedEntry(item), ...item.history];
}

function parse<S extends typeof parkedSummarySchema>(schema: S, item: Record<string, unknown>): z.infer<S> {
  const result = schema.safeParse(item);
  if (!result.success)
    throw new ContractError(
      "BAD_PARKED",
      `Parked work ${String(item.parkedId)} does not have the agreed shape: ${describeIssues(result.error.issues)}`,
    );
  return { ...result.data, errorMessage: plainWords(result.data.errorMessage) };
}
