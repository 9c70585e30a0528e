import { noSuchColumn } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import type { Org } from "../org.ts";
import { findType } from "../schema.ts";
import { noColumnInQuery } from "./position.ts";

/** What a user may do with a field: nothing, or read it only. */
export type RestrictedAccess = "hidden" | "readOnly";

/** For whom and in which version of the API something is read. */
export interface Scope {
  readonly org: Org;
  readonly userId: string;
  /** Such as `66.0`. */
  readonly version: string;
  /** Text of the query, for the places in its errors; absent outside of queries. */
  readonly soql?: string;
}

/** The restriction of a field for a user, if there is one. */
export function accessTo(org: Org, userId: string, type: ObjectType, field: Field): RestrictedAccess | undefined {
  return org.state.rest.fieldAccess[userId]?.[`${type.name}.${field.name}`];
}

/** The object as the user sees it, without hidden fields; undefined when the org has none of that name. */
export function visibleType(scope: Pick<Scope, "org" | "userId">, name: string): ObjectType | undefined {
  const type = findType(name);
  const restricted = scope.org.state.rest.fieldAccess[scope.userId];
  if (!type || !restricted) return type;
  const fields = [...type.fields].filter(([, field]) => restricted[`${type.name}.${field.name}`] !== "hidden");
  return { ...type, fields: new Map(fields) };
}

/** @throws SalesforceError `INVALID_FIELD`, with its place when a query names it */
export function visibleField(scope: Scope, type: ObjectType, name: string): Field {
  const field = type.fields.get(name.toLowerCase());
  if (field) return field;
  throw scope.soql === undefined ? noSuchColumn(name, type.name) : noColumnInQuery(scope.soql, name, type.name);
}
