/** Field types of the describe call that the emulator knows. */
export type FieldType =
  | "id"
  | "string"
  | "textarea"
  | "phone"
  | "email"
  | "url"
  | "picklist"
  | "multipicklist"
  | "reference"
  | "boolean"
  | "int"
  | "double"
  | "currency"
  | "date"
  | "datetime"
  | "address";

/** One field of an object. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: FieldType;
  /** Maximum characters of a text. */
  readonly length?: number;
  readonly createable: boolean;
  readonly updateable: boolean;
  readonly required?: boolean;
  readonly externalId?: boolean;
  readonly unique?: boolean;
  readonly referenceTo?: string;
  /** Name of the parent in SOQL, such as `Account` for `AccountId`. */
  readonly relationshipName?: string;
  readonly values?: readonly string[];
  readonly restricted?: boolean;
  /** Member of a compound: the compound's name and the part's name in events, such as `BillingAddress` and `Street`. */
  readonly compound?: { readonly name: string; readonly part: string };
  /** Left out of change events, as derived fields and the system modstamp are. */
  readonly hiddenFromEvents?: boolean;
  /** A formula that shows this field of a parent, as `{ parent: "AccountId", field: "Plan__c" }`. */
  readonly formula?: { readonly parent: string; readonly field: string };
}

/** One object type with its fields by lower-case name. */
export interface ObjectType {
  readonly name: string;
  readonly label: string;
  readonly labelPlural: string;
  readonly keyPrefix: string;
  /** False for User: kept by administrators, not by the API. */
  readonly writable: boolean;
  readonly fields: ReadonlyMap<string, Field>;
}

type Options = Partial<Omit<Field, "name" | "label" | "type">>;

/** A field that callers may write unless the options say otherwise. */
export function field(name: string, label: string, type: FieldType, options: Options = {}): Field {
  return { name, label, type, createable: true, updateable: true, ...options };
}

/** A field that Salesforce itself writes. */
export function systemField(name: string, label: string, type: FieldType, options: Options = {}): Field {
  return field(name, label, type, { createable: false, updateable: false, ...options });
}

/** A part of a person's name, which events tell within `Name`. */
export function namePart(name: string, label: string, options: Options = {}): Field {
  return field(name, label, "string", { compound: { name: "Name", part: name }, ...options });
}

/** A formula over a parent: read-only, and silent when its value moves. */
export function formulaField(
  name: string,
  label: string,
  type: FieldType,
  formula: NonNullable<Field["formula"]>,
): Field {
  return systemField(name, label, type, { formula, hiddenFromEvents: true });
}

/** The parts of an address and the compound that holds them; a prefix such as `Billing`, or none for a lead's. */
export function addressFields(prefix: string): readonly Field[] {
  const compound = `${prefix}Address`;
  const part = (name: string, type: FieldType, length?: number) =>
    field(`${prefix}${name}`, `${prefix} ${name}`.trim(), type, {
      compound: { name: compound, part: name },
      ...(length ? { length } : {}),
    });
  return [
    part("Street", "textarea", 255),
    part("City", "string", 40),
    part("State", "string", 80),
    part("PostalCode", "string", 20),
    part("Country", "string", 80),
    part("Latitude", "double"),
    part("Longitude", "double"),
    part("GeocodeAccuracy", "string", 40),
    systemField(compound, `${prefix} Address`.trim(), "address"),
  ];
}

/** Fields that every record has. */
export function standardFields(): readonly Field[] {
  const user = { referenceTo: "User" };
  return [
    systemField("Id", "Record ID", "id", { hiddenFromEvents: true }),
    systemField("IsDeleted", "Deleted", "boolean", { hiddenFromEvents: true }),
    systemField("CreatedDate", "Created Date", "datetime"),
    systemField("CreatedById", "Created By ID", "reference", { ...user, relationshipName: "CreatedBy" }),
    systemField("LastModifiedDate", "Last Modified Date", "datetime"),
    systemField("LastModifiedById", "Last Modified By ID", "reference", {
      ...user,
      relationshipName: "LastModifiedBy",
    }),
    systemField("SystemModstamp", "System Modstamp", "datetime", { hiddenFromEvents: true }),
  ];
}

export function objectType(
  name: string,
  labelPlural: string,
  keyPrefix: string,
  fields: readonly Field[],
  writable = true,
): ObjectType {
  const byName = new Map(fields.map((one) => [one.name.toLowerCase(), one]));
  return { name, label: name, labelPlural, keyPrefix, writable, fields: byName };
}
