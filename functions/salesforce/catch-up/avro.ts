import avro from "avsc";
import { ContractError } from "#shared/errors.ts";

type Json = Record<string, unknown>;

/** Turns the Avro payload of one schema into the JSON that Event Relay sends for the same change. */
export type DecodePayload = (payload: Buffer) => Json;

/** A 64-bit integer as a number where that is exact, as text otherwise: commit numbers have 19 digits. */
const long = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => exact(buffer.readBigInt64LE()),
  toBuffer: (value: number | string) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(BigInt(value));
    return buffer;
  },
  fromJSON: (value: number | string) => value,
  toJSON: (value: number | string) => value,
  isValid: (value: unknown) => typeof value === "string" || Number.isSafeInteger(value),
  compare: (a: number | string, b: number | string) => Number(BigInt(a) - BigInt(b)),
});

function exact(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/**
 * The Avro type of a schema, with exact longs and plain unions.
 * @throws ContractError when the text is no Avro schema
 */
export function parseSchema(schemaJson: string): avro.types.RecordType {
  try {
    const schema = JSON.parse(schemaJson);
    const type = avro.Type.forSchema(schema, { registry: { long }, omitRecordMethods: true });
    if (type instanceof avro.types.RecordType) return type;
  } catch (cause) {
    throw new ContractError("BAD_SCHEMA", "Salesforce's event schema is not valid Avro.", { cause });
  }
  throw new ContractError("BAD_SCHEMA", "Salesforce's event schema is not an Avro record.");
}

/**
 * A decoder for the payloads of a schema. In Avro a field that did not change is null, like one that was emptied; only the
 * header's bitmaps tell them apart. In the relay's JSON, which comes out here, the one is absent and the other is null.
 * https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-deserialization-considerations.html
 * @throws ContractError when the schema is not one of a change event; the decoder, when the payload does not fit it
 */
export function payloadDecoder(schemaJson: string): DecodePayload {
  const type = parseSchema(schemaJson);
  if (!type.fields.some(({ name }) => name === "ChangeEventHeader"))
    throw new ContractError("NOT_A_CHANGE", `Events of schema ${type.name} are no change events.`);
  return (payload) => {
    const { ChangeEventHeader, ...fields } = decode(type, payload);
    const { nulledFields, diffFields, changedFields, ...header } = ChangeEventHeader as Json;
    const nulled = new Set(fieldNames(nulledFields, type));
    const diffs = new Set(fieldNames(diffFields, type));
    const body = toRelayShape(fields, "", nulled, diffs);
    return { ChangeEventHeader: { ...header, changedFields: fieldNames(changedFields, type) }, ...body };
  };
}

function decode(type: avro.types.RecordType, payload: Buffer): Json {
  try {
    return type.fromBuffer(payload) as Json;
  } catch (cause) {
    throw new ContractError("BAD_PAYLOAD", `An event does not fit its schema ${type.name}.`, { cause });
  }
}

/** Leaves out what did not change; `prefix` is the compound field around, with its dot. */
function toRelayShape(fields: Json, prefix: string, nulled: ReadonlySet<string>, diffs: ReadonlySet<string>): Json {
  const shaped: Json = {};
  for (const [name, value] of Object.entries(fields)) {
    const path = prefix + name;
    const parts = value === null ? nulledParts(path, nulled) : value;
    if (isCompound(parts)) shaped[name] = toRelayShape(parts, `${path}.`, nulled, diffs);
    else if (parts !== null) shaped[name] = diffs.has(path) ? { diff: parts } : parts;
    else if (nulled.has(path)) shaped[name] = null;
  }
  return shaped;
}

/** A compound field that is null as a whole while some of its parts were emptied: those parts. */
function nulledParts(path: string, nulled: ReadonlySet<string>): Json | null {
  if (nulled.has(path)) return null;
  const parts = [...nulled].filter((name) => name.startsWith(`${path}.`));
  return parts.length > 0 ? Object.fromEntries(parts.map((name) => [name.slice(path.length + 1), null])) : null;
}

function isCompound(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Buffer.isBuffer(value) && !Array.isArray(value);
}

const BITMAP = /^(?:(\d+)-)?(0x[0-9a-f]+)$/i;

/** Names of the fields that bitmaps stand for: `0x…` for the fields of the record, `4-0x…` for the parts of its fifth. */
function fieldNames(bitmaps: unknown, { fields }: avro.types.RecordType): string[] {
  return ((bitmaps ?? []) as string[]).flatMap((text) => {
    const [, parent, bits] = BITMAP.exec(text) ?? [];
    if (!bits) return [text];
    if (parent === undefined) return positions(bits).map((at) => nameAt(fields, at));
    const field = fields[Number(parent)];
    const parts = field ? (compoundType(field.type)?.fields ?? []) : [];
    return positions(bits).map((at) => `${nameAt(fields, Number(parent))}.${nameAt(parts, at)}`);
  });
}

/** A schema that is older than the event may lack a field; its position is better than nothing. */
function nameAt(fields: readonly { readonly name: string }[], position: number): string {
  return fields[position]?.name ?? `#${position}`;
}

/** Positions of the bits that are set; the last bit is the first field's. */
function positions(bits: string): number[] {
  return [...BigInt(bits).toString(2)].reverse().flatMap((bit, position) => (bit === "1" ? [position] : []));
}

function compoundType(type: avro.Type): avro.types.RecordType | undefined {
  if (type instanceof avro.types.RecordType) return type;
  const branches = "types" in type ? (type.types as avro.Type[]) : [];
  return branches.find((branch) => branch instanceof avro.types.RecordType);
}
