import { createHash } from "node:crypto";
import avro from "avsc";
import type { Field, FieldType, ObjectType } from "../fields.ts";
import type { Shape } from "./bitmap.ts";
import { eventName } from "./event.ts";

/** The Avro schema of an object's change events. */
export interface EventSchema {
  /** A hash of the schema: the same object has the same id as long as its fields are the same. */
  readonly id: string;
  readonly json: string;
  readonly type: avro.Type;
  readonly shape: Shape;
}

const CHANGE_TYPES = [
  "CREATE",
  "UPDATE",
  "DELETE",
  "UNDELETE",
  "GAP_CREATE",
  "GAP_UPDATE",
  "GAP_DELETE",
  "GAP_UNDELETE",
  "GAP_OVERFLOW",
  "SNAPSHOT",
];
const texts = { type: "array", items: "string" };
const HEADER = {
  type: "record",
  name: "ChangeEventHeader",
  fields: [
    { name: "entityName", type: "string" },
    { name: "recordIds", type: texts },
    { name: "changeType", type: { type: "enum", name: "ChangeType", symbols: CHANGE_TYPES } },
    { name: "changeOrigin", type: "string" },
    { name: "transactionKey", type: "string" },
    { name: "sequenceNumber", type: "int" },
    { name: "commitTimestamp", type: "long" },
    { name: "commitNumber", type: "long" },
    { name: "commitUser", type: "string" },
    { name: "nulledFields", type: texts },
    { name: "diffFields", type: texts },
    { name: "changedFields", type: texts },
  ],
};
const PRIMITIVES: Partial<Record<FieldType, string>> = {
  boolean: "boolean",
  int: "int",
  double: "double",
  currency: "double",
  date: "long",
  datetime: "long",
};

/** Longs in full: commit numbers do not fit a double. */
export const exactLong = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: number | bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(BigInt(value));
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint" || Number.isSafeInteger(value),
  compare: (left: bigint, right: bigint) => (left === right ? 0 : left < right ? -1 : 1),
});

const schemas = new Map<string, EventSchema>();

/** @returns the schema of an object's events, built once */
export function schemaOf(type: ObjectType): EventSchema {
  const known = schemas.get(type.name);
  if (known) return known;
  const schema = build(type);
  schemas.set(type.name, schema);
  return schema;
}

function build(type: ObjectType): EventSchema {
  const told = [...type.fields.values()].filter((field) => !field.hiddenFromEvents);
  const compounds = new Map<string, Field[]>();
  for (const field of told)
    if (field.compound) compounds.set(field.compound.name, [...(compounds.get(field.compound.name) ?? []), field]);
  const names = [...new Set(told.map((field) => field.compound?.name ?? field.name))];
  const plain = new Map(told.filter((field) => !field.compound).map((field) => [field.name, field]));
  const declared = new Set<string>();
  const typeOf = (name: string): unknown[] => {
    const parts = compounds.get(name);
    const field = plain.get(name);
    const text = field && field.type !== "address" ? [primitive(field)] : [];
    return ["null", ...text, ...(parts ? [record(name, parts, declared, text.length > 0)] : [])];
  };
  const json = JSON.stringify({
    type: "record",
    name: eventName(type.name),
    namespace: "com.sforce.eventbus",
    fields: [
      { name: "ChangeEventHeader", type: HEADER },
      ...names.map((name) => ({ name, type: typeOf(name), default: null })),
    ],
  });
  return {
    id: createHash("md5").update(json).digest("base64url"),
    json,
    type: parse(json),
    shape: {
      names: ["ChangeEventHeader", ...names],
      compounds: new Map([...compounds].map(([name, parts]) => [name, parts.map(partOf)])),
    },
  };
}

/** Reads a schema with longs that keep all their digits. */
export function parse(json: string): avro.Type {
  return avro.Type.forSchema(JSON.parse(json), { registry: { long: exactLong }, wrapUnions: false });
}

/** A compound's type is declared where it comes first and named from then on. */
function record(name: string, parts: readonly Field[], declared: Set<string>, isSwitchable: boolean): unknown {
  const typeName = name === "Name" ? (isSwitchable ? "Switchable_PersonName" : "PersonName") : "Address";
  if (declared.has(typeName)) return typeName;
  declared.add(typeName);
  const fields = parts.map((part) => ({ name: partOf(part), type: ["null", primitive(part)], default: null }));
  return { type: "record", name: typeName, fields };
}

function partOf(field: Field): string {
  return field.compound?.part ?? field.name;
}

function primitive(field: Field): string {
  return PRIMITIVES[field.type] ?? "string";
}
