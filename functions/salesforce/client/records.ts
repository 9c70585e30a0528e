import { z } from "zod";
import { chunks } from "#shared/chunks.ts";
import { InvalidInputError } from "#shared/errors.ts";
import { readAnswer, unexpected } from "./answers.ts";
import { toFleetError, toRecordError } from "./errors.ts";
import type { Send } from "./http.ts";
import { runQuery } from "./queries.ts";
import type { DeletedRecord, Deletion, DescribedField, EntityName, WriteResult } from "./types.ts";

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_retrieve.htm */
export const MAX_READ = 2_000;
/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_update.htm */
const MAX_WRITE = 200;
// Keeps the URL under Salesforce's 16,384 bytes and the answer within one page.
export const MAX_IN_LIST = 500;
// Triggers and flows of 200 records take their time.
export const WRITE_TIMEOUT_MS = 25_000;

const recordsSchema = z.array(z.looseObject({ Id: z.string() }).nullable());
const deletionSchema = z.looseObject({ Id: z.string(), IsDeleted: z.boolean(), SystemModstamp: z.string() });
const deletedSchema = z.looseObject({
  deletedRecords: z.array(z.looseObject({ id: z.string(), deletedDate: z.string() })),
});
const describeSchema = z.looseObject({
  fields: z.array(z.looseObject({ name: z.string(), type: z.string(), updateable: z.boolean() })),
});
const resultsSchema = z.array(
  z.looseObject({
    success: z.boolean(),
    errors: z.array(
      z.looseObject({ statusCode: z.string(), message: z.string(), fields: z.array(z.string()).optional() }),
    ),
  }),
);

/** Salesforce answers in the order of the ids, with `null` for a record that is not there. */
export async function readRecords(
  send: Send,
  entity: EntityName,
  ids: readonly string[],
  fields: readonly string[],
): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const some of chunks(ids, MAX_READ)) {
    const path = `/composite/sobjects/${encodeURIComponent(entity)}`;
    const { body } = await send({ method: "POST", path, body: { ids: some, fields } });
    for (const record of readAnswer(recordsSchema, body, "a list of records with their Ids"))
      if (record) found.set(record.Id, record);
  }
  return found;
}

export async function findDeleted(
  send: Send,
  entity: EntityName,
  ids: readonly string[],
): Promise<Map<string, Deletion>> {
  const deletions = new Map<string, Deletion>();
  for (const some of chunks(ids, MAX_IN_LIST)) {
    const list = some.map((id) => `'${id}'`).join(",");
    const soql = `SELECT Id, IsDeleted, SystemModstamp FROM ${entity} WHERE Id IN (${list})`;
    const { records, done } = await runQuery(send, soql, { deleted: true });
    if (!done) throw unexpected("one page of query results");
    const rows = readAnswer(z.array(deletionSchema), records, "rows with Id, IsDeleted and SystemModstamp");
    for (const { Id, IsDeleted, SystemModstamp } of rows)
      deletions.set(Id, { isDeleted: IsDeleted, systemModstamp: SystemModstamp });
  }
  return deletions;
}

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm */
export async function deletedBetween(
  send: Send,
  entity: EntityName,
  from: string,
  to: string,
): Promise<readonly DeletedRecord[]> {
  const moments = new URLSearchParams({ start: toMoment(from), end: toMoment(to) });
  const { body } = await send({ method: "GET", path: `/sobjects/${encodeURIComponent(entity)}/deleted/?${moments}` });
  const { deletedRecords } = readAnswer(deletedSchema, body, "a list of deleted records");
  return deletedRecords.map(({ id, deletedDate }) => ({ id, deletedDate: toMoment(deletedDate) }));
}

export async function describe(send: Send, entity: EntityName): Promise<readonly DescribedField[]> {
  const { body } = await send({ method: "GET", path: `/sobjects/${encodeURIComponent(entity)}/describe` });
  const { fields } = readAnswer(describeSchema, body, `a description of ${entity}`);
  return fields.map(({ name, type, updateable }) => ({ name, type, updateable }));
}

/** A record that is refused fails alone; a call that fails takes its records with it, and no others. */
export async function updateRecords(
  send: Send,
  entity: EntityName,
  records: readonly Record<string, unknown>[],
): Promise<readonly WriteResult[]> {
  const withIds = records.map((record, index): [string, Record<string, unknown>] => [idOf(record, index), record]);
  const results: WriteResult[] = [];
  for (const some of chunks(withIds, MAX_WRITE)) results.push(...(await updateSome(send, entity, some)));
  return results;
}

async function updateSome(
  send: Send,
  entity: EntityName,
  some: readonly [string, Record<string, unknown>][],
): Promise<WriteResult[]> {
  // By id and not as an upsert: what is gone must not come back as a new record.
  const records = some.map(([id, { Id: _, ...fields }]) => ({ attributes: { type: entity }, id, ...fields }));
  const body = { allOrNone: false, records };
  try {
    const answer = await send({ method: "PATCH", path: "/composite/sobjects", body, timeoutMs: WRITE_TIMEOUT_MS });
    const results = readAnswer(resultsSchema, answer.body, "a list of results");
    if (results.length !== some.length) throw unexpected("a result for every record");
    return some.map(([id], index) => {
      const { success, errors } = results[index] as (typeof results)[number];
      return success ? { id } : { id, error: toRecordError(entity, id, errors) };
    });
  } catch (cause) {
    const error = toFleetError(cause);
    return some.map(([id]) => ({ id, error }));
  }
}

function idOf(record: Record<string, unknown>, index: number): string {
  if (typeof record.Id === "string" && record.Id !== "") return record.Id;
  throw new InvalidInputError("NO_ID", `Record ${index} of the update has no Id; every record needs one.`);
}

/** REST writes `+0000`, which ISO 8601 and this API's own parameters do not know. */
function toMoment(text: string): string {
  const moment = new Date(text);
  if (!Number.isNaN(moment.getTime())) return moment.toISOString();
  throw new InvalidInputError(
    "BAD_MOMENT",
    `A text of ${text.length} characters is no moment; write it as 2026-11-22T10:00:00.000Z.`,
  );
}
