import { notFound, SalesforceError } from "../errors.ts";
import { makeId } from "../ids.ts";
import type { Org } from "../org.ts";
import { toSecond } from "../values.ts";

/** States that a query job goes through; an ingest job begins with `Open`. */
export type JobState = "Open" | "UploadComplete" | "InProgress" | "JobComplete" | "Failed" | "Aborted";

interface CommonJob {
  readonly id: string;
  /** Such as `66.0`: results are given out in the same version only. */
  readonly apiVersion: string;
  readonly object: string;
  readonly createdById: string;
  /** ISO instants. */
  readonly createdDate: string;
  systemModstamp: string;
  state: JobState;
  /** Polls that will still see the job at work. */
  pollsLeft: number;
  numberRecordsProcessed: number;
  errorMessage?: string;
}

export interface QueryJob extends CommonJob {
  readonly operation: "query" | "queryAll";
  readonly query: string;
}

export interface IngestJob extends CommonJob {
  readonly operation: "insert" | "update" | "upsert" | "delete";
  readonly externalIdFieldName?: string;
  readonly lineEnding: "LF" | "CRLF";
  readonly columnDelimiter: keyof typeof DELIMITERS;
  numberRecordsFailed: number;
}

/** https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/create_job.htm */
export const DELIMITERS = {
  BACKQUOTE: "`",
  CARET: "^",
  COMMA: ",",
  PIPE: "|",
  SEMICOLON: ";",
  TAB: "\t",
} as const;

const KEY_PREFIX = "750";

/** What all new jobs have in common. */
export function newJob(org: Org, userId: string, apiVersion: string, object: string): CommonJob {
  const { bulk } = org.state.rest;
  bulk.sequence += 1;
  const now = toSecond(org.now());
  return {
    id: makeId(KEY_PREFIX, bulk.sequence),
    apiVersion,
    object,
    createdById: userId,
    createdDate: now,
    systemModstamp: now,
    state: "UploadComplete",
    pollsLeft: bulk.pollsInProgress,
    numberRecordsProcessed: 0,
  };
}

/** A job by its id in 15 or 18 characters. @throws SalesforceError `NOT_FOUND` */
export function requireJob<Job>(jobs: Readonly<Record<string, Job>>, id: string): Job {
  const found = Object.hasOwn(jobs, id) ? jobs[id] : undefined;
  if (!found) throw notFound();
  return found;
}

/** @throws SalesforceError 409 when the job was made in another version of the API */
export function assertVersion(job: CommonJob, version: string): void {
  if (job.apiVersion !== version)
    throw new SalesforceError(
      409,
      "API_ERROR",
      `The requested API version ${version} does not match the version ${job.apiVersion} of the job.`,
    );
}

/** @throws SalesforceError `INVALIDJOBSTATE` */
export function assertState(job: CommonJob, allowed: readonly JobState[], what: string): void {
  if (!allowed.includes(job.state))
    throw new SalesforceError(
      400,
      "INVALIDJOBSTATE",
      `${what} is not possible while the job is in the state ${job.state}.`,
    );
}

/** The members that every job shows. */
export function commonInfo(job: CommonJob): Record<string, unknown> {
  const rest = (iso: string) => iso.replace("Z", "+0000");
  return {
    id: job.id,
    object: job.object,
    createdById: job.createdById,
    createdDate: rest(job.createdDate),
    systemModstamp: rest(job.systemModstamp),
    state: job.state,
    concurrencyMode: "Parallel",
    contentType: "CSV",
    apiVersion: Number(job.apiVersion),
  };
}

/** Moves a job to a state and stamps it. */
export function moveTo(org: Org, job: CommonJob, state: JobState): void {
  job.state = state;
  job.systemModstamp = toSecond(org.now());
}

/** What one more poll finds: a job at work moves on, and ends once its polls are used up. */
export function advance(org: Org, job: CommonJob): void {
  if (job.state !== "UploadComplete" && job.state !== "InProgress") return;
  if (job.pollsLeft > 0) {
    job.pollsLeft -= 1;
    moveTo(org, job, "InProgress");
  } else moveTo(org, job, job.errorMessage === undefined ? "JobComplete" : "Failed");
}

/** Members that a job shows once it is at work. */
export function progressInfo(job: CommonJob): Record<string, unknown> {
  if (job.state === "Open" || job.state === "UploadComplete") return {};
  return {
    numberRecordsProcessed: job.state === "JobComplete" ? job.numberRecordsProcessed : 0,
    retries: 0,
    totalProcessingTime: job.state === "JobComplete" ? 100 : 0,
    ...(job.state === "Failed" ? { errorMessage: job.errorMessage } : {}),
  };
}
