import type {
  FieldFunctionExpression,
  Query,
  FieldType as SelectedField,
  WhereClause,
} from "@jetstreamapp/soql-parser-js";
import { malformedQuery, notEmulated, SalesforceError } from "../errors.ts";
import { type Field, systemField } from "../fields.ts";
import type { Shown } from "../render.ts";
import type { StoredRecord } from "../state.ts";
import { toRest, type Value } from "../values.ts";
import { type ConditionContext, compile, type Readable } from "./conditions.ts";
import { comparerOf } from "./literals.ts";
import { type Term, toPredicate } from "./parse.ts";
import { compareNullable, type QueryOptions, type QueryResult, signsOf } from "./run.ts";
import { isAggregate } from "./select.ts";

/** Records with the same values in the fields of GROUP BY. */
type Group = readonly StoredRecord[];

/** The most rows that a query with groups returns: it has no further pages. */
const MAX_GROUPS = 2000;
const NUMBERS: ReadonlySet<string> = new Set(["int", "double", "currency"]);

/**
 * Runs a query with aggregates.
 * https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_agg_functions.htm
 * @throws SalesforceError `MALFORMED_QUERY` for a field that is neither grouped nor aggregated, `EXCEEDED_ID_LIMIT`
 */
export function runAggregate(
  options: QueryOptions,
  query: Query,
  find: () => StoredRecord[],
  records: ConditionContext<StoredRecord>,
): QueryResult {
  const selected = query.fields ?? [];
  if (isBareCount(selected)) return bareCount(query, find().length);
  const keys = keysOf(query).map((term) => ({ name: nameOf(term), readable: records.resolve(term) }));
  const resolve = (term: Term) => groupReadable(term, keys, records);
  const columns = columnsOf(selected, resolve);
  const having =
    query.having && compile(toPredicate(query.having as WhereClause, options.soql), { ...records, resolve });
  const groups = groupsOf(
    find(),
    keys.map((key) => key.readable),
  );
  const kept = order(having ? groups.filter(having) : groups, query, resolve);
  const offset = query.offset ?? 0;
  const page = kept.slice(offset, query.limit === undefined ? undefined : offset + query.limit);
  if (page.length > MAX_GROUPS)
    throw new SalesforceError(
      400,
      "EXCEEDED_ID_LIMIT",
      "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
    );
  const rows = page.map((group): Shown => {
    const values = columns.map(({ label, readable }) => [label, toRest(readable.field, readable.read(group))]);
    return { attributes: { type: "AggregateResult" }, ...Object.fromEntries(values) };
  });
  return { totalSize: rows.length, length: rows.length, page: (start, end) => rows.slice(start, end) };
}

function isBareCount(selected: readonly SelectedField[]): boolean {
  const isBare = (one: SelectedField) =>
    isAggregate(one) && one.functionName.toUpperCase() === "COUNT" && one.parameters.length === 0;
  if (!selected.some(isBare)) return false;
  if (selected.length > 1) throw malformedQuery("COUNT() must be the only element in the SELECT list");
  return true;
}

function bareCount(query: Query, found: number): QueryResult {
  if (query.orderBy || query.groupBy) throw malformedQuery("COUNT() cannot be used with ORDER BY or GROUP BY");
  const totalSize = Math.min(found, query.limit ?? found);
  return { totalSize, length: 0, page: () => [] };
}

function keysOf(query: Query): Term[] {
  return [query.groupBy ?? []].flat().map((clause) => {
    if ("field" in clause) return { field: clause.field };
    const { functionName = "", parameters = [] } = clause.fn;
    if (/^(ROLLUP|CUBE)$/i.test(functionName)) throw notEmulated(`GROUP BY ${functionName}`);
    return { fn: functionName.toUpperCase(), field: String(parameters[0]) };
  });
}

function nameOf({ fn, field }: Term): string {
  return `${fn ? `${fn}:` : ""}${field.toLowerCase()}`;
}

interface Key {
  readonly name: string;
  readonly readable: Readable<StoredRecord>;
}

/** A value of a group: one of its keys, or an aggregate over its records. */
function groupReadable(term: Term, keys: readonly Key[], records: ConditionContext<StoredRecord>): Readable<Group> {
  const key = keys.find(({ name }) => name === nameOf(term))?.readable;
  if (key) return { field: key.field, read: ([first]) => (first ? key.read(first) : null) };
  if (!term.fn) throw malformedQuery(`Field must be grouped or aggregated: ${term.field}`);
  if (term.fn === "COUNT" && term.field === "") return { field: count("COUNT"), read: (group) => group.length };
  return aggregate(term.fn, records.resolve({ field: term.field }));
}

const count = (name: string) => systemField(name, name, "int");

function aggregate(name: string, of: Readable<StoredRecord>): Readable<Group> {
  const values = (group: Group) => group.map(of.read).filter((value) => value !== null);
  const sum = (group: Group) => values(group).reduce<number>((total, value) => total + Number(value), 0);
  const compareValues = comparerOf(of.field);
  const best = (sign: number) => (group: Group) =>
    values(group).reduce<Value>((a, b) => (a === null || compareValues(b, a) * sign > 0 ? b : a), null);
  const unlessEmpty = (read: (group: Group) => Value) => (group: Group) =>
    values(group).length === 0 ? null : read(group);
  switch (name) {
    case "COUNT":
      return { field: count(name), read: (group) => values(group).length };
    case "COUNT_DISTINCT":
      return { field: count(name), read: (group) => new Set(values(group)).size };
    case "SUM":
      return { field: numeric(of.field, name), read: unlessEmpty(sum) };
    case "AVG":
      numeric(of.field, name);
      return {
        field: systemField(name, name, "double"),
        read: unlessEmpty((group) => sum(group) / values(group).length),
      };
    case "MIN":
      return { field: comparable(of.field, name), read: best(-1) };
    case "MAX":
      return { field: comparable(of.field, name), read: best(1) };
    default:
      throw malformedQuery(`Field must be grouped or aggregated: ${name}(${of.field.name})`);
  }
}

function numeric(field: Field, name: string): Field {
  if (!NUMBERS.has(field.type)) throw malformedQuery(`field ${field.name} does not support aggregate operator ${name}`);
  return field;
}

function comparable(field: Field, name: string): Field {
  if (field.type === "boolean" || field.type === "address")
    throw malformedQuery(`field ${field.name} does not support aggregate operator ${name}`);
  return field;
}

interface Column {
  readonly label: string;
  readonly readable: Readable<Group>;
}

/** Aggregates without an alias are called `expr0`, `expr1`, … in their order. */
function columnsOf(selected: readonly SelectedField[], resolve: (term: Term) => Readable<Group>): Column[] {
  let unnamed = 0;
  return selected.map((one) => {
    if (one.type === "Field") return { label: one.alias ?? one.field, readable: resolve({ field: one.field }) };
    if (one.type === "FieldRelationship") {
      const field = [...one.relationships, one.field].join(".");
      return { label: ("alias" in one && one.alias) || one.field, readable: resolve({ field }) };
    }
    if (one.type !== "FieldFunctionExpression") throw notEmulated(`${one.type} in a query with groups`);
    const label = one.alias ?? `expr${unnamed++}`;
    return { label, readable: resolve(termOf(one)) };
  });
}

function termOf({ functionName, parameters }: FieldFunctionExpression): Term {
  return { fn: functionName.toUpperCase(), field: String(parameters[0] ?? "") };
}

/** Without GROUP BY all records are one group, even when there are none. */
function groupsOf(records: StoredRecord[], keys: readonly Readable<StoredRecord>[]): Group[] {
  if (keys.length === 0) return [records];
  return [...Map.groupBy(records, (record) => JSON.stringify(keys.map((key) => key.read(record)))).values()];
}

const keyOf = ({ read, field }: Readable<Group>) => ({ read, compare: comparerOf(field) });

/** In the order of ORDER BY, or of the keys. */
function order(groups: readonly Group[], query: Query, resolve: (term: Term) => Readable<Group>): Group[] {
  const clauses = [query.orderBy ?? []].flat().map((clause) => {
    const term =
      "fn" in clause && clause.fn
        ? { fn: String(clause.fn.functionName).toUpperCase(), field: String(clause.fn.parameters?.[0] ?? "") }
        : { field: "field" in clause ? String(clause.field) : "" };
    return { ...keyOf(resolve(term)), ...signsOf(clause) };
  });
  const natural = keysOf(query).map((term) => ({ ...keyOf(resolve(term)), sign: 1, nullSign: -1 }));
  return [...groups].sort((left, right) => {
    for (const { read, ...order } of [...clauses, ...natural]) {
      const compared = compareNullable(read(left), read(right), order);
      if (compared !== 0) return compared;
    }
    return 0;
  });
}
