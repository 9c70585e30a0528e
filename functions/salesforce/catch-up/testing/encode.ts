/** The part of Avro's schemas that change events use. https://avro.apache.org/docs/1.12.0/specification/ */
export type Schema =
  | "null"
  | "boolean"
  | "int"
  | "long"
  | "double"
  | "string"
  | readonly Schema[]
  | { readonly type: "enum"; readonly name: string; readonly symbols: readonly string[] }
  | { readonly type: "array"; readonly items: Schema }
  | RecordSchema;

export interface RecordSchema {
  readonly type: "record";
  readonly name: string;
  readonly namespace?: string;
  readonly fields: readonly { readonly name: string; readonly type: Schema }[];
}

/** Avro's binary encoding, written from its specification; a member that a record lacks is null. */
export function encode(schema: Schema, value: unknown): Buffer {
  if (isUnion(schema)) {
    const branch = schema.findIndex((one) => fits(one, value));
    return Buffer.concat([varint(BigInt(branch)), encode(schema[branch] as Schema, value)]);
  }
  if (typeof schema === "string") return encodePrimitive(schema, value);
  if (schema.type === "enum") return varint(BigInt(schema.symbols.indexOf(value as string)));
  if (schema.type === "array") {
    const items = value as readonly unknown[];
    if (items.length === 0) return varint(0n);
    const encoded = items.map((item) => encode(schema.items, item));
    return Buffer.concat([varint(BigInt(items.length)), ...encoded, varint(0n)]);
  }
  const members = value as Record<string, unknown>;
  return Buffer.concat(schema.fields.map(({ name, type }) => encode(type, members[name] ?? null)));
}

function encodePrimitive(type: string, value: unknown): Buffer {
  if (type === "null") return Buffer.alloc(0);
  if (type === "boolean") return Buffer.from([value ? 1 : 0]);
  if (type === "int" || type === "long") return varint(BigInt(value as number | bigint));
  if (type === "string") {
    const text = Buffer.from(value as string);
    return Buffer.concat([varint(BigInt(text.length)), text]);
  }
  const double = Buffer.alloc(8);
  double.writeDoubleLE(value as number);
  return double;
}

/** Zig-zag, then seven bits a byte, the lowest first. */
function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  do {
    const more = rest > 0x7fn;
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function isUnion(schema: Schema): schema is readonly Schema[] {
  return Array.isArray(schema);
}

function fits(schema: Schema, value: unknown): boolean {
  if (value === null) return schema === "null";
  if (typeof value === "object") return typeof schema === "object";
  if (typeof value === "string") return schema === "string";
  if (typeof value === "boolean") return schema === "boolean";
  return schema === "int" || schema === "long" || schema === "double";
}
