import { noSuchColumn, notFound } from "./errors.ts";
import type { Field, ObjectType } from "./fields.ts";
import { accountType } from "./objects/account.ts";
import { opportunityType } from "./objects/opportunity.ts";
import { contactType, leadType, userType } from "./objects/people.ts";

/** The objects of the emulated org. */
export const OBJECT_TYPES: readonly ObjectType[] = [accountType, contactType, leadType, opportunityType, userType];

const byName = new Map(OBJECT_TYPES.map((type) => [type.name.toLowerCase(), type]));
const byPrefix = new Map(OBJECT_TYPES.map((type) => [type.keyPrefix, type]));

/** Finds an object by its name in any case; undefined when the org has none. */
export function findType(name: string): ObjectType | undefined {
  return byName.get(name.toLowerCase());
}

/** @throws SalesforceError `NOT_FOUND` */
export function requireType(name: string): ObjectType {
  const type = findType(name);
  if (!type) throw notFound();
  return type;
}

/** The object whose ids begin with this prefix. */
export function typeOfId(id: string): ObjectType | undefined {
  return byPrefix.get(id.slice(0, 3));
}

/** @throws SalesforceError `INVALID_FIELD` */
export function requireField(type: ObjectType, name: string): Field {
  const found = type.fields.get(name.toLowerCase());
  if (!found) throw noSuchColumn(name, type.name);
  return found;
}
