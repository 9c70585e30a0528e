import { z } from "zod";
import { ContractError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import { toLongId } from "../org/ids.ts";
import { changedValuesOf } from "./changed-values.ts";
import { unreadableError } from "./unreadable.ts";

const CHANGE_TYPES = ["CREATE", "UPDATE", "DELETE", "UNDELETE"] as const;
const GAP_TYPES = ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW"] as const;

/** Epoch milliseconds, from the number or from ISO 8601: the relay's encoding of dates is not documented. */
const timestampSchema = z.union(
  [z.number().int().min(0).max(Date.parse("9999-12-31")), z.iso.datetime({ offset: true })],
  { error: "must be epoch milliseconds or an ISO 8601 date" },
);

const namesSchema = z.array(z.string()).nullish();

// https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm
const headerSchema = z.looseObject({
  entityName: z.string().min(1),
  recordIds: z.array(z.string()),
  changeType: z.enum([...CHANGE_TYPES, ...GAP_TYPES]),
  changeOrigin: z.string().nullish(),
  transactionKey: z.string().min(1),
  sequenceNumber: z.number().int(),
  commitTimestamp: timestampSchema,
  commitUser: z.string().min(1),
  /** 19 digits in real orgs, beyond what a number holds; kept as text, for diagnosis only. */
  commitNumber: z.string().nullish(),
  changedFields: namesSchema,
  nulledFields: namesSchema,
  diffFields: namesSchema,
});

const envelopeSchema = z.looseObject({
  id: z.string().min(1),
  source: z.string(),
  detail: z.looseObject({}),
});

/** A record id that one change event names and that cannot be used, with the reason. */
export interface RefusedId {
  readonly recordId: string;
  readonly error: Error;
}

/** Records that changed without being named: a transaction with too many changes, or a wildcard instead of ids. */
export interface UnnamedRecords {
  readonly reason: "overflow" | "wildcard";
  /** What stands in place of ids, such as `001*`; at least one. */
  readonly placeholders: readonly string[];
}

/** Where a change event came from. */
export interface EventSource {
  /** Id of the EventBridge event. */
  readonly eventId: string;
  /** 18-character organisation id; undefined when the event does not name it, as AppFlow's do not. */
  readonly orgId: string | undefined;
  /** The catch-up found it, because the live feed had not brought it. */
  readonly isCaughtUp: boolean;
}

/** One change event of Salesforce, whichever way it came. */
export interface ChangeEvent extends EventSource {
  /** API name of the object, such as `Account`; also objects that the fleet does not follow. */
  readonly entityName: string;
  readonly changeType: (typeof CHANGE_TYPES | typeof GAP_TYPES)[number];
  /** 18-character ids, each once; none when the event tells of records without naming them. */
  readonly recordIds: readonly string[];
  readonly refusedIds: readonly RefusedId[];
  /** Set when records changed that the event does not name, so that only a comparison of all can tell which. */
  readonly unnamed: UnnamedRecords | undefined;
  readonly changeOrigin: string;
  /** Names as `BillingAddress.Street`; empty unless it is an UPDATE. */
  readonly changedFields: readonly string[];
  /** What the change set, by the same names; without text diffs. Dates as the feed writes them. */
  readonly changedValues: ReadonlyMap<string, unknown>;
  readonly transactionKey: string;
  readonly sequenceNumber: number;
  /** Epoch milliseconds. */
  readonly commitTimestamp: number;
  readonly commitUser: string;
  readonly commitNumber: string | undefined;
}

/**
 * Decodes one message of the change queue: an EventBridge event whose `detail` is Event Relay's (`payload` inside) or
 * AppFlow's (flat).
 * @throws ContractError when the message has not the agreed shape, or catch-up could not decode the event
 */
export function decodeChange(body: string): ChangeEvent {
  const envelope = envelopeSchema.safeParse(parseExactly(body));
  if (!envelope.success)
    throw new ContractError("NOT_AN_EVENT", `Not an EventBridge event: ${describeIssues(envelope.error.issues)}`);
  const { id, source, detail } = envelope.data;
  if (detail.unreadable !== undefined) throw unreadableError(detail.unreadable);
  return readChange(detail.payload ?? detail, { eventId: id, orgId: orgIdOf(source), isCaughtUp: isCatchUp(source) });
}

/**
 * Reads a change event out of its record: `ChangeEventHeader` with the changed fields beside it, in either encoding of
 * dates and of unchanged fields. One bad id among good ones is kept apart in `refusedIds`; the good ones can still be
 * worked.
 * @throws ContractError when the record has not the agreed shape
 */
export function readChange(record: unknown, source: EventSource): ChangeEvent {
  const header = readHeader(record);
  const { changedFields, nulledFields, diffFields } = header;
  const names = {
    changedFields: changedFields ?? [],
    nulledFields: nulledFields ?? [],
    diffFields: diffFields ?? [],
  };
  return {
    ...source,
    entityName: header.entityName,
    changeType: header.changeType,
    ...readRecordIds(header),
    changeOrigin: header.changeOrigin ?? "",
    changedFields: names.changedFields,
    changedValues: changedValuesOf(record as Record<string, unknown>, { changeType: header.changeType, ...names }),
    transactionKey: header.transactionKey,
    sequenceNumber: header.sequenceNumber,
    commitTimestamp: new Date(header.commitTimestamp).getTime(),
    commitUser: header.commitUser,
    commitNumber: header.commitNumber ?? undefined,
  };
}

/** As JSON.parse, but `commitNumber` keeps all its digits as text. */
function parseExactly(body: string): unknown {
  const keepDigits = (key: string, value: unknown, context?: { source?: string }) =>
    key === "commitNumber" && typeof value === "number" ? (context?.source ?? String(value)) : value;
  try {
    return JSON.parse(body, keepDigits as (key: string, value: unknown) => unknown);
  } catch (cause) {
    throw new ContractError("NOT_JSON", "The message body is not JSON.", { cause });
  }
}

function readHeader(record: unknown): z.infer<typeof headerSchema> {
  const header =
    typeof record === "object" && record !== null ? (record as Record<string, unknown>).ChangeEventHeader : undefined;
  if (typeof header !== "object" || header === null)
    throw new ContractError("NO_HEADER", "The event has no ChangeEventHeader, so it is no Change Data Capture event.");
  const result = headerSchema.safeParse(header);
  if (result.success) return result.data;
  throw badHeader(describeIssues(result.error.issues));
}

function badHeader(problems: string): ContractError {
  return new ContractError("BAD_HEADER", `ChangeEventHeader is wrong: ${problems}`);
}

/**
 * An overflow names an empty id, a lossy change of a field's type a wildcard such as `001*`.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_other_events_overflow.htm
 */
function readRecordIds({
  recordIds: ids,
  changeType,
}: z.infer<typeof headerSchema>): Pick<ChangeEvent, "recordIds" | "refusedIds" | "unnamed"> {
  if (changeType === "GAP_OVERFLOW")
    return {
      recordIds: [],
      refusedIds: [],
      unnamed: { reason: "overflow", placeholders: ids.length > 0 ? ids : ["*"] },
    };
  const recordIds = new Set<string>();
  const refusedIds: RefusedId[] = [];
  const placeholders = ids.filter((id) => id.endsWith("*"));
  for (const recordId of ids.filter((id) => !placeholders.includes(id)))
    try {
      recordIds.add(toLongId(recordId));
    } catch (error) {
      refusedIds.push({ recordId, error: error as Error });
    }
  const [refused] = refusedIds;
  if (recordIds.size === 0 && placeholders.length === 0)
    throw refused?.error ?? badHeader("recordIds: must name at least one record");
  const unnamed = placeholders.length > 0 ? ({ reason: "wildcard", placeholders } as const) : undefined;
  return { recordIds: [...recordIds], refusedIds, unnamed };
}

/** `aws.partner/salesforce.com/<organisation id>/<channel id>` names the organisation; AppFlow's source does not. */
function orgIdOf(source: string): string | undefined {
  const id = source.match(/^aws\.partner\/salesforce\.com\/([a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?)\//)?.[1];
  return id && toLongId(id);
}

/** The source that the catch-up gives its messages: the organisation's, with its own name for the channel. */
function isCatchUp(source: string): boolean {
  return source.endsWith("/catch-up");
}
