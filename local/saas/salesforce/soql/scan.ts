import type { OrderByClause } from "@jetstreamapp/soql-parser-js";
import type { ObjectType } from "../fields.ts";
import { toId18 } from "../ids.ts";
import type { Org } from "../org.ts";
import type { StoredRecord } from "../state.ts";
import type { Store } from "../store/store.ts";
import { lowerBound, unquote } from "./literals.ts";
import type { Comparison, Predicate } from "./parse.ts";

/** Fields that are kept in order, so that a sweep over a large object reads each record once. */
const ORDERED: ReadonlySet<string> = new Set(["systemmodstamp", "lastmodifieddate", "createddate"]);

/** Records to look at, and whether they come in the order that the query asks for. */
export interface Candidates {
  readonly records: Iterable<StoredRecord>;
  readonly isOrdered: boolean;
}

/** The fewest records that can hold the answer: by id, by the order of a time stamp, or all. */
export function candidatesOf(
  org: Org,
  type: ObjectType,
  predicate: Predicate | undefined,
  orderBy: readonly OrderByClause[],
): Candidates {
  const ids = predicate && wantedIds(predicate);
  if (ids) return { records: byIds(org, type, ids), isOrdered: orderBy.length === 0 };
  const field = orderedField(type, orderBy);
  if (!field) return { records: org.records(type), isOrdered: orderBy.length === 0 };
  const all = inOrder(org, type, field.name);
  const from = predicate && earliest(predicate, field.name, org.now());
  const start = from?.stamp === undefined ? 0 : firstNotBefore(all, field.name, from.stamp, from.id ?? "");
  return { records: all.slice(start), isOrdered: true };
}

/** Ids that one of the AND-ed conditions names. */
function wantedIds(predicate: Predicate): readonly string[] | undefined {
  if (predicate.kind === "and") {
    for (const term of predicate.terms) {
      const ids = wantedIds(term);
      if (ids) return ids;
    }
    return undefined;
  }
  if (predicate.kind !== "compare" || predicate.query || predicate.term.fn) return undefined;
  const { term, operator, operands } = predicate;
  if (term.field.toLowerCase() !== "id" || (operator !== "IN" && operator !== "=")) return undefined;
  if (operands.some((operand) => operand.type !== "STRING")) return undefined;
  return operands.map((operand) => toId18(unquote(operand.text)) ?? "");
}

function byIds(org: Org, type: ObjectType, ids: readonly string[]): StoredRecord[] {
  return [...new Set(ids)]
    .sort()
    .map((id) => org.find(type, id))
    .filter((record) => record !== undefined);
}

function orderedField(type: ObjectType, orderBy: readonly OrderByClause[]) {
  const [first, second, third] = orderBy.map((clause) =>
    "field" in clause && clause.order !== "DESC" ? clause : undefined,
  );
  if (orderBy.length === 0 || third || !first || !("field" in first)) return undefined;
  if (orderBy.length === 2 && !(second && "field" in second && second.field?.toLowerCase() === "id")) return undefined;
  const name = String(first.field).toLowerCase();
  return orderBy.length <= 2 && ORDERED.has(name) ? type.fields.get(name) : undefined;
}

/** A place in the order by time stamp and id, before which no record can match. */
interface Bound {
  readonly stamp?: string | undefined;
  readonly id?: string | undefined;
}

/** The earliest place that a predicate can accept: finds the next page of `stamp > s OR (stamp = s AND Id > i)` at once. */
function earliest(predicate: Predicate, fieldName: string, now: number): Bound {
  switch (predicate.kind) {
    case "and": {
      const bounds = predicate.terms.map((term) => earliest(term, fieldName, now));
      return { stamp: latest(bounds.map((one) => one.stamp)), id: latest(bounds.map((one) => one.id)) };
    }
    case "or": {
      const bounds = predicate.terms.map((term) => earliest(term, fieldName, now));
      if (bounds.some((one) => one.stamp === undefined)) return {};
      const key = ({ stamp = "", id = "" }: Bound) => `${stamp} ${id}`;
      return bounds.reduce((least, one) => (key(one) < key(least) ? one : least));
    }
    case "compare":
      return boundOf(predicate, fieldName, now);
    default:
      return {};
  }
}

function boundOf({ term, operator, operands, query }: Comparison, fieldName: string, now: number): Bound {
  const [operand] = operands;
  const name = term.field.toLowerCase();
  if (query || term.fn || !operand) return {};
  if (name === "id" && operand.type === "STRING" && [">", ">="].includes(operator))
    return { id: toId18(unquote(operand.text)) };
  if (name !== fieldName.toLowerCase()) return {};
  return { stamp: lowerBound({ name: fieldName, type: "datetime" }, operator, operand, now) };
}

function latest(bounds: readonly (string | undefined)[]): string | undefined {
  return bounds
    .filter((one) => one !== undefined)
    .sort()
    .at(-1);
}

type Ordered = Map<string, readonly StoredRecord[]>;

/** Lists in order by object and field; a list is dropped when one of its records changes. */
const orders = new WeakMap<Store, Ordered>();

/** All records by a time stamp, then by id. Made anew after a change; nearly sorted input makes that quick. */
function inOrder(org: Org, type: ObjectType, fieldName: string): readonly StoredRecord[] {
  const known = orders.get(org.store) ?? watch(org.store);
  const key = `${type.name}.${fieldName}`;
  const old = known.get(key);
  if (old) return old;
  const records = org.records(type).sort((left, right) => {
    const [a, b] = [left[fieldName] as string, right[fieldName] as string];
    if (a !== b) return a < b ? -1 : 1;
    return (left.Id as string) < (right.Id as string) ? -1 : 1;
  });
  known.set(key, records);
  return records;
}

function watch(store: Store): Ordered {
  const known: Ordered = new Map();
  orders.set(store, known);
  store.onEntry(({ put, purge }) => {
    const changed = new Set([...Object.keys(put ?? {}), ...(purge ?? []).map((one) => one.entityName)]);
    for (const key of known.keys()) if (changed.has(key.split(".")[0] ?? "")) known.delete(key);
  });
  return known;
}

function firstNotBefore(records: readonly StoredRecord[], fieldName: string, stamp: string, id: string): number {
  let low = 0;
  let high = records.length;
  const isBefore = (record: StoredRecord | undefined) => {
    const own = String(record?.[fieldName]);
    return own < stamp || (own === stamp && String(record?.Id) < id);
  };
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(records[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
