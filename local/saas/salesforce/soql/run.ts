import type { OrderByClause, Query, FieldType as SelectedField } from "@jetstreamapp/soql-parser-js";
import { malformedQuery, notEmulated, SalesforceError, unsupportedType } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import type { Org } from "../org.ts";
import { allFields, renderRecord } from "../render.ts";
import { findType } from "../schema.ts";
import type { StoredRecord } from "../state.ts";
import { compareValues, compile, readPath, resolvePath } from "./evaluate.ts";
import { parseSoql, toPredicate } from "./parse.ts";

/** A query that has run: the ids it found, in order, and how to show each. */
export interface QueryResult {
  readonly totalSize: number;
  /** Absent for `COUNT()`, which has a size only. */
  readonly rows: readonly Record<string, unknown>[];
}

/**
 * Runs SOQL over one object and its parents.
 * @throws SalesforceError `MALFORMED_QUERY`, `INVALID_TYPE`, `INVALID_FIELD`, `NOT_EMULATED`
 */
export function runQuery(org: Org, soql: string, options: { includeDeleted: boolean; version: string }): QueryResult {
  const query = parseSoql(soql);
  const type = findType(query.sObject ?? "");
  if (!type) throw unsupportedType(query.sObject ?? "");
  const selected = query.fields ?? [];
  const test = query.where ? compile(org, type, toPredicate(query.where, soql)) : () => true;
  const matching = org.records(type).filter((one) => (options.includeDeleted || !one.IsDeleted) && test(one));
  const count = countOf(selected);
  if (count?.isBare) return { totalSize: matching.length, rows: [] };
  if (count) {
    const path = resolvePath(type, count.field);
    const expr0 = matching.filter((record) => readPath(org, path, record) !== null).length;
    return { totalSize: 1, rows: [{ attributes: { type: "AggregateResult" }, [count.alias]: expr0 }] };
  }
  const fields = fieldNames(type, selected, query);
  const sorted = order(org, type, matching, query.orderBy);
  const offset = query.offset ?? 0;
  if (offset > 2000)
    throw new SalesforceError(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000");
  const page = sorted.slice(offset, query.limit === undefined ? undefined : offset + query.limit);
  const rows = page.map((record) => renderRecord(org, type, record, fields, options.version));
  return { totalSize: rows.length, rows };
}

function countOf(selected: readonly SelectedField[]): { isBare: boolean; field: string; alias: string } | undefined {
  const counts = selected.filter((one) => one.type === "FieldFunctionExpression" && one.isAggregateFn);
  const [count] = counts;
  if (count?.type !== "FieldFunctionExpression") return undefined;
  if (selected.length > 1 || count.functionName.toUpperCase() !== "COUNT")
    throw notEmulated("aggregates beyond one COUNT");
  const field = count.parameters[0];
  return { isBare: field === undefined, field: String(field ?? "Id"), alias: count.alias ?? "expr0" };
}

function fieldNames(type: ObjectType, selected: readonly SelectedField[], query: Query): string[] {
  const names = selected.flatMap((one): string[] => {
    if (one.type === "Field") return [one.field];
    if (one.type === "FieldRelationship") return [[...one.relationships, one.field].join(".")];
    if (one.type === "FieldFunctionExpression" && one.functionName.toUpperCase() === "FIELDS")
      return fieldsFunction(type, String(one.parameters[0]), query);
    throw notEmulated(`${one.type} in a SELECT list`);
  });
  const seen = new Set<string>();
  for (const name of names) {
    resolvePath(type, name);
    if (seen.has(name.toLowerCase())) throw malformedQuery(`duplicate field selected: ${name}`);
    seen.add(name.toLowerCase());
  }
  return names;
}

function fieldsFunction(type: ObjectType, group: string, query: Query): string[] {
  const kind = group.toUpperCase();
  if (kind !== "STANDARD" && (query.limit === undefined || query.limit > 200))
    throw malformedQuery(`The SOQL FIELDS function must have a LIMIT of at most 200`);
  const isCustom = (name: string) => name.endsWith("__c");
  if (kind === "ALL") return allFields(type);
  return allFields(type).filter((name) => isCustom(name) === (kind === "CUSTOM"));
}

function order(
  org: Org,
  type: ObjectType,
  records: StoredRecord[],
  orderBy: OrderByClause | OrderByClause[] | undefined,
): StoredRecord[] {
  if (!orderBy) return records;
  const keys = [orderBy].flat().map((clause) => {
    if (!("field" in clause) || !clause.field) throw notEmulated("functions in ORDER BY");
    const sign = clause.order === "DESC" ? -1 : 1;
    return { path: resolvePath(type, clause.field), sign, nullSign: clause.nulls === "LAST" ? 1 : -1 };
  });
  return [...records].sort((left, right) => {
    for (const { path, sign, nullSign } of keys) {
      const [a, b] = [readPath(org, path, left), readPath(org, path, right)];
      if (a === b) continue;
      if (a === null || b === null) return a === null ? nullSign : -nullSign;
      const compared = compareValues(a, b) * sign;
      if (compared !== 0) return compared;
    }
    return 0;
  });
}
