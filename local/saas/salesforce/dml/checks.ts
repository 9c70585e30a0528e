import { noSuchColumn, notEmulated, SalesforceError } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import type { StoredRecord } from "../state.ts";
import { toStored } from "../values.ts";

/** The input as the org stores it. @throws SalesforceError for a field that is unknown, not writable or wrong */
export function checkValues(
  type: ObjectType,
  input: Readonly<Record<string, unknown>>,
  right: "createable" | "updateable",
): StoredRecord {
  const values: StoredRecord = {};
  for (const [name, value] of Object.entries(input)) {
    if (name === "attributes") continue;
    const field = type.fields.get(name.toLowerCase());
    if (!field) throw noSuchColumn(name, type.name);
    if (!field[right]) throw notWritable([field.name]);
    values[field.name] = toStored(field, value);
  }
  return values;
}

/** @throws SalesforceError `INVALID_FIELD_FOR_INSERT_UPDATE` */
export function notWritable(names: readonly string[]): SalesforceError {
  return new SalesforceError(
    400,
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    `Unable to create/update fields: ${names.join(", ")}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
    names,
  );
}

export function assertWritable(type: ObjectType): void {
  if (!type.writable) throw notEmulated(`writing ${type.name} records`);
}

/** @throws SalesforceError `REQUIRED_FIELD_MISSING` */
export function assertNoneMissing(missing: readonly Field[]): void {
  const names = missing.map((field) => field.name);
  if (names.length === 0) return;
  const message = `Required fields are missing: [${names.join(", ")}]`;
  throw new SalesforceError(400, "REQUIRED_FIELD_MISSING", message, names);
}

/** Fields of the object that must have a value and that `isEmpty` finds without one. */
export function missingFields(type: ObjectType, isPerson: boolean, isEmpty: (name: string) => boolean): Field[] {
  return [...type.fields.values()].filter((field) => {
    // A person account has a last name in place of the account's name.
    const required = isPerson && field.compound?.name === "Name" ? field.name === "LastName" : field.required;
    return required && !(isPerson && field.name === "Name") && isEmpty(field.name);
  });
}

/** What the record is called: the parts of a person's name in one text. */
export function withName(type: ObjectType, record: StoredRecord): StoredRecord {
  const isPerson = type.name === "Contact" || type.name === "Lead" || record.IsPersonAccount === true;
  if (!isPerson) return record;
  return { ...record, Name: [record.FirstName, record.LastName].filter(Boolean).join(" ") };
}

/** Check boxes that nobody has ticked. */
export function unticked(type: ObjectType): StoredRecord {
  const boxes = [...type.fields.values()].filter((field) => field.type === "boolean" && field.name !== "IsDeleted");
  return Object.fromEntries(boxes.map((field) => [field.name, false]));
}
