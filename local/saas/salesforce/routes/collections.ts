import { jsonParserError, rowLocked, SalesforceError, unsupportedType } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import { toId18 } from "../ids.ts";
import type { Org } from "../org.ts";
import { allFields, renderRecord } from "../render.ts";
import { findType, requireField, requireType, typeOfId } from "../schema.ts";
import type { Transaction } from "../transaction.ts";
import { toStored } from "../values.ts";
import { type App, actorOf, bodyOf, type Context, json, versionOf } from "./call.ts";
import { requireExternalId } from "./rows.ts";

const COLLECTIONS = "/services/data/:version/composite/sobjects";
const MAX_WRITES = 200;
const MAX_READS = 2000;

interface Outcome {
  readonly id?: string;
  readonly success: boolean;
  readonly created?: boolean;
  readonly errors: readonly unknown[];
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

/**
 * Up to 200 records written, or 2,000 read, in one call and one transaction.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm
 */
export function installCollections(app: App, org: Org): void {
  app.post(COLLECTIONS, async (c) => {
    const { records, allOrNone } = collectionOf(await bodyOf(c));
    const create = (tx: Transaction, record: Record<string, unknown>) => ({
      id: tx.insert(typeOfRecord(record), record),
    });
    return json(c, run(c, org, records, allOrNone, create));
  });

  app.patch(COLLECTIONS, async (c) => {
    const { records, allOrNone } = collectionOf(await bodyOf(c));
    return json(c, run(c, org, records, allOrNone, updateOne));
  });

  app.patch(`${COLLECTIONS}/:type/:field`, async (c) => {
    const type = requireType(c.req.param("type") ?? "");
    const field = requireExternalId(type, c.req.param("field") ?? "");
    const { records, allOrNone } = collectionOf(await bodyOf(c));
    return json(c, run(c, org, records, allOrNone, upsertOne(type, field.name)));
  });

  app.delete(COLLECTIONS, (c) => {
    const ids = (c.req.query("ids") ?? "").split(",").filter(Boolean);
    assertSize(ids.length, MAX_WRITES);
    const remove = (tx: Transaction, given: string) => {
      const { type, id } = requireId(given);
      tx.delete(type, id);
      return { id };
    };
    return json(c, run(c, org, ids, c.req.query("allOrNone") === "true", remove));
  });

  app.post(`${COLLECTIONS}/:type`, async (c) => {
    const { ids, fields } = await bodyOf(c);
    return json(c, retrieve(c, org, strings(ids, "ids"), fields === undefined ? undefined : strings(fields, "fields")));
  });

  app.get(`${COLLECTIONS}/:type`, (c) => {
    const list = (name: string) =>
      c.req
        .query(name)
        ?.split(",")
        .map((item) => item.trim());
    return json(c, retrieve(c, org, list("ids") ?? [], list("fields")));
  });
}

/** In the order of the ids; a record that is missing or deleted is null. */
function retrieve(c: Context, org: Org, ids: readonly string[], fields: readonly string[] | undefined): unknown[] {
  const type = requireType(c.req.param("type") ?? "");
  assertSize(ids.length, MAX_READS);
  for (const name of fields ?? []) if (!name.includes(".")) requireField(type, name);
  return ids.map((given) => {
    const id = toId18(given);
    const record = id && org.find(type, id);
    if (!record || record.IsDeleted) return null;
    return renderRecord(org, type, record, fields ?? allFields(type), versionOf(c));
  });
}

/** Runs every item in one transaction; with `allOrNone` one failure takes the others back. */
function run<Item>(
  c: Context,
  org: Org,
  items: readonly Item[],
  allOrNone: boolean,
  work: (tx: Transaction, item: Item) => { id: string; created?: boolean },
): readonly Outcome[] {
  const isLocked = c.get("rowLock") === true;
  try {
    return org.transact(actorOf(c), (tx) => {
      const outcomes = items.map((item) => attempt(() => (isLocked ? refuseLocked(item) : work(tx, item))));
      if (allOrNone && outcomes.some((outcome) => !outcome.success)) throw new RolledBack(outcomes.map(rollBack));
      return outcomes;
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.outcomes;
    throw error;
  }
}

function attempt(work: () => { id: string; created?: boolean }): Outcome {
  try {
    return { ...work(), success: true, errors: [] };
  } catch (error) {
    // What cannot be read fails the whole request, not the record.
    if (!(error instanceof SalesforceError) || error.errorCode === "JSON_PARSER_ERROR") throw error;
    const { errorCode, message, fields } = error;
    return { success: false, errors: [{ statusCode: errorCode, message, fields: fields ?? [] }] };
  }
}

function rollBack(outcome: Outcome): Outcome {
  if (!outcome.success) return outcome;
  const message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
  return { success: false, errors: [{ statusCode: "ALL_OR_NONE_OPERATION_ROLLED_BACK", message, fields: [] }] };
}

function updateOne(tx: Transaction, record: Record<string, unknown>): { id: string } {
  const { given, rest } = takeId(record);
  if (given === undefined) throw new SalesforceError(400, "MISSING_ARGUMENT", "Id not specified in an update call", []);
  const { type, id } = requireId(String(given));
  tx.update(type, id, rest);
  return { id };
}

function upsertOne(type: ObjectType, fieldName: string) {
  return (tx: Transaction, record: Record<string, unknown>): { id: string; created: boolean } => {
    const field = requireField(type, fieldName);
    const key = Object.keys(record).find((name) => name.toLowerCase() === fieldName.toLowerCase());
    const value = key === undefined ? null : toStored(field, record[key]);
    if (value === null) throw new SalesforceError(400, "MISSING_ARGUMENT", `${field.name} not specified`, []);
    const found = tx.matching(type, field, value);
    if (found.length > 1)
      throw new SalesforceError(
        400,
        "DUPLICATE_EXTERNAL_ID",
        `${field.name}: more than one record found for external id field: [${found.map((one) => one.Id).join(", ")}]`,
        [],
      );
    const [existing] = found;
    if (!existing) return { id: tx.insert(type, record), created: true };
    tx.update(type, String(existing.Id), record);
    return { id: String(existing.Id), created: false };
  };
}

function refuseLocked(item: unknown): never {
  const id = typeof item === "string" ? item : (takeId(item as Record<string, unknown>).given ?? "");
  throw rowLocked(String(id));
}

function takeId(record: Record<string, unknown>): { given: unknown; rest: Record<string, unknown> } {
  const key = Object.keys(record).find((name) => name.toLowerCase() === "id");
  if (key === undefined) return { given: undefined, rest: record };
  const { [key]: given, ...rest } = record;
  return { given, rest };
}

function typeOfRecord(record: Record<string, unknown>): ObjectType {
  const name = (record.attributes as { type?: unknown } | undefined)?.type;
  if (typeof name !== "string")
    throw new SalesforceError(400, "INVALID_INPUT", "Each record must have attributes with its type.", []);
  const type = findType(name);
  if (!type) throw unsupportedType(name);
  return type;
}

function requireId(given: string): { type: ObjectType; id: string } {
  const id = toId18(given);
  const type = id && typeOfId(id);
  if (!id || !type) throw new SalesforceError(400, "MALFORMED_ID", `malformed id ${given}`, []);
  return { type, id };
}

function collectionOf(body: Record<string, unknown>): { records: Record<string, unknown>[]; allOrNone: boolean } {
  const { records, allOrNone } = body;
  if (!Array.isArray(records) || records.some((record) => record === null || typeof record !== "object"))
    throw jsonParserError("The body must have a list of records.");
  assertSize(records.length, MAX_WRITES);
  return { records, allOrNone: allOrNone === true };
}

function strings(value: unknown, name: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw jsonParserError(`'${name}' must be a list of texts.`);
}

function assertSize(size: number, most: number): void {
  if (size > most)
    throw new SalesforceError(
      400,
      "EXCEEDED_ID_LIMIT",
      `record limit reached. cannot submit more than ${most} records into this call`,
    );
}
