import { z } from "zod";
import { type Control, parseControl } from "../../front/control.ts";
import { IngestJobs, ingestJobInfo, type ResultKind } from "../bulk/ingest-jobs.ts";
import { DELIMITERS } from "../bulk/jobs.ts";
import { QueryJobs, queryJobInfo } from "../bulk/query-jobs.ts";
import { SalesforceError } from "../errors.ts";
import type { Org } from "../org.ts";
import { type App, actorOf, bodyOf, type Context, json, scopeOf } from "./call.ts";
import { bulkFailureOf, recordFaultOf } from "./faults.ts";

const QUERY = "/services/data/:version/jobs/query";
const INGEST = "/services/data/:version/jobs/ingest";
const RESULTS: readonly ResultKind[] = ["successfulResults", "failedResults", "unprocessedrecords"];

const queryRequest = z.looseObject({
  query: z.string(),
  operation: z.enum(["query", "queryAll"]).default("query"),
  contentType: z.literal("CSV").default("CSV"),
  columnDelimiter: z.literal("COMMA").default("COMMA"),
  lineEnding: z.literal("LF").default("LF"),
});
const ingestRequest = z.looseObject({
  object: z.string(),
  operation: z.enum(["insert", "update", "upsert", "delete"]),
  externalIdFieldName: z.string().optional(),
  contentType: z.literal("CSV").default("CSV"),
  lineEnding: z.enum(["LF", "CRLF"]).default("LF"),
  columnDelimiter: z.enum(Object.keys(DELIMITERS) as [keyof typeof DELIMITERS]).default("COMMA"),
});
const queryState = z.strictObject({ state: z.literal("Aborted") });
const ingestState = z.strictObject({ state: z.enum(["UploadComplete", "Aborted"]) });
const pace = z.strictObject({
  pollsInProgress: z.int().nonnegative().optional(),
  pageRows: z.int().positive().optional(),
});

/** Bulk API 2.0: query jobs. https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_queries.htm */
export function installBulkQuery(app: App, org: Org): void {
  const jobs = new QueryJobs(org);
  const idOf = (c: Context) => c.req.param("id") ?? "";

  app.post(QUERY, async (c) => {
    const { query, operation } = parsed(queryRequest, await bodyOf(c));
    return json(c, queryJobInfo(jobs.create(scopeOf(c, org), query, operation, bulkFailureOf(c))));
  });
  app.get(QUERY, (c) => json(c, { done: true, records: jobs.list().map(queryJobInfo), nextRecordsUrl: null }));
  app.get(`${QUERY}/:id`, (c) => json(c, queryJobInfo(jobs.poll(idOf(c)))));
  app.patch(`${QUERY}/:id`, async (c) => {
    parsed(queryState, await bodyOf(c));
    return json(c, queryJobInfo(jobs.abort(idOf(c))));
  });
  app.delete(`${QUERY}/:id`, (c) => {
    jobs.delete(idOf(c));
    return c.body(null, 204);
  });
  app.get(`${QUERY}/:id/results`, (c) => {
    const locator = c.req.query("locator");
    const page = jobs.results(scopeOf(c, org), idOf(c), locator || undefined, pageSize(org, c.req.query("maxRecords")));
    const headers = { "sforce-locator": page.locator, "sforce-numberofrecords": String(page.rows) };
    return c.body(page.csv, 200, { "content-type": "text/csv", ...headers });
  });
}

/** Bulk API 2.0: ingest jobs. https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_ingest.htm */
export function installBulkIngest(app: App, org: Org): void {
  const jobs = new IngestJobs(org);
  const idOf = (c: Context) => c.req.param("id") ?? "";

  app.post(INGEST, async (c) =>
    json(c, ingestJobInfo(jobs.create(scopeOf(c, org), parsed(ingestRequest, await bodyOf(c))))),
  );
  app.get(INGEST, (c) => json(c, { done: true, records: jobs.list().map(ingestJobInfo), nextRecordsUrl: null }));
  app.put(`${INGEST}/:id/batches`, async (c) => {
    if (!c.req.header("content-type")?.startsWith("text/csv"))
      throw new SalesforceError(415, "UNSUPPORTED_MEDIA_TYPE", "Upload text/csv.");
    jobs.upload(idOf(c), await c.req.text());
    return c.body(null, 201);
  });
  app.get(`${INGEST}/:id`, (c) => json(c, ingestJobInfo(jobs.poll(idOf(c)))));
  app.patch(`${INGEST}/:id`, async (c) => {
    const { state } = parsed(ingestState, await bodyOf(c));
    if (state === "Aborted") return json(c, ingestJobInfo(jobs.abort(idOf(c))));
    const run = { actor: actorOf(c, "bulkapi"), fault: recordFaultOf(c), failure: bulkFailureOf(c) };
    return json(c, ingestJobInfo(await jobs.start(scopeOf(c, org), idOf(c), run)));
  });
  app.delete(`${INGEST}/:id`, (c) => {
    jobs.delete(idOf(c));
    return c.body(null, 204);
  });
  for (const kind of RESULTS)
    for (const slash of ["", "/"])
      app.get(`${INGEST}/:id/${kind}${slash}`, (c) =>
        c.body(jobs.results(idOf(c), kind), 200, { "content-type": "text/csv" }),
      );
}

/** How many polls see a bulk job at work before it ends, and how long its pages are by default. */
export function bulkControl(current: () => Org, persist: () => Promise<void>): Control {
  return {
    method: "POST",
    path: "bulk",
    async run(input) {
      const { bulk } = current().state.rest;
      Object.assign(bulk, parseControl(pace, input));
      await persist();
      return { pollsInProgress: bulk.pollsInProgress, pageRows: bulk.pageRows };
    },
  };
}

/** @throws SalesforceError `INVALIDJOB` that names the member */
function parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (!result.success) throw new SalesforceError(400, "INVALIDJOB", z.prettifyError(result.error));
  return result.data;
}

/** @throws SalesforceError `INVALID_PARAMETER` */
function pageSize(org: Org, maxRecords: string | undefined): number {
  if (maxRecords === undefined) return org.state.rest.bulk.pageRows;
  const size = Number(maxRecords);
  if (!Number.isInteger(size) || size < 1)
    throw new SalesforceError(400, "INVALID_PARAMETER", `maxRecords must be a positive number, not '${maxRecords}'.`);
  return size;
}
