import { createHash } from "node:crypto";
import type { Field, ObjectType } from "./fields.ts";
import type { StoredRecord } from "./state.ts";
import type { Value } from "./values.ts";

export type ChangeType = "CREATE" | "UPDATE" | "DELETE" | "UNDELETE";

/** What one transaction did to one record. */
export interface Change {
  readonly type: ObjectType;
  readonly id: string;
  readonly kind: ChangeType;
  readonly before: StoredRecord | undefined;
  readonly after: StoredRecord;
}

/** The part of `ChangeEventHeader` that all events of a transaction share. */
export interface TransactionHeader {
  readonly changeOrigin: string;
  readonly transactionKey: string;
  readonly commitTimestamp: number;
  /** 19 digits; travels as a JSON number, above what a double can hold. */
  readonly commitNumber: string;
  readonly commitUser: string;
}

/** One event before it gets its place on the bus. */
export interface ChangeEvent {
  readonly entity: string;
  readonly detail: string;
}

interface Body {
  readonly changedFields: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Texts from this length on travel as a diff when they are updated. */
const DIFF_LENGTH = 1000;

/**
 * The change events of a transaction: the same change to many records of one object makes one event.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_subscribe_merged_events.htm
 */
export function toChangeEvents(changes: readonly Change[], header: TransactionHeader): ChangeEvent[] {
  const merged = new Map<string, { change: Change; body: Body; recordIds: string[] }>();
  for (const change of changes) {
    const body = bodyOf(change);
    const key = JSON.stringify([change.type.name, change.kind, body]);
    const same = merged.get(key);
    if (same) same.recordIds.push(change.id);
    else merged.set(key, { change, body, recordIds: [change.id] });
  }
  return [...merged.values()].map(({ change, body, recordIds }, index) => ({
    entity: change.type.name,
    detail: eventText(change.type.name, recordIds, change.kind, index + 1, body, header),
  }));
}

/** A header-only event, such as `GAP_UPDATE` or `GAP_OVERFLOW`, in place of an event given as text. */
export function toHeaderOnly(detail: string, changeType: string, recordIds?: readonly string[]): string {
  const header = JSON.parse(detail).payload.ChangeEventHeader;
  return JSON.stringify({
    payload: {
      ChangeEventHeader: {
        ...header,
        commitNumber: rawNumber(commitNumberOf(detail)),
        recordIds: recordIds ?? header.recordIds,
        changeType,
        changeOrigin: "",
        changedFields: undefined,
      },
    },
  });
}

/** All digits of the commit number in an event's text. */
function commitNumberOf(detail: string): string {
  return /"commitNumber":(\d+)/.exec(detail)?.[1] ?? "0";
}

function eventText(
  entityName: string,
  recordIds: readonly string[],
  changeType: ChangeType,
  sequenceNumber: number,
  body: Body,
  header: TransactionHeader,
): string {
  return JSON.stringify({
    payload: {
      ChangeEventHeader: {
        commitNumber: rawNumber(header.commitNumber),
        commitUser: header.commitUser,
        sequenceNumber,
        entityName,
        changeType,
        changedFields: body.changedFields,
        changeOrigin: header.changeOrigin,
        transactionKey: header.transactionKey,
        commitTimestamp: header.commitTimestamp,
        recordIds,
      },
      ...body.fields,
    },
  });
}

/** A JSON number with all its digits; JSON.stringify alone would round it. */
function rawNumber(digits: string): unknown {
  return (JSON as typeof JSON & { rawJSON(text: string): unknown }).rawJSON(digits);
}

function bodyOf(change: Change): Body {
  switch (change.kind) {
    case "CREATE":
    case "UNDELETE":
      return { changedFields: [], fields: compose(filledFields(change), change) };
    case "DELETE":
      return { changedFields: [], fields: {} };
    case "UPDATE": {
      const changed = changedFields(change);
      return { changedFields: changed.map(eventName), fields: compose(changed, change) };
    }
  }
}

function filledFields({ type, after }: Change): Field[] {
  return [...type.fields.values()].filter(
    (field) => !field.hiddenFromEvents && field.type !== "address" && (after[field.name] ?? null) !== null,
  );
}

function changedFields({ type, before, after }: Change): Field[] {
  return [...type.fields.values()].filter(
    (field) =>
      !field.hiddenFromEvents &&
      field.type !== "address" &&
      (field.name === "LastModifiedDate" || (before?.[field.name] ?? null) !== (after[field.name] ?? null)),
  );
}

function eventName(field: Field): string {
  return field.compound ? `${field.compound.name}.${field.compound.part}` : field.name;
}

/** The fields with the parts of addresses and names put into their compounds. */
function compose(fields: readonly Field[], change: Change): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of fields) {
    const value = eventValue(change, field);
    if (!field.compound) body[field.name] = value;
    else body[field.compound.name] = { ...(body[field.compound.name] as object), [field.compound.part]: value };
  }
  return body;
}

function eventValue({ kind, before, after }: Change, field: Field): unknown {
  const value: Value = after[field.name] ?? null;
  const old = before?.[field.name] ?? null;
  const isLongUpdate = kind === "UPDATE" && typeof value === "string" && value.length >= DIFF_LENGTH;
  return isLongUpdate && typeof old === "string" ? { diff: unifiedDiff(old, value) } : value;
}

function unifiedDiff(before: string, after: string): string {
  const old = before.split("\n");
  const fresh = after.split("\n");
  const hash = createHash("sha256").update(after).digest("hex");
  const lines = [...old.map((line) => `-${line}`), ...fresh.map((line) => `+${line}`)];
  return [`--- `, `+++ ${hash}`, `@@ -1,${old.length} +1,${fresh.length} @@`, ...lines].join("\n");
}
