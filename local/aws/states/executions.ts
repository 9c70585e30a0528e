import { AwsError } from "../kernel/errors.ts";
import { Interruption } from "./errors.ts";
import { Execution, type ExecutionRecord, type Surroundings } from "./execution.ts";
import type { Json } from "./json.ts";
import type { Machine } from "./machines.ts";
import { beginTrace } from "./tracing.ts";

/** Days after which the name of a closed execution is free again. */
const NAME_HELD_MS = 90 * 24 * 3600 * 1000;
/** Closed executions kept in memory. */
const KEPT = { STANDARD: 10_000, EXPRESS: 500 } as const;

export interface StartRequest {
  readonly name: string;
  /** JSON text. */
  readonly input: string;
  /** `traceHeader` of the call's input. */
  readonly traceHeader?: string;
  /** Trace header of the call itself; it wins. */
  readonly callHeader?: string;
}

/** A child that a Map Run starts. */
export interface ChildRequest {
  readonly arn: string;
  readonly name: string;
  readonly machine: Machine;
  readonly mapRunArn: string;
  /** JSON text. */
  readonly input: string;
  readonly traceHeader: string | undefined;
}

/** The executions of Map Runs: they are here only while they run; afterwards the Map Run keeps their records. */
export interface ChildExecutions {
  find(executionArn: string): Execution | undefined;
  startChild(request: ChildRequest): Execution;
  /** Goes on with a child that had failed. */
  redriveChild(record: ExecutionRecord): Execution;
  releaseChild(executionArn: string): void;
}

/** All executions that the twin remembers. */
export class Executions implements ChildExecutions {
  readonly #executions = new Map<string, Execution>();
  readonly #around: Surroundings;

  constructor(around: Omit<Surroundings, "ended" | "children">) {
    this.#around = { ...around, children: this, ended: (executionArn, signal) => this.#ended(executionArn, signal) };
  }

  /** Newest first. */
  all(): Execution[] {
    return [...this.#executions.values()].reverse();
  }

  find(executionArn: string): Execution | undefined {
    return this.#executions.get(executionArn);
  }

  /**
   * A STANDARD execution, as the API may show it.
   * @throws AwsError `InvalidArn` for an EXPRESS one, `ExecutionDoesNotExist`
   */
  get(executionArn: string): Execution {
    if (!executionArn.startsWith("arn:"))
      throw new AwsError("InvalidArn", `Invalid Arn: 'Invalid ARN prefix: ${executionArn}'`);
    if (executionArn.split(":")[5] === "express")
      throw new AwsError("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'");
    const execution = this.#executions.get(executionArn);
    if (!execution) throw new AwsError("ExecutionDoesNotExist", `Execution Does Not Exist: '${executionArn}'`);
    return execution;
  }

  /**
   * Starts an execution. A STANDARD one with the name and input of one that runs is that one.
   * @throws AwsError `ExecutionAlreadyExists`
   */
  start(machine: Machine, request: StartRequest, executionArn: string): Execution {
    const now = this.#around.kernel.clock.now();
    const known = machine.type === "STANDARD" ? this.#executions.get(executionArn) : undefined;
    if (known) {
      const { status, input, stopDate } = known.record;
      if (status === "RUNNING" && input === request.input) return known;
      if (now - (stopDate ?? now) < NAME_HELD_MS)
        throw new AwsError("ExecutionAlreadyExists", `Execution Already Exists: '${executionArn}'`);
    }
    const { name, input } = request;
    const header = request.callHeader ?? request.traceHeader;
    const execution = this.#begin(newRecord(machine, { arn: executionArn, name, input, header, now }));
    this.#forgetOldest(machine.type);
    return execution;
  }

  startChild({ machine, arn, name, input, mapRunArn, traceHeader: header }: ChildRequest): Execution {
    const now = this.#around.kernel.clock.now();
    return this.#begin({ ...newRecord(machine, { arn, name, input, header, now }), mapRunArn });
  }

  redriveChild(record: ExecutionRecord): Execution {
    const execution = new Execution(record, this.#around);
    this.#executions.set(record.arn, execution);
    execution.redrive(this.#around.kernel.clock.now());
    return execution;
  }

  releaseChild(executionArn: string): void {
    this.#executions.delete(executionArn);
  }

  /** Takes a record back from a snapshot, without running it. */
  restore(record: ExecutionRecord): void {
    this.#executions.set(record.arn, new Execution(record, this.#around));
  }

  /** Goes on with the executions that a snapshot holds as running. */
  resume(): void {
    for (const execution of this.#executions.values()) if (execution.record.status === "RUNNING") execution.run();
  }

  /** Interrupts all that runs; it stays RUNNING in the next snapshot. */
  async shutdown(): Promise<void> {
    await Promise.all(this.#running().map((execution) => execution.interrupt(new Interruption("shutdown"))));
  }

  /** Ends all executions of a state machine that is deleted. */
  async abortAll(machine: Machine): Promise<void> {
    const running = this.#running().filter(({ record }) => record.machine.arn === machine.arn);
    await Promise.all(running.map((execution) => execution.interrupt(new Interruption("stopped"))));
  }

  #running(): Execution[] {
    return this.all().filter(({ record }) => record.status === "RUNNING");
  }

  #begin(record: ExecutionRecord): Execution {
    const execution = new Execution(record, this.#around);
    this.#executions.delete(record.arn);
    this.#executions.set(record.arn, execution);
    execution.run();
    return execution;
  }

  #forgetOldest(type: Machine["type"]): void {
    const closed = [...this.#executions.values()].filter(
      ({ record }) => record.machine.type === type && record.status !== "RUNNING",
    );
    for (const { record } of closed.slice(0, Math.max(0, closed.length - KEPT[type]))) {
      this.#executions.delete(record.arn);
      this.#around.mapRuns.forget(record.arn);
    }
  }

  async #ended(executionArn: string, signal: AbortSignal): Promise<void> {
    const execution = this.#executions.get(executionArn);
    if (!execution) throw new AwsError("ExecutionDoesNotExist", `Execution Does Not Exist: '${executionArn}'`);
    await new Promise<void>((resolve, reject) => {
      const aborted = () => reject(signal.reason);
      if (signal.aborted) return aborted();
      signal.addEventListener("abort", aborted, { once: true });
      execution.finished.then(() => {
        signal.removeEventListener("abort", aborted);
        // The twin stops: whoever waits is told so itself, and must not take this for an end.
        if (execution.record.status !== "RUNNING") resolve();
      }, reject);
    });
  }
}

interface Beginning {
  readonly arn: string;
  readonly name: string;
  readonly input: string;
  readonly header: string | undefined;
  readonly now: number;
}

function newRecord(machine: Machine, { arn, name, input, header, now }: Beginning): ExecutionRecord {
  const trace = beginTrace(header, machine.tracing.enabled, now);
  return {
    arn,
    name,
    machine,
    input,
    startDate: now,
    ...(header === undefined ? {} : { traceHeader: header }),
    ...(trace ? { trace } : {}),
    events: [],
    position: { state: machine.parsed.StartAt, input: JSON.parse(input) as Json, variables: {}, last: 0 },
    status: "RUNNING",
    redriveCount: 0,
  };
}
