import { createHash } from "node:crypto";
import type { MapRunStatus } from "@aws-sdk/client-sfn";
import { arn } from "../../kernel/names.ts";
import type { ExecutionRecord } from "../execution.ts";
import { executionArn, type Machine } from "../machines.ts";
import type { Spool } from "./spool.ts";

/** Children that a Map Run runs at once, at most; AWS has 10,000 hosts for them. */
const HOSTS = 1000;

/** A file of results: `Size` in bytes. */
export interface ResultFile {
  readonly Key: string;
  readonly Size: number;
}

export type ChildStatus = "PENDING" | "PENDING_REDRIVE" | "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";

/** All that is known of a Map Run beside its children; plain JSON apart from the machine. Times in epoch milliseconds. */
export interface MapRunRecord {
  readonly id: string;
  /** The execution that started it. */
  readonly executionArn: string;
  /** What its children run: the ItemProcessor as a machine of its own, called `machine/label`. */
  readonly machine: Machine;
  readonly startDate: number;
  /** Where results go, when the state has a ResultWriter with a bucket. */
  readonly destination?: { readonly bucket: string; readonly prefix: string };
  status: MapRunStatus;
  stopDate?: number;
  /** 0 is no limit. */
  maxConcurrency: number;
  toleratedFailureCount?: number;
  toleratedFailurePercentage?: number;
  redriveCount: number;
  redriveDate?: number;
  /** Files of successful results, over all attempts. */
  written: ResultFile[];
  /** Attempt whose results were written last. */
  writtenAttempt?: number;
}

export type Counts = Record<
  | "pending"
  | "running"
  | "succeeded"
  | "failed"
  | "timedOut"
  | "aborted"
  | "total"
  | "resultsWritten"
  | "failuresNotRedrivable"
  | "pendingRedrive",
  number
>;

const COUNTERS: Readonly<Record<ChildStatus, keyof Counts>> = {
  PENDING: "pending",
  PENDING_REDRIVE: "pendingRedrive",
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  TIMED_OUT: "timedOut",
  ABORTED: "aborted",
};

/** One run of a distributed Map. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html */
export class MapRun {
  readonly record: MapRunRecord;
  readonly spool: Spool;
  readonly #running = new Set<number>();
  #failedItems = 0;
  #indexes: Map<string, number> | undefined;
  /** Told when UpdateMapRun has changed a limit. */
  changed: () => void = () => undefined;

  constructor(record: MapRunRecord, spool: Spool) {
    this.record = record;
    this.spool = spool;
    this.#countFailures();
  }

  get arn(): string {
    return arn("states", `mapRun:${this.record.machine.name}:${this.record.id}`);
  }

  get concurrency(): number {
    return Math.min(this.record.maxConcurrency || HOSTS, HOSTS);
  }

  /** Number of children. */
  get size(): number {
    return this.spool.items.length;
  }

  status(index: number): ChildStatus {
    if (this.#running.has(index)) return "RUNNING";
    const result = this.spool.results[index];
    if (!result) return "PENDING";
    const waits = this.record.status === "RUNNING" && !this.#isFinal(index);
    return waits ? "PENDING_REDRIVE" : (result.status as ChildStatus);
  }

  /** Children still to run in this attempt. */
  isOpen(index: number): boolean {
    return !this.#isFinal(index);
  }

  started(index: number): void {
    this.#running.add(index);
  }

  /** A child left its host without an end: the twin stops. */
  paused(index: number): void {
    this.#running.delete(index);
  }

  /** Keeps the record of a child that has ended. What only a redrive or a reader of its history needs is left out. */
  ended(index: number, record: ExecutionRecord): void {
    const { machine, input: _input, ...kept } = record;
    const succeeded = record.status === "SUCCEEDED";
    const events = succeeded && machine.type === "EXPRESS" ? [] : record.events;
    const position = succeeded ? { state: "", input: null, variables: {}, last: 0 } : record.position;
    this.#running.delete(index);
    this.spool.addResult(index, this.record.redriveCount, record.status, { ...kept, events, position });
    if (isFailure(record.status)) this.#failedItems += this.spool.items[index] ?? 0;
  }

  /** The record of a child that has ended. */
  endedChild(index: number): ExecutionRecord | undefined {
    const kept = this.spool.result(index) as Omit<ExecutionRecord, "machine" | "input"> | undefined;
    return kept && { ...kept, machine: this.record.machine, input: this.spool.input(index) };
  }

  /**
   * Whether more failed than is tolerated. Aborted children do not count.
   * https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html#maprun-fail-threshold
   */
  exceeded(): boolean {
    const { toleratedFailureCount: count, toleratedFailurePercentage: percentage } = this.record;
    if (count === undefined && percentage === undefined) return this.#failedItems > 0;
    if (count !== undefined && this.#failedItems > count) return true;
    return percentage !== undefined && this.#failedItems * 100 > percentage * this.spool.totalItems;
  }

  /** A new attempt at the children that did not succeed. */
  redrive(now: number): void {
    const { record } = this;
    record.redriveCount += 1;
    record.redriveDate = now;
    record.status = "RUNNING";
    delete record.stopDate;
    this.#failedItems = 0;
  }

  end(status: MapRunStatus, now: number): void {
    this.record.status = status;
    this.record.stopDate = now;
  }

  /** How many children, or items in children, are in each status. */
  counts(of: "executions" | "items"): Counts {
    const counts: Counts = {
      ...{ pending: 0, running: 0, succeeded: 0, failed: 0, timedOut: 0, aborted: 0, total: 0 },
      ...{ resultsWritten: 0, failuresNotRedrivable: 0, pendingRedrive: 0 },
    };
    const { writtenAttempt } = this.record;
    for (const [index, items] of this.spool.items.entries()) {
      const weight = of === "items" ? items : 1;
      const attempt = this.spool.results[index]?.attempt;
      counts.total += weight;
      counts[COUNTERS[this.status(index)]] += weight;
      if (attempt !== undefined && writtenAttempt !== undefined && attempt <= writtenAttempt)
        counts.resultsWritten += weight;
    }
    return counts;
  }

  /** Derived from the index, as AWS derives it: the same child has the same name after a redrive or restart. */
  childName(index: number): string {
    return nameUuid(`${this.record.id}/${index}`);
  }

  childArn(index: number): string {
    const name = this.childName(index);
    return executionArn(this.record.machine, name, nameUuid(name));
  }

  indexOf(childArn: string): number | undefined {
    if (this.#indexes?.size !== this.size)
      this.#indexes = new Map(this.spool.items.map((_, index) => [this.childArn(index), index]));
    return this.#indexes.get(childArn);
  }

  /** Whether a child that a snapshot holds as running has ended since. */
  hasEnded(childArn: string, redriveCount: number): boolean {
    const index = this.indexOf(childArn);
    if (index === undefined) return true;
    const child = this.spool.results[index] ? this.endedChild(index) : undefined;
    return child !== undefined && child.redriveCount >= redriveCount;
  }

  #isFinal(index: number): boolean {
    const result = this.spool.results[index];
    return result !== undefined && (result.status === "SUCCEEDED" || result.attempt === this.record.redriveCount);
  }

  #countFailures(): void {
    for (const [index, result] of this.spool.results.entries())
      if (result && this.#isFinal(index) && isFailure(result.status)) this.#failedItems += this.spool.items[index] ?? 0;
  }
}

function isFailure(status: string): boolean {
  return status === "FAILED" || status === "TIMED_OUT";
}

/** A UUID of version 3: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-3 */
function nameUuid(text: string): string {
  const digits = createHash("md5").update(text).digest("hex");
  const variant = "89ab"[Number.parseInt(digits.charAt(16), 16) % 4];
  const groups = [digits.slice(0, 8), digits.slice(8, 12), `3${digits.slice(13, 16)}`];
  return [...groups, `${variant}${digits.slice(17, 20)}`, digits.slice(20)].join("-");
}
