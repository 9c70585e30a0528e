import { setImmediate as breathe } from "node:timers/promises";
import { SalesforceError } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import type { Actor, Org } from "../org.ts";
import { keyField, requireId } from "../routes/collections.ts";
import { type Item, type Outcome, runBatch, upsertItem } from "../routes/dml.ts";
import type { RecordFault } from "../routes/faults.ts";
import { assertMayWrite } from "../routes/fls.ts";
import { type Scope, visibleType } from "../soql/scope.ts";
import { type CsvFile, fieldsOf, InvalidBatch, readCsv, toRecord, writeCsv } from "./csv-rows.ts";
import { advance, assertState, commonInfo, type IngestJob, moveTo, newJob, progressInfo, requireJob } from "./jobs.ts";

/** Rows of one transaction, as in Salesforce. */
const BATCH = 200;

/** What a job was asked for. */
export type IngestRequest = Pick<IngestJob, "object" | "operation" | "lineEnding" | "columnDelimiter"> & {
  readonly externalIdFieldName?: string | undefined;
};

/** How a job is run: who by, and what goes wrong on purpose. */
export interface IngestRun {
  readonly actor: Actor;
  readonly fault: RecordFault;
  /** The job fails with this message after its first batch. */
  readonly failure: string | undefined;
}

interface Upload {
  readonly file: CsvFile;
  /** By line, from 0; a line without one was not worked on. */
  readonly outcomes: Outcome[];
}

export type ResultKind = "successfulResults" | "failedResults" | "unprocessedrecords";

/**
 * Ingest jobs of Bulk API 2.0. Uploads and results are kept in memory: after a restart a job is known, its rows are not.
 * https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_ingest.htm
 */
export class IngestJobs {
  readonly #org: Org;
  readonly #data = new Map<string, string>();
  readonly #uploads = new Map<string, Upload>();

  constructor(org: Org) {
    this.#org = org;
  }

  /** @throws SalesforceError `INVALIDJOB`, or that of a wrong object or external id field */
  create(scope: Scope, request: IngestRequest): IngestJob {
    const { object, externalIdFieldName, ...rest } = request;
    const type = visibleType(scope, object);
    if (!type) throw new SalesforceError(400, "INVALIDENTITY", `Entity '${object}' is not supported by the Bulk API.`);
    if (rest.operation === "upsert") keyField(type, externalIdFieldName ?? "");
    const job: IngestJob = {
      ...newJob(this.#org, scope.userId, scope.version, type.name),
      ...rest,
      ...(externalIdFieldName ? { externalIdFieldName } : {}),
      state: "Open",
      numberRecordsFailed: 0,
    };
    this.#jobs[job.id] = job;
    return job;
  }

  /** @throws SalesforceError `INVALIDJOBSTATE` when the job has its file already */
  upload(id: string, data: string): void {
    const job = requireJob(this.#jobs, id);
    assertState(job, ["Open"], "Uploading");
    if (this.#data.has(id))
      throw new SalesforceError(400, "INVALIDJOBSTATE", "The job has its file already: a job takes one upload.");
    this.#data.set(id, data);
  }

  /** Works on all rows before it resolves; polls see the states that lead there. */
  async start(scope: Scope, id: string, run: IngestRun): Promise<IngestJob> {
    const job = requireJob(this.#jobs, id);
    assertState(job, ["Open"], "Starting");
    moveTo(this.#org, job, "UploadComplete");
    try {
      await this.#work(scope, job, run);
    } catch (error) {
      if (!(error instanceof InvalidBatch)) throw error;
      job.errorMessage = error.message;
    } finally {
      this.#data.delete(id);
    }
    return job;
  }

  poll(id: string): IngestJob {
    const job = requireJob(this.#jobs, id);
    advance(this.#org, job);
    return job;
  }

  list(): IngestJob[] {
    return Object.values(this.#jobs).reverse();
  }

  /** Rows that were written stay written. @throws SalesforceError `INVALIDJOBSTATE` when the job has ended */
  abort(id: string): IngestJob {
    const job = requireJob(this.#jobs, id);
    assertState(job, ["Open", "UploadComplete", "InProgress"], "Aborting");
    const data = this.#data.get(id);
    if (data !== undefined) this.#uploads.set(id, { file: readCsv(job, data), outcomes: [] });
    moveTo(this.#org, job, "Aborted");
    return job;
  }

  delete(id: string): void {
    assertState(requireJob(this.#jobs, id), ["JobComplete", "Failed", "Aborted"], "Deleting");
    delete this.#jobs[id];
    this.#uploads.delete(id);
    this.#data.delete(id);
  }

  /** A file of results; its rows are in another order than those of the upload. */
  results(id: string, kind: ResultKind): string {
    const job = requireJob(this.#jobs, id);
    assertState(job, ["JobComplete", "Failed", "Aborted"], "Reading results");
    const { file, outcomes } = this.#uploads.get(id) ?? { file: { header: [], rows: [] }, outcomes: [] };
    const lines = file.rows.map((cells, line) => ({ cells, outcome: outcomes[line] })).reverse();
    if (kind === "unprocessedrecords") {
      const rows = lines.filter(({ outcome }) => !outcome).map(({ cells }) => cells);
      return writeCsv(job, file.header, rows);
    }
    const success = kind === "successfulResults";
    const rows = lines.flatMap(({ cells, outcome }) =>
      outcome?.success === success ? [[outcome.id ?? "", told(job, outcome), ...cells]] : [],
    );
    return writeCsv(job, ["sf__Id", success ? "sf__Created" : "sf__Error", ...file.header], rows);
  }

  get #jobs(): Record<string, IngestJob> {
    return this.#org.state.rest.bulk.ingestJobs;
  }

  async #work(scope: Scope, job: IngestJob, { actor, fault, failure }: IngestRun): Promise<void> {
    const type = visibleType(scope, job.object) as ObjectType;
    const file = readCsv(job, this.#data.get(job.id) ?? "");
    const fields = fieldsOf(type, file.header);
    const outcomes: Outcome[] = [];
    this.#uploads.set(job.id, { file, outcomes });
    for (let start = 0; start < file.rows.length; start += BATCH) {
      const rows = file.rows.slice(start, start + BATCH);
      const items = rows.map((row) => toItem(scope, job, type, () => toRecord(fields, row)));
      outcomes.push(...runBatch(this.#org, actor, items, false, fault));
      job.numberRecordsProcessed = outcomes.length;
      job.numberRecordsFailed = outcomes.filter((outcome) => !outcome.success).length;
      if (failure) throw new InvalidBatch(failure);
      await breathe();
    }
  }
}

/** A job as the API shows it. */
export function ingestJobInfo(job: IngestJob): Record<string, unknown> {
  const progress = progressInfo(job);
  return {
    ...commonInfo(job),
    operation: job.operation,
    ...(job.externalIdFieldName ? { externalIdFieldName: job.externalIdFieldName } : {}),
    jobType: "V2Ingest",
    lineEnding: job.lineEnding,
    columnDelimiter: job.columnDelimiter,
    ...(job.state === "Open" ? { contentUrl: `services/data/v${job.apiVersion}/jobs/ingest/${job.id}/batches` } : {}),
    ...progress,
    ...(Object.keys(progress).length > 0
      ? {
          numberRecordsFailed: job.state === "JobComplete" ? job.numberRecordsFailed : 0,
          apiActiveProcessingTime: 0,
          apexProcessingTime: 0,
        }
      : {}),
  };
}

/** Makes the work of a row; a row that cannot be read fails alone. */
function toItem(scope: Scope, job: IngestJob, type: ObjectType, read: () => Record<string, unknown>): Item {
  let record: Record<string, unknown>;
  try {
    record = read();
  } catch (error) {
    return {
      run() {
        throw error;
      },
    };
  }
  const { Id, ...rest } = record;
  const id = Id === undefined || Id === null ? undefined : String(Id);
  if (job.operation === "upsert") return upsertItem(scope, type, keyField(type, job.externalIdFieldName ?? ""), record);
  if (job.operation === "insert")
    return {
      run(tx) {
        assertMayWrite(scope, type, record);
        return { id: tx.insert(type, record), created: true };
      },
    };
  return {
    ...(id === undefined ? {} : { id }),
    run(tx) {
      if (id === undefined)
        throw new SalesforceError(400, "MISSING_ARGUMENT", `Id not specified in an ${job.operation} call`, []);
      const target = requireId(id);
      assertMayWrite(scope, type, rest);
      if (job.operation === "delete") tx.delete(target.type, target.id);
      else tx.update(target.type, target.id, rest);
      return { id: target.id, created: false };
    },
  };
}

function told(job: IngestJob, { success, created, error }: Outcome): string {
  if (success) return String(created ?? job.operation === "insert");
  return `${error?.errorCode}:${error?.message}:${(error?.fields ?? []).join(", ")} --`;
}
