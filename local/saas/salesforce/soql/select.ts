import type { FieldFunctionExpression, FieldType as SelectedField, Subquery } from "@jetstreamapp/soql-parser-js";
import { malformedQuery, notEmulated } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import { allFields } from "../render.ts";
import { resolvePath } from "./path.ts";
import { errorAt, placeOf } from "./position.ts";
import type { Scope } from "./scope.ts";

/** A SELECT list: paths of fields, and queries of children. */
export interface Selection {
  readonly names: readonly string[];
  readonly subqueries: readonly Subquery[];
}

/** The most records that a query with FIELDS(ALL) or FIELDS(CUSTOM) may return. */
const MAX_FIELDS_LIMIT = 200;

/** Functions that make one value out of many records. */
const AGGREGATES: ReadonlySet<string> = new Set(["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"]);

export function isAggregate(selected: SelectedField): selected is FieldFunctionExpression {
  return selected.type === "FieldFunctionExpression" && AGGREGATES.has(selected.functionName.toUpperCase());
}

/**
 * Reads a SELECT list without aggregates; `limit` is the query's own.
 * @throws SalesforceError `MALFORMED_QUERY` for a field twice or with an alias, `INVALID_FIELD` for an unknown one
 */
export function selectionOf(
  scope: Scope,
  type: ObjectType,
  selected: readonly SelectedField[],
  limit: number | undefined,
): Selection {
  const names = selected.flatMap((one): string[] => {
    if (one.type === "Field" && one.alias) throw malformedQuery("only aggregate expressions use field aliasing");
    if (one.type === "Field") return [one.field];
    if (one.type === "FieldRelationship") return [[...one.relationships, one.field].join(".")];
    if (one.type === "FieldSubquery") return [];
    if (one.type === "FieldFunctionExpression" && one.functionName.toUpperCase() === "FIELDS")
      return fieldsFunction(type, String(one.parameters[0]), limit);
    throw notEmulated(`${one.type} in a SELECT list`);
  });
  assertDistinct(scope, type, names);
  const subqueries = selected.flatMap((one) => (one.type === "FieldSubquery" ? [one.subquery] : []));
  return { names, subqueries };
}

function assertDistinct(scope: Scope, type: ObjectType, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    const { parents, field } = resolvePath(scope, type, name);
    const key = [...parents.map((step) => step.key.name), field.name].join(".");
    if (seen.has(key)) {
      const soql = scope.soql ?? "";
      throw errorAt(soql, placeOf(soql, name), "MALFORMED_QUERY", `duplicate field selected: ${name}`);
    }
    seen.add(key);
  }
}

function fieldsFunction(type: ObjectType, group: string, limit: number | undefined): string[] {
  const kind = group.toUpperCase();
  if (kind !== "STANDARD" && (limit === undefined || limit > MAX_FIELDS_LIMIT))
    throw malformedQuery(`The SOQL FIELDS function must have a LIMIT of at most ${MAX_FIELDS_LIMIT}`);
  if (kind === "ALL") return allFields(type);
  return allFields(type).filter((name) => name.endsWith("__c") === (kind === "CUSTOM"));
}
