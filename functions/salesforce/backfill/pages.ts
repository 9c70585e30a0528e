import { parse } from "csv-parse/sync";
import { type PageRecord, pageRecordSchema } from "#shared/contracts/tasks/backfill.ts";
import { ContractError, RejectedByTargetError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import type { ObjectStore } from "#shared/object-store.ts";
import type { BulkPage, Salesforce } from "../client/types.ts";

/**
 * The query of a backfill: every record, without any floor of dates. Only ids and dates, so that no page holds personal
 * data, and in no order: one would take Salesforce its way of cutting a large query into chunks.
 * https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
 */
export function backfillQuery(entity: string): string {
  return `SELECT Id, SystemModstamp FROM ${entity}`;
}

/** A query job that has no result and will have none: it failed, or was kept for seven days and is gone. */
export interface Gone {
  readonly state: "gone";
  /** Without Salesforce's own words, but for its code. */
  readonly reason: string;
}

/** Asks whether a query job has its result. Whatever Salesforce refuses is answered by asking anew, not by trying again. */
export async function checkQuery(
  jobId: string,
  { bulk }: Pick<Salesforce, "bulk">,
): Promise<{ readonly state: "running" | "done" } | Gone> {
  const job = await bulk.readJob(jobId).catch(goneWhenRefused);
  if (job.state === "Failed" || job.state === "Aborted")
    return {
      state: "gone",
      reason: `Salesforce ended query job ${jobId} as ${job.state}: ${reasonOf(job.errorMessage)}`,
    };
  if (job.state === "gone") return job;
  return { state: job.state === "JobComplete" ? "done" : "running" };
}

/** The code with which the reason begins, such as `InvalidBatch : Failed to process query`. */
function reasonOf(message = ""): string {
  const code = /^([A-Z][A-Za-z_]{1,60}) ?:/.exec(message)?.[1];
  return code ?? (message === "" ? "no reason given" : "its reason is left out, as it may hold data");
}

/** One page of a job's result, as it lies in the bucket. */
export interface StoredPage {
  readonly state: "stored";
  readonly records: number;
  /** Where the next page begins; null on the last. */
  readonly locator: string | null;
}

/** Which page to fetch, and where to put it. */
export interface PageRequest {
  readonly jobId: string;
  readonly locator: string | null;
  readonly pageSize: number;
  readonly key: string;
}

/**
 * Fetches one page of the job's result and stores it as JSON lines; storing the same page again changes nothing.
 * @throws ContractError when the page is not the CSV that was asked for
 */
export async function storePage(
  { jobId, locator, pageSize, key }: PageRequest,
  { bulk }: Pick<Salesforce, "bulk">,
  objects: ObjectStore,
): Promise<StoredPage | Gone> {
  const page: BulkPage | Gone = await bulk
    .readPage(jobId, { locator: locator ?? undefined, maxRecords: pageSize })
    .catch(goneWhenRefused);
  if ("state" in page) return page;
  const records = parsePage(page.csv);
  const lines = records.map(({ Id, SystemModstamp }) => JSON.stringify({ Id, SystemModstamp }));
  if (records.length > 0) await objects.put(key, `${lines.join("\n")}\n`, "application/jsonl");
  return { state: "stored", records: records.length, locator: page.locator ?? null };
}

function goneWhenRefused(error: unknown): Gone {
  if (error instanceof RejectedByTargetError) return { state: "gone", reason: error.message };
  throw error;
}

function parsePage(csv: string): PageRecord[] {
  let rows: unknown[];
  try {
    rows = parse(csv, { columns: true, skip_empty_lines: true });
  } catch (cause) {
    throw new ContractError("BAD_PAGE", "The page of the query job is not CSV.", { cause });
  }
  const result = pageRecordSchema.array().safeParse(rows);
  if (result.success) return result.data;
  throw new ContractError("BAD_PAGE", `The page has other columns: ${describeIssues(result.error.issues.slice(0, 3))}`);
}
