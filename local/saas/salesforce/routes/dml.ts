import { SalesforceError } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import { toId18 } from "../ids.ts";
import type { Actor, Org } from "../org.ts";
import type { Scope } from "../soql/scope.ts";
import type { Transaction } from "../transaction.ts";
import { toStored, type Value } from "../values.ts";
import { actorOf, type Context } from "./call.ts";
import { type RecordFault, recordFaultOf } from "./faults.ts";
import { assertMayWrite } from "./fls.ts";

/** One record of a request: what identifies it, and what is done with it. */
export interface Item {
  /** Id as given, for faults and duplicates. */
  readonly id?: string;
  /** Value of an upsert's external id: two records of a request must not share it. */
  readonly key?: { readonly field: string; readonly value: Value };
  run(tx: Transaction): { id: string; created?: boolean };
}

export interface Outcome {
  readonly id?: string;
  readonly success: boolean;
  readonly created?: boolean;
  readonly error?: SalesforceError;
}

/** Carries the outcomes out of a transaction that must leave nothing behind. */
class RolledBack extends Error {
  override readonly name = "RolledBack";
  readonly outcomes: readonly Outcome[];

  constructor(outcomes: readonly Outcome[]) {
    super("rolled back");
    this.outcomes = outcomes;
  }
}

/** Runs every item of a call in one transaction; with `allOrNone` one failure takes the others back. */
export function runItems(c: Context, org: Org, items: readonly Item[], allOrNone: boolean): readonly Outcome[] {
  return runBatch(org, actorOf(c), items, allOrNone, recordFaultOf(c));
}

/**
 * Runs items in one transaction. Records that name the same id or external id are all refused, as Salesforce does.
 * @throws SalesforceError `JSON_PARSER_ERROR` for a record that cannot be read, which fails the whole request
 */
export function runBatch(
  org: Org,
  actor: Actor,
  items: readonly Item[],
  allOrNone: boolean,
  fault: RecordFault,
): readonly Outcome[] {
  const twice = duplicatesOf(items);
  const one = (tx: Transaction, item: Item): Outcome => {
    const refused = twice.get(item) ?? fault(item.id ?? "");
    return refused ? { success: false, error: refused } : attempt(() => item.run(tx));
  };
  try {
    return org.transact(actor, (tx) => {
      const outcomes = items.map((item) => one(tx, item));
      if (allOrNone && outcomes.some((outcome) => !outcome.success)) throw new RolledBack(outcomes.map(rollBack));
      return outcomes;
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.outcomes;
    throw error;
  }
}

/** An upsert of one record by `Id` or by an external id. By id it never creates. */
export function upsertItem(scope: Scope, type: ObjectType, field: Field, record: Record<string, unknown>): Item {
  const name = Object.keys(record).find((one) => one.toLowerCase() === field.name.toLowerCase());
  const { [name ?? ""]: given, ...rest } = record;
  const check = () => assertMayWrite(scope, type, record);
  if (field.name === "Id") return upsertById(type, given, rest, check);
  const value = attemptValue(() => (given === undefined || given === null ? null : toStored(field, given)));
  return {
    ...(value.ok && value.value !== null ? { key: { field: field.name, value: value.value } } : {}),
    run(tx) {
      check();
      if (!value.ok) throw value.error;
      if (value.value === null) throw new SalesforceError(400, "MISSING_ARGUMENT", `${field.name} not specified`, []);
      return upsertByKey(tx, type, field, value.value, rest);
    },
  };
}

function upsertByKey(
  tx: Transaction,
  type: ObjectType,
  field: Field,
  value: Value,
  rest: Record<string, unknown>,
): { id: string; created: boolean } {
  const found = tx.matching(type, field, value);
  if (found.length > 1)
    throw new SalesforceError(
      400,
      "DUPLICATE_EXTERNAL_ID",
      `${field.name}: more than one record found for external id field: [${found.map((one) => one.Id).join(", ")}]`,
      [],
    );
  const [existing] = found;
  if (!existing) return { id: tx.insert(type, { ...rest, [field.name]: value }), created: true };
  tx.update(type, String(existing.Id), rest);
  return { id: String(existing.Id), created: false };
}

function upsertById(type: ObjectType, given: unknown, rest: Record<string, unknown>, check: () => void): Item {
  const isNew = given === undefined || given === null || given === "";
  return {
    ...(isNew ? {} : { id: String(given) }),
    run(tx) {
      check();
      if (isNew) return { id: tx.insert(type, rest), created: true };
      const id = toId18(String(given));
      if (!id?.startsWith(type.keyPrefix))
        throw new SalesforceError(400, "MALFORMED_ID", `malformed id ${String(given)}`, []);
      tx.update(type, id, rest);
      return { id, created: false };
    },
  };
}

/** The id of a record in any case of its name, and the other fields. */
export function takeId(record: Record<string, unknown>): { given: unknown; rest: Record<string, unknown> } {
  const key = Object.keys(record).find((name) => name.toLowerCase() === "id");
  if (key === undefined) return { given: undefined, rest: record };
  const { [key]: given, ...rest } = record;
  return { given, rest };
}

/**
 * Items that share an id or an external id, with the error of each.
 * https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_upsert.htm
 */
function duplicatesOf(items: readonly Item[]): Map<Item, SalesforceError> {
  const groups = Map.groupBy(items, ({ id, key }) => {
    if (key) return `key ${String(key.value).toLowerCase()}`;
    return id === undefined ? undefined : `id ${toId18(id) ?? id}`;
  });
  const twice = new Map<Item, SalesforceError>();
  for (const [name, group] of groups) {
    if (name === undefined || group.length < 2) continue;
    for (const item of group) {
      const text = item.key
        ? `Duplicate external id specified: ${item.key.value}`
        : `Duplicate id specified: ${item.id}`;
      twice.set(item, new SalesforceError(400, "DUPLICATE_VALUE", text, [item.key?.field ?? "Id"]));
    }
  }
  return twice;
}

function attempt(work: () => { id: string; created?: boolean }): Outcome {
  try {
    return { ...work(), success: true };
  } catch (error) {
    if (!(error instanceof SalesforceError) || error.errorCode === "JSON_PARSER_ERROR") throw error;
    // Beside records by URL, an id of nothing is a bad reference.
    const isMissing = error.errorCode === "NOT_FOUND";
    const told = isMissing
      ? new SalesforceError(404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
      : error;
    return { success: false, error: told };
  }
}

type Attempt<Result> = { readonly ok: true; readonly value: Result } | { readonly ok: false; readonly error: unknown };

function attemptValue<Result>(work: () => Result): Attempt<Result> {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    return { ok: false, error };
  }
}

function rollBack(outcome: Outcome): Outcome {
  if (!outcome.success) return outcome;
  const message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
  return { success: false, error: new SalesforceError(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", message, []) };
}
