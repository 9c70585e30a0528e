import { jsonParserError, SalesforceError, unsupportedType } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import { toId18 } from "../ids.ts";
import type { Org } from "../org.ts";
import { allFields, rendererOf } from "../render.ts";
import { findType, requireType, typeOfId } from "../schema.ts";
import { type App, bodyOf, type Context, json, scopeOf } from "./call.ts";
import { type Item, type Outcome, runItems, takeId, upsertItem } from "./dml.ts";
import { assertMayWrite } from "./fls.ts";
import { typeOf } from "./metadata.ts";
import { requireExternalId } from "./rows.ts";

const COLLECTIONS = "/services/data/:version/composite/sobjects";
const MAX_WRITES = 200;
const MAX_READS = 2000;

type Body = Record<string, unknown>;

/**
 * Up to 200 records written, or 2,000 read, in one call and one transaction.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm
 */
export function installCollections(app: App, org: Org): void {
  const write = async (c: Context, toItem: (record: Body) => Item): Promise<Response> => {
    const { records, allOrNone } = collectionOf(await bodyOf(c));
    return json(c, shown(runItems(c, org, records.map(toItem), allOrNone)));
  };

  app.post(COLLECTIONS, (c) =>
    write(c, (record) => ({
      run(tx) {
        const type = typeOfRecord(record);
        assertMayWrite(scopeOf(c, org), type, record);
        return { id: tx.insert(type, record) };
      },
    })),
  );

  app.patch(COLLECTIONS, (c) => write(c, (record) => updateItem(c, org, record)));

  app.patch(`${COLLECTIONS}/:type/:field`, (c) => {
    const type = requireType(c.req.param("type") ?? "");
    const field = keyField(type, c.req.param("field") ?? "");
    return write(c, (record) => upsertItem(scopeOf(c, org), type, field, record));
  });

  app.delete(COLLECTIONS, (c) => {
    const ids = (c.req.query("ids") ?? "").split(",").filter(Boolean);
    assertSize(ids.length, MAX_WRITES);
    const items = ids.map(deleteItem);
    return json(c, shown(runItems(c, org, items, c.req.query("allOrNone") === "true")));
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

/** The field by which an upsert finds its records: `Id` or an external id. @throws SalesforceError `NOT_FOUND` */
export function keyField(type: ObjectType, name: string): Field {
  return name.toLowerCase() === "id" ? (type.fields.get("id") as Field) : requireExternalId(type, name);
}

/** An id with its object. @throws SalesforceError `MALFORMED_ID` */
export function requireId(given: string): { type: ObjectType; id: string } {
  const id = toId18(given);
  const type = id && typeOfId(id);
  if (!id || !type) throw new SalesforceError(400, "MALFORMED_ID", `malformed id ${given}`, []);
  return { type, id };
}

/** In the order of the ids; a record that is missing or deleted is null. */
function retrieve(c: Context, org: Org, ids: readonly string[], fields: readonly string[] | undefined): unknown[] {
  const type = typeOf(c, org);
  assertSize(ids.length, MAX_READS);
  const show = rendererOf(scopeOf(c, org), type, fields ?? allFields(type));
  return ids.map((given) => {
    const id = toId18(given);
    const record = id && org.find(type, id);
    return !record || record.IsDeleted ? null : show(record);
  });
}

function updateItem(c: Context, org: Org, record: Body): Item {
  const { given, rest } = takeId(record);
  return {
    ...(given === undefined ? {} : { id: String(given) }),
    run(tx) {
      if (given === undefined)
        throw new SalesforceError(400, "MISSING_ARGUMENT", "Id not specified in an update call", []);
      const { type, id } = requireId(String(given));
      assertMayWrite(scopeOf(c, org), type, rest);
      tx.update(type, id, rest);
      return { id };
    },
  };
}

function deleteItem(given: string): Item {
  return {
    id: given,
    run(tx) {
      const { type, id } = requireId(given);
      tx.delete(type, id);
      return { id };
    },
  };
}

/** Results as collections show them. */
function shown(outcomes: readonly Outcome[]): unknown[] {
  return outcomes.map(({ id, success, created, error }) => ({
    ...(success ? { id } : {}),
    success,
    ...(success && created !== undefined ? { created } : {}),
    errors: error ? [{ statusCode: error.errorCode, message: error.message, fields: error.fields ?? [] }] : [],
  }));
}

function typeOfRecord(record: Body): ObjectType {
  const name = (record.attributes as { type?: unknown } | undefined)?.type;
  if (typeof name !== "string")
    throw new SalesforceError(400, "INVALID_INPUT", "Each record must have attributes with its type.", []);
  const type = findType(name);
  if (!type) throw unsupportedType(name);
  return type;
}

function collectionOf(body: Body): { records: Body[]; allOrNone: boolean } {
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
