import { SalesforceError } from "../errors.ts";
import type { Org } from "../org.ts";
import type { Scope } from "../soql/scope.ts";
import {
  advance,
  assertState,
  assertVersion,
  commonInfo,
  moveTo,
  newJob,
  progressInfo,
  type QueryJob,
  requireJob,
} from "./jobs.ts";
import { planBulkQuery, type Snapshot, takeSnapshot, toCsv } from "./query-plan.ts";

/** Snapshots that are kept in memory; those of older jobs are taken anew when somebody reads them. */
const MAX_SNAPSHOTS = 20;
const MAX_PAGE = 200_000;
export const MAX_QUERY_JOBS_A_DAY = 10_000;
const DAY_MS = 24 * 3600 * 1000;

/** One page of results. `locator` leads to the next one; `null` ends. */
export interface ResultPage {
  readonly csv: string;
  readonly locator: string;
  readonly rows: number;
}

/**
 * Query jobs of Bulk API 2.0. The rows are those of the moment in which the job is made; states move on as the job is
 * polled, so that a test sees each of them.
 * https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_queries.htm
 */
export class QueryJobs {
  readonly #org: Org;
  /** Not part of the state: after a restart the query of a job is run again. */
  readonly #snapshots = new Map<string, Snapshot>();

  constructor(org: Org) {
    this.#org = org;
  }

  /**
   * `failure` makes the job fail with this message once it is at work.
   * @throws SalesforceError for a query that no bulk job can run
   */
  create(scope: Scope, query: string, operation: QueryJob["operation"], failure: string | undefined): QueryJob {
    this.#countJob();
    const options = { ...scope, soql: query, includeDeleted: operation === "queryAll" };
    const plan = planBulkQuery(options);
    const common = newJob(this.#org, scope.userId, scope.version, plan.type.name);
    const job: QueryJob = { ...common, operation, query, ...(failure ? { errorMessage: failure } : {}) };
    if (!failure) {
      const snapshot = takeSnapshot(options, plan);
      job.numberRecordsProcessed = snapshot.rows.length;
      this.#keep(job.id, snapshot);
    }
    this.#jobs[job.id] = job;
    return job;
  }

  /** A job after one more poll. */
  poll(id: string): QueryJob {
    const job = requireJob(this.#jobs, id);
    advance(this.#org, job);
    return job;
  }

  /** All jobs, the newest first. */
  list(): QueryJob[] {
    return Object.values(this.#jobs).reverse();
  }

  /** @throws SalesforceError `INVALIDJOBSTATE` when the job has ended */
  abort(id: string): QueryJob {
    const job = requireJob(this.#jobs, id);
    assertState(job, ["UploadComplete", "InProgress"], "Aborting");
    moveTo(this.#org, job, "Aborted");
    this.#snapshots.delete(id);
    return job;
  }

  /** @throws SalesforceError `INVALIDJOBSTATE` when the job has not ended */
  delete(id: string): void {
    assertState(requireJob(this.#jobs, id), ["JobComplete", "Failed", "Aborted"], "Deleting");
    delete this.#jobs[id];
    this.#snapshots.delete(id);
  }

  /** @throws SalesforceError 409 for another API version, `INVALIDJOBSTATE`, `INVALID_QUERY_LOCATOR` */
  results(scope: Scope, id: string, locator: string | undefined, maxRecords: number): ResultPage {
    const job = requireJob(this.#jobs, id);
    assertVersion(job, scope.version);
    assertState(job, ["JobComplete"], "Reading results");
    const snapshot = this.#snapshots.get(id) ?? this.#runAgain(scope, job);
    const start = locator === undefined ? 0 : this.#positionOf(job, locator);
    const end = Math.min(snapshot.rows.length, start + Math.min(maxRecords, MAX_PAGE));
    if (locator !== undefined && start >= snapshot.rows.length) throw invalidLocator(locator);
    const isLast = end >= snapshot.rows.length;
    return {
      csv: toCsv(snapshot, start, end),
      locator: isLast ? "null" : this.#locatorOf(job, end),
      rows: end - start,
    };
  }

  get #jobs(): Record<string, QueryJob> {
    return this.#org.state.rest.bulk.queryJobs;
  }

  #countJob(): void {
    const { bulk } = this.#org.state.rest;
    if (this.#org.now() - bulk.windowStart >= DAY_MS)
      Object.assign(bulk, { queryJobsToday: 0, windowStart: this.#org.now() });
    if (bulk.queryJobsToday >= MAX_QUERY_JOBS_A_DAY)
      throw new SalesforceError(
        400,
        "API_ERROR",
        `Max bulk v2 query jobs (${MAX_QUERY_JOBS_A_DAY}) per 24 hrs has been reached (${bulk.queryJobsToday})`,
      );
    bulk.queryJobsToday += 1;
  }

  #runAgain(scope: Scope, job: QueryJob): Snapshot {
    const options = { ...scope, soql: job.query, includeDeleted: job.operation === "queryAll" };
    const snapshot = takeSnapshot(options, planBulkQuery(options));
    this.#keep(job.id, snapshot);
    return snapshot;
  }

  #keep(id: string, snapshot: Snapshot): void {
    this.#snapshots.set(id, snapshot);
    const oldest = this.#snapshots.keys().next().value;
    if (this.#snapshots.size > MAX_SNAPSHOTS && oldest) this.#snapshots.delete(oldest);
  }

  /** Locators look random, and mean the same place whenever they are read. */
  #locatorOf(job: QueryJob, position: number): string {
    return Buffer.from(`${job.id.slice(-8, -3)}.${(position ^ this.#keyOf(job)) >>> 0}`).toString("base64url");
  }

  #positionOf(job: QueryJob, locator: string): number {
    const [, tail, masked] = /^(\w{5})\.(\d+)$/.exec(Buffer.from(locator, "base64url").toString()) ?? [];
    if (tail !== job.id.slice(-8, -3)) throw invalidLocator(locator);
    return (Number(masked) ^ this.#keyOf(job)) >>> 0;
  }

  /** The same after a restart: a workflow may hold a locator meanwhile. */
  #keyOf(job: QueryJob): number {
    return [...job.id].reduce((hash, character) => (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0, 7);
  }
}

/** A job as the API shows it. */
export function queryJobInfo(job: QueryJob): Record<string, unknown> {
  return {
    ...commonInfo(job),
    operation: job.operation,
    jobType: "V2Query",
    lineEnding: "LF",
    columnDelimiter: "COMMA",
    ...progressInfo(job),
  };
}

function invalidLocator(locator: string): SalesforceError {
  return new SalesforceError(400, "INVALID_QUERY_LOCATOR", `invalid query locator: ${locator}`);
}
