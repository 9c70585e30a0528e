import type { OrderByClause, Query, Subquery } from "@jetstreamapp/soql-parser-js";
import { malformedQuery, notEmulated, SalesforceError } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import { rendererOf, type Shown } from "../render.ts";
import type { StoredRecord } from "../state.ts";
import type { Value } from "../values.ts";
import { runAggregate } from "./aggregate.ts";
import { type ConditionContext, compile, dateFunction } from "./conditions.ts";
import { type Comparer, comparerOf } from "./literals.ts";
import { assertNots, assertSupported, clausesOf, parseSoql, type Term, toPredicate } from "./parse.ts";
import { readerOf, resolvePath } from "./path.ts";
import { errorAt, placeOf } from "./position.ts";
import { type ChildRelationship, findChildRelationship } from "./relationships.ts";
import { candidatesOf } from "./scan.ts";
import { type Scope, visibleType } from "./scope.ts";
import { isAggregate, selectionOf } from "./select.ts";

/** The rows of a query as they were when it ran. */
export interface QueryResult {
  readonly totalSize: number;
  /** Rows that can be read: none for `COUNT()`, which has a size only. */
  readonly length: number;
  /** Rows from `start` up to but without `end`. */
  page(start: number, end: number): readonly Shown[];
}

/** Who asks what, and whether the recycle bin is looked at too. */
export interface QueryOptions extends Scope {
  readonly soql: string;
  readonly includeDeleted: boolean;
}

/** The most rows that OFFSET may skip. */
const MAX_OFFSET = 2000;

/**
 * Runs SOQL over one object, its parents and its children.
 * @throws SalesforceError `MALFORMED_QUERY`, `INVALID_TYPE`, `INVALID_FIELD`, `NOT_EMULATED`
 */
export function runQuery(options: QueryOptions): QueryResult {
  const query = readQuery(options.soql);
  const type = sourceOf(options, query);
  const selected = query.fields ?? [];
  if (query.groupBy || selected.some(isAggregate)) {
    const records = () => findRecords(options, type, withoutOrder(query));
    return runAggregate(options, query, records, conditionContext(options, type));
  }
  const { names, subqueries } = selectionOf(options, type, selected, query.limit);
  const render = rendererOf(options, type, names);
  const children = subqueries.map((subquery) => childReader(options, type, subquery));
  const records = findRecords(options, type, query);
  const show = (record: StoredRecord) => Object.assign(render(record), ...children.map((read) => read(record)));
  const size = { totalSize: records.length, length: records.length };
  // Records never change in place, so what only shows their own fields can be shown later.
  if (subqueries.length === 0 && !names.some((name) => name.includes(".")))
    return { ...size, page: (start, end) => records.slice(start, end).map(show) };
  const rows = records.map(show);
  return { ...size, page: (start, end) => rows.slice(start, end) };
}

/** Parses a query and refuses what the parser would read wrong. */
export function readQuery(soql: string): Query {
  const query = parseSoql(soql);
  assertNots(clausesOf(query), soql);
  return query;
}

/** @throws SalesforceError `INVALID_TYPE` */
export function sourceOf(scope: QueryOptions, query: Query): ObjectType {
  const name = query.sObject ?? "";
  const type = visibleType(scope, name);
  if (type) return type;
  const { soql } = scope;
  throw errorAt(
    soql,
    placeOf(soql, name),
    "INVALID_TYPE",
    `sObject type '${name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.`,
  );
}

/** The records that a query finds, in its order, cut by its LIMIT and OFFSET. */
export function findRecords(options: QueryOptions, type: ObjectType, query: Query | Subquery): StoredRecord[] {
  assertSupported(query);
  const { org, soql, includeDeleted } = options;
  const predicate = query.where && toPredicate(query.where, soql);
  const test = predicate ? compile(predicate, conditionContext(options, type)) : () => true;
  const orderBy = [query.orderBy ?? []].flat();
  const offset = query.offset ?? 0;
  if (offset > MAX_OFFSET)
    throw new SalesforceError(400, "NUMBER_OUTSIDE_VALID_RANGE", `Maximum SOQL offset allowed is ${MAX_OFFSET}`);
  const end = query.limit === undefined ? Number.POSITIVE_INFINITY : offset + query.limit;
  const candidates = candidatesOf(org, type, predicate, orderBy);
  const compare = orderBy.length > 0 && comparatorOf(options, type, orderBy);
  const found: StoredRecord[] = [];
  for (const record of candidates.records) {
    if (candidates.isOrdered && found.length >= end) break;
    if ((includeDeleted || !record.IsDeleted) && test(record)) found.push(record);
  }
  if (compare && !candidates.isOrdered) found.sort(compare);
  return offset === 0 && end >= found.length ? found : found.slice(offset, end);
}

/** How conditions over records of an object find their values. */
function conditionContext(options: QueryOptions, type: ObjectType): ConditionContext<StoredRecord> {
  return {
    now: options.org.now,
    resolve: (term) => readable(options, type, term),
    semiJoin: (query) => semiJoin(options, query),
  };
}

function readable(options: QueryOptions, type: ObjectType, term: Term) {
  const path = resolvePath(options, type, term.field);
  const plain = { field: path.field, read: readerOf(options.org, path) };
  if (!term.fn) return plain;
  const found = dateFunction(term.fn, plain);
  if (!found) throw notEmulated(`the function ${term.fn} in a WHERE clause`);
  return found;
}

/** The ids that the query on the right of IN finds. */
function semiJoin(options: QueryOptions, query: Query): ReadonlySet<Value> {
  const type = sourceOf(options, query);
  const { names } = selectionOf(options, type, query.fields ?? [], query.limit);
  const [name] = names;
  if (!name || names.length > 1) throw malformedQuery("A semi join sub-select must query exactly one field.");
  const path = resolvePath(options, type, name);
  if (path.field.type !== "id" && path.field.type !== "reference")
    throw malformedQuery("The selected field in the inner query of a semi join must be an id or reference field.");
  const read = readerOf(options.org, path);
  const values = findRecords(options, type, query).map(read);
  return new Set(values.filter((value) => value !== null));
}

/** A list of children by its name; the child is the object as the user sees it. @throws SalesforceError `INVALID_TYPE` */
export function requireChildren(options: QueryOptions, parent: ObjectType, name: string): ChildRelationship {
  const relationship = findChildRelationship(parent, name);
  const child = relationship && visibleType(options, relationship.child.name);
  if (relationship && child) return { ...relationship, child };
  throw errorAt(
    options.soql,
    placeOf(options.soql, name),
    "INVALID_TYPE",
    `Didn't understand relationship '${name}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.`,
  );
}

/** Makes a function that shows a record's children: `{Contacts: {totalSize, done, records}}`, null when there are none. */
function childReader(options: QueryOptions, parent: ObjectType, subquery: Subquery): (record: StoredRecord) => Shown {
  const { name, child, field } = requireChildren(options, parent, subquery.relationshipName);
  const { names, subqueries } = selectionOf(options, child, subquery.fields ?? [], subquery.limit);
  if (subqueries.length > 0) throw notEmulated("subqueries below the first level");
  const render = rendererOf(options, child, names);
  const { limit, offset = 0, ...rest } = subquery;
  const byParent = Map.groupBy(findRecords(options, child, rest), (record) => record[field.name]);
  return (record) => {
    const all = byParent.get(record.Id ?? null) ?? [];
    const own = all.slice(offset, limit === undefined ? undefined : offset + limit);
    const shown = own.length === 0 ? null : { totalSize: own.length, done: true, records: own.map(render) };
    return { [name]: shown };
  };
}

function comparatorOf(options: QueryOptions, type: ObjectType, orderBy: readonly OrderByClause[]) {
  const keys = orderBy.map((clause) => {
    if (!("field" in clause) || !clause.field) throw notEmulated("functions in the ORDER BY of a query without groups");
    const { read, field } = readable(options, type, { field: String(clause.field) });
    return { read, compare: comparerOf(field), ...signsOf(clause) };
  });
  return (left: StoredRecord, right: StoredRecord): number => {
    for (const { read, ...order } of keys) {
      const compared = compareNullable(read(left), read(right), order);
      if (compared !== 0) return compared;
    }
    return 0;
  };
}

/** Direction of an ORDER BY clause, and where its nulls go. */
export function signsOf(clause: OrderByClause): { sign: 1 | -1; nullSign: 1 | -1 } {
  return { sign: clause.order === "DESC" ? -1 : 1, nullSign: clause.nulls === "LAST" ? 1 : -1 };
}

/** Order by one key of ORDER BY. */
interface KeyOrder {
  readonly compare: Comparer;
  readonly sign: number;
  readonly nullSign: number;
}

export function compareNullable(a: Value, b: Value, { compare, sign, nullSign }: KeyOrder): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? nullSign : -nullSign;
  return compare(a, b) * sign;
}

function withoutOrder(query: Query): Query {
  const { orderBy: _orderBy, limit: _limit, offset: _offset, ...rest } = query;
  return rest as Query;
}
