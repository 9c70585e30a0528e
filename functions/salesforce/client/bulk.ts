import { z } from "zod";
import { readAnswer, unexpected } from "./answers.ts";
import type { Send } from "./http.ts";
import type { BulkJob, Salesforce } from "./types.ts";

// A page is tens of thousands of rows.
export const PAGE_TIMEOUT_MS = 60_000;

const jobSchema = z.looseObject({
  id: z.string(),
  state: z.enum(["UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]),
  numberRecordsProcessed: z.number().optional(),
  errorMessage: z.string().nullish(),
});

/** https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm */
export function createBulk(send: Send): Salesforce["bulk"] {
  return {
    async createQuery(soql) {
      const { body } = await send({ method: "POST", path: "/jobs/query", body: { operation: "query", query: soql } });
      return toJob(body);
    },

    async readJob(jobId) {
      return toJob((await send({ method: "GET", path: jobPath(jobId) })).body);
    },

    async readPage(jobId, { locator, maxRecords }) {
      const query = new URLSearchParams({ maxRecords: String(maxRecords), ...(locator ? { locator } : {}) });
      const path = `${jobPath(jobId)}/results?${query}`;
      const { body, headers } = await send({ method: "GET", path, csv: true, timeoutMs: PAGE_TIMEOUT_MS });
      const next = headers["sforce-locator"];
      const records = Number(headers["sforce-numberofrecords"] ?? Number.NaN);
      // Without its locator nobody knows whether this was the last page.
      if (typeof body !== "string" || !next || !Number.isInteger(records))
        throw unexpected("a page of CSV with Sforce-Locator and Sforce-NumberOfRecords");
      return { csv: body, records, locator: next === "null" ? undefined : next };
    },
  };
}

function jobPath(jobId: string): string {
  return `/jobs/query/${encodeURIComponent(jobId)}`;
}

function toJob(answer: unknown): BulkJob {
  const job = readAnswer(jobSchema, answer, "a query job");
  const { id, state, numberRecordsProcessed = 0, errorMessage } = job;
  return { id, state, recordsProcessed: numberRecordsProcessed, errorMessage: errorMessage ?? undefined };
}
