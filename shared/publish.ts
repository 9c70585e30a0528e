import { randomUUID } from "node:crypto";
import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from "@aws-sdk/client-eventbridge";
import { awsClient } from "./aws.ts";
import { awsError, awsWords } from "./aws-errors.ts";
import { batchesOf, inParallel } from "./chunks.ts";
import type { DetailOf, EventContract } from "./contracts/event.ts";
import type { Metadata } from "./contracts/metadata.ts";
import { ContractError, InvalidInputError, NotAuthorizedError, TransientError } from "./errors.ts";
import { describeIssues } from "./issues.ts";

/** An event ready to be put on the fleet bus. */
export interface OutgoingEvent {
  readonly contract: EventContract;
  readonly detail: { readonly metadata: Metadata; readonly data: unknown };
}

/** Metadata of an event that is about to be made; its id and schema version are filled in. */
export interface NewMetadata {
  readonly eventId?: string;
  readonly occurredAt: string;
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceHeader?: string | undefined;
  readonly orgId: string;
  readonly actor: string;
  readonly lane?: "bulk" | undefined;
}

/** What became of one event; in the order given. */
export type Published = { readonly event: OutgoingEvent; readonly error?: Error };

/** Puts events on the fleet bus. */
export type Publish = (events: readonly OutgoingEvent[]) => Promise<readonly Published[]>;

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
const MAX_ENTRIES = 10;
const MAX_BYTES = 1024 * 1024;
const CALLS_AT_ONCE = 5;
const RETRYABLE_ENTRY_CODES = new Set(["InternalFailure", "InternalException", "ThrottlingException"]);

/**
 * Builds an event of `contract`.
 * @throws ContractError when the data does not fit the contract: the producer's mistake, named by path
 */
export function createEvent<C extends EventContract>(
  contract: C,
  metadata: NewMetadata,
  data: DetailOf<C>["data"],
): OutgoingEvent & { readonly detail: { readonly data: DetailOf<C>["data"] } } {
  const detail = { metadata: { eventId: randomUUID(), schemaVersion: 1 as const, ...metadata }, data };
  const result = contract.detail.safeParse(detail);
  if (result.success) return { contract, detail };
  throw new ContractError(
    "BAD_EVENT",
    `${contract.type} does not fit its contract: ${describeIssues(result.error.issues)}`,
  );
}

/**
 * A publisher for one bus: batches of ten entries and one megabyte, with every entry's own result checked.
 * An event that is too large alone fails with InvalidInputError, a throttled one with TransientError.
 */
export function createPublisher(busName: string, client = awsClient(new EventBridgeClient({}))): Publish {
  return async (events) => {
    const results = new Map<OutgoingEvent, Error>();
    const entries: Sized[] = [];
    for (const event of events) {
      const entry = toEntry(event, busName);
      const bytes = entrySize(entry);
      if (bytes <= MAX_BYTES) entries.push({ event, entry, bytes });
      else results.set(event, tooLarge(event, bytes));
    }
    const batches = batchesOf(entries, { maxEntries: MAX_ENTRIES, maxBytes: MAX_BYTES });
    const failures = await inParallel(batches, CALLS_AT_ONCE, (batch) => putBatch(client, batch));
    for (const [event, error] of failures.flat()) results.set(event, error);
    return events.map((event) => {
      const error = results.get(event);
      return error ? { event, error } : { event };
    });
  };
}

/**
 * Publishes events that belong together.
 * @throws the error of the first that was not taken; the others may have been
 */
export async function publishAll(publish: Publish, events: readonly OutgoingEvent[]): Promise<void> {
  for (const { error } of await publish(events)) if (error) throw error;
}

interface Sized {
  readonly event: OutgoingEvent;
  readonly entry: PutEventsRequestEntry;
  readonly bytes: number;
}

function toEntry({ contract, detail }: OutgoingEvent, busName: string): PutEventsRequestEntry {
  return {
    EventBusName: busName,
    Source: contract.source,
    DetailType: contract.type,
    Detail: JSON.stringify(detail),
    ...(detail.metadata.traceHeader ? { TraceHeader: detail.metadata.traceHeader } : {}),
  };
}

/** Bytes that EventBridge counts for an entry; the trace header is not among them. */
function entrySize({ Source = "", DetailType = "", Detail = "" }: PutEventsRequestEntry): number {
  return Buffer.byteLength(Source) + Buffer.byteLength(DetailType) + Buffer.byteLength(Detail);
}

async function putBatch(client: EventBridgeClient, batch: readonly Sized[]): Promise<[OutgoingEvent, Error][]> {
  try {
    const answer = await client.send(new PutEventsCommand({ Entries: batch.map(({ entry }) => entry) }));
    return batch.flatMap(({ event }, index): [OutgoingEvent, Error][] => {
      const { ErrorCode, ErrorMessage } = answer.Entries?.[index] ?? {};
      return ErrorCode ? [[event, entryError(ErrorCode, ErrorMessage)]] : [];
    });
  } catch (cause) {
    const error = awsError(cause, "EventBridge PutEvents");
    return batch.map(({ event }) => [event, error]);
  }
}

function entryError(code: string, message: string | undefined): Error {
  const text = `EventBridge refused the event: ${awsWords(code, message)}`;
  if (RETRYABLE_ENTRY_CODES.has(code)) return new TransientError(code, text);
  return code.includes("NotAuthorized") || code.includes("AccessDenied")
    ? new NotAuthorizedError(code, text)
    : new InvalidInputError(code, text);
}

function tooLarge(event: OutgoingEvent, bytes: number): Error {
  return new InvalidInputError(
    "EVENT_TOO_LARGE",
    `${event.contract.type} has ${bytes} bytes; EventBridge takes ${MAX_BYTES}. Shorten the record at its source.`,
  );
}
