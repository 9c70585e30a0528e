import { entityIsDeleted, notEmulated, notFound, SalesforceError } from "../errors.ts";
import { toId18 } from "../ids.ts";
import type { Actor } from "../org.ts";
import { allFields, rendererOf } from "../render.ts";
import { type Scope, visibleType } from "../soql/scope.ts";
import type { Transaction } from "../transaction.ts";
import { keyField } from "./collections.ts";
import { upsertItem } from "./dml.ts";
import { assertMayWrite } from "./fls.ts";

/** One call of a composite, its references filled in. */
export interface RowCall {
  readonly method: string;
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RowAnswer {
  readonly status: number;
  readonly body: unknown;
}

interface Row {
  readonly type: NonNullable<ReturnType<typeof visibleType>>;
  /** Id, or external id field and value. */
  readonly rest: readonly string[];
}

/** What the calls of a rolled back composite answer that did not fail themselves. */
export const HALTED = new SalesforceError(
  400,
  "PROCESSING_HALTED",
  "The transaction was rolled back since another operation in the same transaction failed.",
);

/** Carries answers out of a transaction that must leave nothing behind. */
class Halted extends Error {
  override readonly name = "Halted";
}

/**
 * Runs calls to single records in one transaction; after the first that fails none has happened.
 * `prepare` fills in references to earlier answers.
 */
export function runRows(
  scope: Scope,
  actor: Actor,
  count: number,
  prepare: (index: number, answers: readonly RowAnswer[]) => RowCall,
): RowAnswer[] {
  const answers: RowAnswer[] = [];
  try {
    scope.org.transact(actor, (tx) => {
      for (let index = 0; index < count; index += 1)
        answers.push(answerOf(() => runRow(scope, tx, prepare(index, answers))));
      if (answers.some(hasFailed)) throw new Halted("rolled back");
    });
    return answers;
  } catch (error) {
    if (!(error instanceof Halted)) throw error;
    return answers.map((answer) => (hasFailed(answer) ? answer : { status: HALTED.status, body: HALTED.body() }));
  }
}

const hasFailed = ({ status }: RowAnswer) => status >= 400;

function answerOf(run: () => RowAnswer): RowAnswer {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof SalesforceError)) throw error;
    return { status: error.status, body: error.body() };
  }
}

/** @throws SalesforceError `NOT_EMULATED` for calls to anything but single records */
function runRow(scope: Scope, tx: Transaction, { method, url, body }: RowCall): RowAnswer {
  const { type, rest } = rowOf(scope, url);
  assertMayWrite(scope, type, body);
  const done = { status: 204, body: null };
  switch (`${method} ${rest.length}`) {
    case "POST 0":
      return { status: 201, body: { id: tx.insert(type, body), success: true, errors: [] } };
    case "GET 1":
      return { status: 200, body: readRow(scope, tx, { type, rest }) };
    case "PATCH 1":
      tx.update(type, idOf({ type, rest }), body);
      return done;
    case "DELETE 1":
      tx.delete(type, idOf({ type, rest }));
      return done;
    case "PATCH 2": {
      const field = keyField(type, rest[0] ?? "");
      const item = upsertItem(scope, type, field, { ...body, [field.name]: rest[1] });
      const { id, created = false } = item.run(tx);
      return { status: created ? 201 : 200, body: { id, success: true, errors: [], created } };
    }
    default:
      throw notEmulated(`${method} ${url} in a composite with allOrNone`);
  }
}

function rowOf(scope: Scope, url: string): Row {
  const [, name = "", tail = ""] = /^\/services\/data\/v[\d.]+\/sobjects\/(\w+)((?:\/[^/?]+){0,2})$/.exec(url) ?? [];
  if (!name) throw notEmulated(`${url} in a composite with allOrNone`);
  const type = visibleType(scope, name);
  if (!type) throw notFound();
  return { type, rest: tail.split("/").filter(Boolean).map(decodeURIComponent) };
}

function idOf({ type, rest }: Row): string {
  const id = toId18(rest[0] ?? "");
  if (!id?.startsWith(type.keyPrefix)) throw notFound();
  return id;
}

/** The record as the transaction has left it. */
function readRow(scope: Scope, tx: Transaction, row: Row): unknown {
  const record = tx.find(row.type, idOf(row));
  if (!record) throw notFound();
  if (record.IsDeleted) throw entityIsDeleted();
  return rendererOf(scope, row.type, allFields(row.type))(record);
}
