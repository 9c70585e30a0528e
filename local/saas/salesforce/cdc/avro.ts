import type { ObjectType } from "../fields.ts";
import { type EventSchema, schemaOf } from "./avro-schema.ts";
import { toBitmaps } from "./bitmap.ts";
import { type ChangeEvent, isGap } from "./event.ts";

/**
 * The payload of an event as the Pub/Sub API carries it: every field of the schema is there, and null when it was not
 * changed; the bitmaps of the header tell cleared fields from unchanged ones.
 * https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-avro-serialization.html
 */
export function toAvro(event: ChangeEvent, type: ObjectType): Buffer {
  const schema = schemaOf(type);
  return schema.type.toBuffer({ ChangeEventHeader: header(event, schema), ...body(event, type, schema) });
}

function header(event: ChangeEvent, { shape }: EventSchema): Record<string, unknown> {
  const { transaction } = event;
  const named = flatten(event.fields);
  const isUpdate = event.changeType === "UPDATE";
  const nulled = isUpdate ? named.filter(([, value]) => value === null).map(([name]) => name) : [];
  const diffs = named.filter(([, value]) => isDiff(value)).map(([name]) => name);
  return {
    entityName: event.entityName,
    recordIds: event.recordIds,
    changeType: event.changeType,
    changeOrigin: isGap(event.changeType) ? "" : transaction.changeOrigin,
    transactionKey: transaction.transactionKey,
    sequenceNumber: event.sequenceNumber,
    commitTimestamp: transaction.commitTimestamp,
    commitNumber: BigInt(transaction.commitNumber),
    commitUser: transaction.commitUser,
    nulledFields: toBitmaps(nulled, shape),
    diffFields: toBitmaps(diffs, shape),
    changedFields: toBitmaps(event.changedFields, shape),
  };
}

/** Field names and values, parts of compounds as `BillingAddress.City`. */
function flatten(fields: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    if (value === null || typeof value !== "object" || isDiff(value)) return [[name, value]];
    return Object.entries(value).map(([part, inner]) => [`${name}.${part}`, inner]);
  });
}

function body(event: ChangeEvent, type: ObjectType, { shape }: EventSchema): Record<string, unknown> {
  const value = (fieldName: string, given: unknown): unknown => {
    if (given === undefined || given === null) return null;
    if (isDiff(given)) return given.diff;
    const kind = type.fields.get(fieldName.toLowerCase())?.type;
    return kind === "date" || kind === "datetime" ? Date.parse(String(given)) : given;
  };
  return Object.fromEntries(
    shape.names.slice(1).map((name) => {
      const given = event.fields[name];
      const parts = shape.compounds.get(name);
      if (!parts || given === null || typeof given !== "object") return [name, value(name, given)];
      const told = given as Record<string, unknown>;
      return [name, Object.fromEntries(parts.map((part) => [part, told[part] ?? null]))];
    }),
  );
}

function isDiff(value: unknown): value is { diff: string } {
  return typeof value === "object" && value !== null && "diff" in value;
}
