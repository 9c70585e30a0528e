import { entityIsDeleted, notFound, SalesforceError } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import { toId18 } from "../ids.ts";
import type { Org } from "../org.ts";
import { allFields, rendererOf } from "../render.ts";
import { requireType } from "../schema.ts";
import { visibleType } from "../soql/scope.ts";
import type { StoredRecord } from "../state.ts";
import { toStored } from "../values.ts";
import { type App, actorOf, bodyOf, type Context, json, scopeOf, versionOf } from "./call.ts";
import { assertMayWrite } from "./fls.ts";

const ROWS = "/services/data/:version/sobjects/:type";
/** From this version on an upsert that updates answers with a body. */
const UPSERT_BODY_VERSION = 46;

/**
 * One record at a time: create, read, update, delete, and the same by external id.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/using_resources_working_with_records.htm
 */
export function installRows(app: App, org: Org): void {
  app.post(ROWS, async (c) => {
    const type = typeOf(c);
    const body = await writableBody(c, org, type);
    const id = org.transact(actorOf(c), (tx) => tx.insert(type, body));
    return json(c, { id, success: true, errors: [] }, 201);
  });

  app.get(`${ROWS}/:id`, (c) => json(c, render(c, org, readRecord(c, org))));

  app.patch(`${ROWS}/:id`, async (c) => {
    const type = typeOf(c);
    const id = idOf(c, type);
    const body = await writableBody(c, org, type);
    assertAbsent(body, "Id");
    org.transact(actorOf(c), (tx) => tx.update(type, id, body));
    return c.body(null, 204);
  });

  app.delete(`${ROWS}/:id`, (c) => {
    const type = typeOf(c);
    const id = idOf(c, type);
    org.transact(actorOf(c), (tx) => tx.delete(type, id));
    return c.body(null, 204);
  });

  app.get(`${ROWS}/:field/:value`, (c) => {
    const { type, field, value } = externalId(c);
    const found = org.transact(actorOf(c), (tx) => tx.matching(type, field, value));
    if (found.length > 1) return json(c, urlsOf(c, type, found), 300);
    const [record] = found;
    if (!record) throw notFound();
    return json(c, render(c, org, record));
  });

  app.patch(`${ROWS}/:field/:value`, async (c) => {
    const { type, field, value } = externalId(c);
    const body = await writableBody(c, org, type);
    assertAbsent(body, field.name);
    const result = upsert(org, c, type, field, value, body);
    if ("choices" in result) return json(c, urlsOf(c, type, result.choices), 300);
    if (!result.created && Number(versionOf(c)) < UPSERT_BODY_VERSION) return c.body(null, 204);
    return json(c, { id: result.id, success: true, errors: [], created: result.created }, result.created ? 201 : 200);
  });
}

/** @throws SalesforceError `NOT_FOUND` when the field is no external id of the object */
export function requireExternalId(type: ObjectType, name: string): Field {
  const field = type.fields.get(name.toLowerCase());
  if (!field?.externalId)
    throw new SalesforceError(
      404,
      "NOT_FOUND",
      `Provided external ID field does not exist or is not accessible: ${name}`,
    );
  return field;
}

function upsert(
  org: Org,
  c: Context,
  type: ObjectType,
  field: Field,
  value: ReturnType<typeof toStored>,
  body: Record<string, unknown>,
): { id: string; created: boolean } | { choices: StoredRecord[] } {
  return org.transact(actorOf(c), (tx) => {
    const found = tx.matching(type, field, value);
    if (found.length > 1) return { choices: found };
    const [record] = found;
    if (!record) return { id: tx.insert(type, { ...body, [field.name]: value }), created: true };
    tx.update(type, String(record.Id), body);
    return { id: String(record.Id), created: false };
  });
}

function typeOf(c: Context): ObjectType {
  return requireType(c.req.param("type") ?? "");
}

/** @throws SalesforceError `NOT_FOUND` when the last path segment is no id of this object */
function idOf(c: Context, type: ObjectType): string {
  const given = c.req.param("id") ?? "";
  const id = toId18(given);
  if (!id?.startsWith(type.keyPrefix))
    throw new SalesforceError(
      404,
      "NOT_FOUND",
      `Provided external ID field does not exist or is not accessible: ${given}`,
    );
  return id;
}

function readRecord(c: Context, org: Org): StoredRecord {
  const type = typeOf(c);
  const record = org.find(type, idOf(c, type));
  if (!record) throw notFound();
  if (record.IsDeleted) throw entityIsDeleted();
  return record;
}

/** @throws SalesforceError `JSON_PARSER_ERROR`, or the error of a field that the user may not write */
async function writableBody(c: Context, org: Org, type: ObjectType): Promise<Record<string, unknown>> {
  const body = await bodyOf(c);
  assertMayWrite(scopeOf(c, org), type, body);
  return body;
}

function render(c: Context, org: Org, record: StoredRecord): unknown {
  const scope = scopeOf(c, org);
  const type = visibleType(scope, typeOf(c).name) ?? typeOf(c);
  const names = c.req.query("fields")?.split(",");
  return rendererOf(scope, type, names?.map((name) => name.trim()) ?? allFields(type))(record);
}

function externalId(c: Context): { type: ObjectType; field: Field; value: ReturnType<typeof toStored> } {
  const type = typeOf(c);
  const field = requireExternalId(type, c.req.param("field") ?? "");
  return { type, field, value: toStored(field, c.req.param("value") ?? "") };
}

function urlsOf(c: Context, type: ObjectType, records: readonly StoredRecord[]): string[] {
  return records.map((record) => `/services/data/v${versionOf(c)}/sobjects/${type.name}/${String(record.Id)}`);
}

function assertAbsent(body: Record<string, unknown>, name: string): void {
  if (Object.keys(body).some((key) => key.toLowerCase() === name.toLowerCase()))
    throw new SalesforceError(400, "INVALID_FIELD", `The ${name} field should not be specified in the sobject data.`, [
      name,
    ]);
}
