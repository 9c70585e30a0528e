import { notEmulated, SalesforceError } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import type { StoredRecord } from "../state.ts";
import { notWritable } from "./checks.ts";

/** Fields of a person account and what its contact calls them. */
const MIRRORED: Readonly<Record<string, string>> = {
  LastName: "LastName",
  FirstName: "FirstName",
  Salutation: "Salutation",
  PersonEmail: "Email",
};

/**
 * Whether these values make a person account: one is given by its last name. (An org decides by the record type, which the
 * emulator does not have.) @throws SalesforceError when both names are given
 */
export function makesPerson(type: ObjectType, values: StoredRecord): boolean {
  const isPerson = type.name === "Account" && (values.LastName ?? null) !== null;
  if (isPerson && values.Name !== undefined)
    throw new SalesforceError(
      400,
      "INVALID_FIELD_FOR_INSERT_UPDATE",
      "Account: bad field names on insert/update call: Name",
      ["Name"],
    );
  return isPerson;
}

/** Refuses what may not be written: a person's fields on a business, and the contact behind a person account. */
export function assertSides(type: ObjectType, isPerson: boolean, values: StoredRecord): void {
  if (type.name === "Contact" && isPerson)
    throw notEmulated("writing the contact of a person account; write its Account");
  if (type.name !== "Account") return;
  const foreign = isPerson ? ["Name"] : Object.keys(MIRRORED);
  const wrong = foreign.filter((name) => (values[name] ?? null) !== null);
  if (wrong.length > 0) throw notWritable(wrong);
}

/** What of these account values its contact has too. */
export function contactValues(values: StoredRecord): StoredRecord {
  const shared = Object.entries(MIRRORED).filter(([name]) => values[name] !== undefined);
  return Object.fromEntries(shared.map(([name, onContact]) => [onContact, values[name] ?? null]));
}
