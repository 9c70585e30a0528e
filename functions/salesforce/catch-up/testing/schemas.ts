import { encode, type RecordSchema, type Schema } from "./encode.ts";

const optional = (type: Schema): readonly Schema[] => ["null", type];

const header: RecordSchema = {
  type: "record",
  name: "ChangeEventHeader",
  fields: [
    { name: "entityName", type: "string" },
    { name: "recordIds", type: { type: "array", items: "string" } },
    {
      name: "changeType",
      type: {
        type: "enum",
        name: "ChangeType",
        symbols: [
          ...["CREATE", "UPDATE", "DELETE", "UNDELETE"],
          ...["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"],
        ],
      },
    },
    { name: "changeOrigin", type: "string" },
    { name: "transactionKey", type: "string" },
    { name: "sequenceNumber", type: "int" },
    { name: "commitTimestamp", type: "long" },
    { name: "commitNumber", type: "long" },
    { name: "commitUser", type: "string" },
    { name: "nulledFields", type: { type: "array", items: "string" } },
    { name: "diffFields", type: { type: "array", items: "string" } },
    { name: "changedFields", type: { type: "array", items: "string" } },
  ],
};

const personName: RecordSchema = {
  type: "record",
  name: "Switchable_PersonName",
  fields: ["Salutation", "FirstName", "LastName"].map((name) => ({ name, type: optional("string") })),
};

const address: RecordSchema = {
  type: "record",
  name: "Address",
  fields: [
    ...["Street", "City", "PostalCode", "Country"].map((name) => ({ name, type: optional("string") })),
    ...["Latitude", "Longitude"].map((name) => ({ name, type: optional("double") })),
  ],
};

/** A schema like those of Salesforce: every field of the object, in a fixed order, more of them than a word has bits. */
export const ACCOUNT_SCHEMA: RecordSchema = {
  type: "record",
  name: "AccountChangeEvent",
  namespace: "com.sforce.eventbus",
  fields: [
    { name: "ChangeEventHeader", type: header },
    { name: "Name", type: ["null", "string", personName] },
    { name: "Phone", type: optional("string") },
    { name: "BillingAddress", type: optional(address) },
    { name: "AnnualRevenue", type: optional("double") },
    { name: "NumberOfEmployees", type: optional("int") },
    { name: "Is_Key__c", type: optional("boolean") },
    { name: "Description", type: optional("string") },
    ...Array.from({ length: 70 }, (_, n) => ({ name: `Custom_${n}__c`, type: optional("string") })),
    { name: "LastModifiedDate", type: optional("long") },
  ],
};

/** One change before it is encoded: names of fields where bitmaps come in Avro. */
export interface PlainChange {
  readonly header: Readonly<Record<string, unknown>>;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly nulled?: readonly string[];
  readonly diffed?: readonly string[];
}

/** The Avro payload of a change. */
export function toAvro({ header, fields = {}, nulled = [], diffed = [] }: PlainChange): Buffer {
  const ChangeEventHeader = {
    changeOrigin: "",
    commitNumber: 0,
    ...header,
    nulledFields: bitmaps(nulled),
    diffFields: bitmaps(diffed),
    changedFields: bitmaps((header.changedFields ?? []) as string[]),
  };
  return encode(ACCOUNT_SCHEMA, { ...fields, ChangeEventHeader });
}

/** `0x…` for fields of the record, then `<position>-0x…` for each compound field; the first field has the lowest bit. */
export function bitmaps(names: readonly string[]): string[] {
  const bits = new Map<string, bigint>();
  for (const name of names) {
    const [parent = "", part] = name.split(".");
    const at = ACCOUNT_SCHEMA.fields.findIndex((field) => field.name === parent);
    const key = part === undefined ? "" : `${at}-`;
    const position = part === undefined ? at : partsOf(parent).indexOf(part);
    bits.set(key, (bits.get(key) ?? 0n) | (1n << BigInt(position)));
  }
  return [...bits]
    .toSorted(([a], [b]) => Number.parseInt(a || "-1", 10) - Number.parseInt(b || "-1", 10))
    .map(([key, value]) => `${key}0x${value.toString(16).toUpperCase()}`);
}

/** Names of the parts of a compound field. */
export function partsOf(name: string): string[] {
  const type = ACCOUNT_SCHEMA.fields.find((field) => field.name === name)?.type;
  const record = Array.isArray(type) ? type.find((branch) => typeof branch === "object") : undefined;
  return ((record as RecordSchema | undefined)?.fields ?? []).map((field) => field.name);
}
