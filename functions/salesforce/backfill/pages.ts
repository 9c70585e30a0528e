import { parse } from "csv-parse/sync";
import { ContractError, RejectedByTargetError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import type { ObjectStore } from "#shared/object-store.ts";
import type { BulkJob, Salesforce } from "../client/types.ts";
import { type PageRecord, pageRecordSchema } from "./input.ts";

/** The query of a backfill: every record, without any floor of dates. Only ids and dates, so that no page holds personal data. */
export function backfillQuery(entity: string): string {
  return `SELECT Id, SystemModstamp FROM ${entity}`;
}

/**
 * Whether the job has its result.
 * @throws RejectedByTargetError when Salesforce gave it up, with its own words
 */
export function isDone({ id, state, errorMessage }: BulkJob): boolean {
  if (state === "Failed" || state === "Aborted")
    throw new RejectedByTargetError(
      "QUERY_JOB_FAILED",
      `Salesforce ended query job ${id} as ${state}: ${errorMessage ?? "no reason given"}. Start the backfill again.`,
    );
  return state === "JobComplete";
}

/** One page of a job's result, as it lies in the bucket. */
export interface StoredPage {
  readonly number: number;
  readonly records: number;
  readonly key: string;
  /** Where the next page begins; absent on the last. */
  readonly locator?: string;
}

/** Which page to fetch, and where to put it. */
export interface PageRequest {
  readonly jobId: string;
  readonly locator: string | null;
  readonly number: number;
  readonly pageSize: number;
  readonly folder: string;
}

/**
 * Fetches one page of the job's result and stores it as JSON lines; storing the same page again changes nothing.
 * @throws ContractError when the page is not the CSV that was asked for
 */
export async function storePage(
  request: PageRequest,
  salesforce: Pick<Salesforce, "bulk">,
  objects: ObjectStore,
): Promise<StoredPage> {
  const { jobId, locator, number, pageSize, folder } = request;
  const page = await salesforce.bulk.readPage(jobId, { locator: locator ?? undefined, maxRecords: pageSize });
  const records = parsePage(page.csv);
  const key = `${folder}/${String(number).padStart(6, "0")}.jsonl`;
  const lines = records.map(({ Id, SystemModstamp }) => JSON.stringify({ Id, SystemModstamp }));
  if (records.length > 0) await objects.put(key, `${lines.join("\n")}\n`, "application/jsonl");
  return { number, records: records.length, key, ...(page.locator ? { locator: page.locator } : {}) };
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
