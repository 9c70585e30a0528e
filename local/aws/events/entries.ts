import { randomUUID } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import { ACCOUNT, REGION } from "../kernel/names.ts";
import { constraint, validation } from "./errors.ts";
import { parseExactly } from "./exact-json.ts";
import type { BusEvent } from "./model.ts";

/** An entry of PutEvents; `Time` in epoch seconds. */
export interface Entry {
  readonly Time?: number | string | Date;
  readonly Source?: string;
  readonly Resources?: readonly string[];
  readonly DetailType?: string;
  readonly Detail?: string;
  readonly EventBusName?: string;
  readonly TraceHeader?: string;
}

/** Bytes of all entries of one call together. */
const MAXIMUM_BYTES = 1_048_576;
const MAXIMUM_ENTRIES = 10;
const MAXIMUM_DEPTH = 1000;
const TIME_BYTES = 14;

/**
 * Checks a call as a whole.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
 * @throws AwsError `ValidationException` for no entries, more than ten, or more than 1 MB
 */
export function checkEntries(entries: readonly Entry[]): void {
  if (entries.length === 0) throw constraint("[]", "entries", "Member must have length greater than or equal to 1");
  if (entries.length > MAXIMUM_ENTRIES)
    throw constraint(
      `[${entries.map(describe).join(", ")}]`,
      "entries",
      `Member must have length less than or equal to ${MAXIMUM_ENTRIES}`,
    );
  if (entries.reduce((sum, entry) => sum + entryBytes(entry), 0) > MAXIMUM_BYTES)
    throw validation("Total size of the entries in the request is over the limit.");
}

function describe(entry: Entry): string {
  const of = (value: unknown) =>
    value === undefined ? "null" : Array.isArray(value) ? `[${value.join(", ")}]` : value;
  const members = [
    `time=${of(entry.Time)}`,
    `source=${of(entry.Source)}`,
    `resources=${of(entry.Resources)}`,
    `detailType=${of(entry.DetailType)}`,
    `detail=${of(entry.Detail)}`,
    `eventBusName=${of(entry.EventBusName)}`,
    `traceHeader=${of(entry.TraceHeader)}`,
  ];
  return `PutEventsRequestEntry(${members.join(", ")})`;
}

function entryBytes({ Time, Source, DetailType, Detail, Resources = [] }: Entry): number {
  const texts = [Source, DetailType, Detail, ...Resources].filter((text) => typeof text === "string");
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), Time === undefined ? 0 : TIME_BYTES);
}

/**
 * Makes the event of an entry.
 * @param owner `customer` may not use `aws.` sources; a `partner` may only use its own
 * @param now real milliseconds since the epoch
 * @throws AwsError with the code and text that belong into the entry's place in the answer
 */
export function toEvent(entry: Entry, owner: "customer" | "partner", now: number): BusEvent {
  for (const name of ["Source", "DetailType", "Detail"] as const)
    if (!entry[name])
      throw new AwsError("InvalidArgument", `Parameter ${name} is not valid. Reason: ${name} is a required argument.`);
  const source = entry.Source as string;
  if (owner === "customer" ? source.startsWith("aws.") : !source.startsWith("aws.partner/"))
    throw new AwsError("NotAuthorizedForSourceException", "Not authorized for the source.");
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": entry.DetailType as string,
    source,
    account: ACCOUNT,
    time: isoSeconds(timeOf(entry.Time, now)),
    region: REGION,
    resources: entry.Resources ?? [],
    detail: detailOf(entry.Detail as string),
  };
}

/** The time as events carry it: UTC, without a fraction. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
}

function timeOf(time: Entry["Time"], now: number): number {
  if (time === undefined) return now;
  const ms = typeof time === "number" ? time * 1000 : new Date(time).getTime();
  if (Number.isNaN(ms)) throw new AwsError("InvalidArgument", "Parameter Time is not valid.");
  return ms;
}

function detailOf(text: string): Record<string, unknown> {
  let detail: unknown;
  try {
    detail = parseExactly(text);
  } catch {
    detail = undefined;
  }
  if (detail === null || typeof detail !== "object" || Array.isArray(detail) || depthOf(detail) > MAXIMUM_DEPTH)
    throw new AwsError("MalformedDetail", "Detail is malformed.");
  return detail as Record<string, unknown>;
}

/** Depth of nesting, counted level by level because the text may be nested deeper than the stack. */
function depthOf(value: object): number {
  let depth = 0;
  for (let level: object[] = [value]; level.length > 0; depth += 1)
    level = level.flatMap((node) => Object.values(node).filter((child) => child !== null && typeof child === "object"));
  return depth;
}
