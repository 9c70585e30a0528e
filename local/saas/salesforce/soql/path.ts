import { SalesforceError } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import type { Org } from "../org.ts";
import type { StoredRecord } from "../state.ts";
import type { Value } from "../values.ts";
import { errorAt, placeOf } from "./position.ts";
import { type Scope, visibleField, visibleType } from "./scope.ts";

/** One step from a record to its parent. */
export interface ParentStep {
  readonly key: Field;
  readonly type: ObjectType;
}

/** A field reached from an object, perhaps over parents: `Name`, `Account.Owner.Name`. */
export interface Path {
  readonly parents: readonly ParentStep[];
  /** Object that has the field. */
  readonly type: ObjectType;
  readonly field: Field;
}

/** SOQL goes up at most this many parents. */
const MAX_PARENTS = 5;

/** @throws SalesforceError `INVALID_FIELD` when the object has no such field or parent */
export function resolvePath(scope: Scope, type: ObjectType, text: string): Path {
  const names = text.split(".");
  const last = names.pop() ?? "";
  if (names[0]?.toLowerCase() === type.name.toLowerCase() && !parentKey(type, names[0])) names.shift();
  if (names.length > MAX_PARENTS)
    throw invalidPath(scope, text, `The relationship path '${text}' has too many levels.`);
  const parents: ParentStep[] = [];
  let at = type;
  for (const name of names) {
    const key = parentKey(at, name);
    const parent = key?.referenceTo ? visibleType(scope, key.referenceTo) : undefined;
    if (!key || !parent)
      throw invalidPath(
        scope,
        name,
        `Didn't understand relationship '${name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.`,
      );
    parents.push({ key, type: parent });
    at = parent;
  }
  return { parents, type: at, field: visibleField(scope, at, last) };
}

/** Makes a function that reads the value at the end of a path; null when a parent is missing on the way. */
export function readerOf(org: Org, { parents, field }: Path): (record: StoredRecord) => Value {
  const empty = field.type === "boolean" ? false : null;
  const read = (record: StoredRecord) => record[field.name] ?? empty;
  if (parents.length === 0) return read;
  return (record) => {
    const owner = followParents(org, parents, record);
    return owner ? read(owner) : null;
  };
}

/** The record at the end of a chain of parents. */
export function followParents(
  org: Org,
  parents: readonly ParentStep[],
  record: StoredRecord,
): StoredRecord | undefined {
  let at: StoredRecord | undefined = record;
  for (const { key, type } of parents) at = at && org.find(type, String(at[key.name] ?? ""));
  return at;
}

function parentKey(type: ObjectType, relationship: string): Field | undefined {
  for (const field of type.fields.values())
    if (field.relationshipName?.toLowerCase() === relationship.toLowerCase()) return field;
  return undefined;
}

function invalidPath(scope: Scope, name: string, message: string): SalesforceError {
  const { soql } = scope;
  if (soql === undefined) return new SalesforceError(400, "INVALID_FIELD", message);
  return errorAt(soql, placeOf(soql, name), "INVALID_FIELD", message);
}
