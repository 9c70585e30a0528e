import { z } from "zod";
import { ContractError, InvalidInputError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import { toLongId } from "../org/ids.ts";

/** Objects whose changes the fleet follows. */
const ENTITIES = ["Account"] as const;

const CHANGE_TYPES = ["CREATE", "UPDATE", "DELETE", "UNDELETE"] as const;
const GAP_TYPES = ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"] as const;

/** Epoch milliseconds, from the number or from ISO 8601: the relay's encoding of dates is not documented. */
const timestampSchema = z.union(
  [z.number().int().min(0).max(Date.parse("9999-12-31")), z.iso.datetime({ offset: true })],
  {
    error: "must be epoch milliseconds or an ISO 8601 date",
  },
);

// https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm
const headerSchema = z.looseObject({
  entityName: z.string(),
  recordIds: z.array(z.string()).min(1, "must name at least one record"),
  changeType: z.enum([...CHANGE_TYPES, ...GAP_TYPES]),
  changeOrigin: z.string().default(""),
  transactionKey: z.string().min(1),
  sequenceNumber: z.number().int(),
  commitTimestamp: timestampSchema,
  commitUser: z.string().min(1),
  /** 19 digits in real orgs, beyond what a number holds; kept as text, for diagnosis only. */
  commitNumber: z.string().optional(),
  changedFields: z.array(z.string()).default([]),
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

/** One change event of Salesforce, whichever way it came. */
export interface ChangeEvent {
  /** Id of the EventBridge event. */
  readonly eventId: string;
  /** 18-character organisation id, when the partner event source names it. */
  readonly orgId: string | undefined;
  readonly entityName: (typeof ENTITIES)[number];
  readonly changeType: (typeof CHANGE_TYPES | typeof GAP_TYPES)[number];
  /** 18-character ids, each once. */
  readonly recordIds: readonly string[];
  readonly refusedIds: readonly RefusedId[];
  readonly changeOrigin: string;
  readonly changedFields: readonly string[];
  readonly transactionKey: string;
  readonly sequenceNumber: number;
  /** Epoch milliseconds. */
  readonly commitTimestamp: number;
  readonly commitUser: string;
  readonly commitNumber: string | undefined;
}

/**
 * Decodes one message of the change queue: an EventBridge event whose `detail` is Event Relay's (`payload` inside) or
 * AppFlow's (flat). One bad id among good ones is kept apart in `refusedIds`; the good ones can still be worked.
 * @throws ContractError when the message has not the agreed shape
 * @throws InvalidInputError when it tells of something that only a reconciliation can repair
 */
export function decodeChange(body: string): ChangeEvent {
  const envelope = envelopeSchema.safeParse(parseExactly(body));
  if (!envelope.success)
    throw new ContractError("NOT_AN_EVENT", `Not an EventBridge event: ${describeIssues(envelope.error.issues)}`);
  const { id, source, detail } = envelope.data;
  const header = readHeader(detail);
  const { recordIds, refusedIds } = readRecordIds(header.recordIds);
  return {
    ...header,
    eventId: id,
    orgId: orgIdOf(source),
    entityName: readEntity(header.entityName),
    recordIds,
    refusedIds,
    commitTimestamp: new Date(header.commitTimestamp).getTime(),
    commitNumber: header.commitNumber,
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

function readHeader(detail: Record<string, unknown>): z.infer<typeof headerSchema> {
  const record = (detail.payload ?? detail) as Record<string, unknown> | string;
  const header = typeof record === "object" ? record.ChangeEventHeader : undefined;
  if (typeof header !== "object" || header === null)
    throw new ContractError("NO_HEADER", "The event has no ChangeEventHeader, so it is no Change Data Capture event.");
  const { changeType, entityName } = header as Record<string, unknown>;
  // First of all: an overflow names no record.
  if (changeType === "GAP_OVERFLOW") {
    const entity = typeof entityName === "string" ? entityName : "an unnamed entity";
    throw new InvalidInputError(
      "GAP_OVERFLOW",
      `Salesforce left out changes of ${entity} because one transaction had too many; a reconciliation of all ${entity} records is needed.`,
    );
  }
  const result = headerSchema.safeParse(header);
  if (result.success) return result.data;
  throw new ContractError("BAD_HEADER", `ChangeEventHeader is wrong: ${describeIssues(result.error.issues)}`);
}

function readEntity(name: string): ChangeEvent["entityName"] {
  const entity = ENTITIES.find((known) => known === name);
  if (entity) return entity;
  throw new ContractError("UNKNOWN_ENTITY", `The fleet follows ${ENTITIES.join(", ")}, not ${name}.`);
}

function readRecordIds(ids: readonly string[]): Pick<ChangeEvent, "recordIds" | "refusedIds"> {
  const wildcard = ids.find((id) => id.endsWith("*"));
  if (wildcard)
    throw new InvalidInputError(
      "WILDCARD_IDS",
      `The change touches every record '${wildcard}', named one by one nowhere; a reconciliation is needed.`,
    );
  const recordIds = new Set<string>();
  const refusedIds: RefusedId[] = [];
  for (const recordId of ids)
    try {
      recordIds.add(toLongId(recordId));
    } catch (error) {
      refusedIds.push({ recordId, error: error as Error });
    }
  const [refused] = refusedIds;
  if (recordIds.size === 0 && refused) throw refused.error;
  return { recordIds: [...recordIds], refusedIds };
}

/** `aws.partner/salesforce.com/<organisation id>/<channel id>` names the organisation; AppFlow's source does not. */
function orgIdOf(source: string): string | undefined {
  const id = source.match(/^aws\.partner\/salesforce\.com\/([a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?)\//)?.[1];
  return id && toLongId(id);
}
