import { createHash } from "node:crypto";
import type { Field } from "../fields.ts";
import type { Value } from "../values.ts";
import type { Change } from "./event.ts";

/** Texts from this length on travel as a diff when they are updated. */
const DIFF_LENGTH = 1000;

/** What an event tells about a change, beside its header. */
export interface Told {
  readonly changedFields: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * CREATE and UNDELETE tell the filled fields, UPDATE what changed, DELETE nothing.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_body.htm
 */
export function tell(change: Change): Told {
  switch (change.kind) {
    case "CREATE":
    case "UNDELETE":
      return { changedFields: [], fields: compose(filledFields(change), change) };
    case "DELETE":
      return { changedFields: [], fields: {} };
    case "UPDATE": {
      const changed = changedFields(change);
      return { changedFields: changed.map(nameOf), fields: compose(changed, change) };
    }
  }
}

/** How much a change counts towards the size of its transaction: each updated field, and at least the record. */
export function weightOf(told: Told): number {
  return Math.max(1, told.changedFields.length);
}

function toldFields({ type, after }: Change): Field[] {
  const isPerson = type.name === "Account" && after.IsPersonAccount === true;
  return [...type.fields.values()].filter((field) => {
    if (field.hiddenFromEvents || field.type === "address") return false;
    // The name of a person account is told by its parts, that of a business account as a text.
    return !(field.name === "Name" && isPerson);
  });
}

function filledFields(change: Change): Field[] {
  return toldFields(change).filter((field) => (change.after[field.name] ?? null) !== null);
}

function changedFields(change: Change): Field[] {
  const { before, after } = change;
  return toldFields(change).filter(
    (field) => field.name === "LastModifiedDate" || (before?.[field.name] ?? null) !== (after[field.name] ?? null),
  );
}

function nameOf(field: Field): string {
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
