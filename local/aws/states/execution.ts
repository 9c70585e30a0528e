import type { ExecutionStatus } from "@aws-sdk/client-sfn";
import type { Kernel } from "../kernel/kernel.ts";
import type { Principal } from "../kernel/service.ts";
import type { MapRuns } from "./distributed/map-runs.ts";
import { Interruption, StateError } from "./errors.ts";
import type { ChildExecutions } from "./executions.ts";
import { data, History, type HistoryEvent, jsonData, MAX_EVENTS } from "./history.ts";
import type { Resolver } from "./integrations/types.ts";
import type { Position, Run } from "./interpreter/frame.ts";
import { runStates } from "./interpreter/run.ts";
import { contextTime } from "./interpreter/visit.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Machine } from "./machines.ts";
import { afterReal } from "./timers.ts";
import type { TaskTokens } from "./tokens.ts";
import { type ExecutionTrace, failureOf, Span } from "./tracing.ts";

const EXPRESS_LIMIT_SECONDS = 300;
/** An EXPRESS execution does not outlive its host. */
const LOST = new StateError("States.Runtime", "The local twin was stopped while this EXPRESS execution ran.");

/** https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html */
const COUNTED: Readonly<Partial<Record<ExecutionStatus, string>>> = {
  SUCCEEDED: "ExecutionsSucceeded",
  FAILED: "ExecutionsFailed",
  TIMED_OUT: "ExecutionsTimedOut",
  ABORTED: "ExecutionsAborted",
};

/** All that is known of an execution; plain JSON apart from the machine. Times are in epoch milliseconds. */
export interface ExecutionRecord {
  readonly arn: string;
  readonly name: string;
  /** The revision that it runs, whatever becomes of the state machine. */
  readonly machine: Machine;
  /** JSON text as it was given. */
  readonly input: string;
  readonly startDate: number;
  readonly traceHeader?: string;
  readonly trace?: ExecutionTrace;
  /** The Map Run that started it. */
  readonly mapRunArn?: string;
  readonly events: HistoryEvent[];
  readonly position: Position;
  status: ExecutionStatus;
  stopDate?: number;
  output?: string;
  error?: string;
  cause?: string;
  redriveCount: number;
  redriveDate?: number;
}

/** What an execution needs of its surroundings. */
export interface Surroundings {
  readonly kernel: Kernel;
  readonly tokens: TaskTokens;
  readonly resolve: Resolver;
  readonly mapRuns: MapRuns;
  readonly children: ChildExecutions;
  log(record: ExecutionRecord, event: HistoryEvent): void;
  ended(executionArn: string, signal: AbortSignal): Promise<void>;
}

/** An execution that runs or has run. */
export class Execution {
  readonly record: ExecutionRecord;
  readonly history: History;
  readonly #around: Surroundings;
  #abort = new AbortController();
  #finished: Promise<void> = Promise.resolve();

  constructor(record: ExecutionRecord, around: Surroundings) {
    this.record = record;
    this.#around = around;
    this.history = new History(
      record.events,
      () => around.kernel.clock.now(),
      (event) => this.#added(event),
    );
  }

  /** Resolves when the execution has ended, or the twin stops. */
  get finished(): Promise<void> {
    return this.#finished;
  }

  /** Begins, or goes on from the position of the record after a restart. */
  run(): void {
    const { events, input, machine } = this.record;
    if (events.length === 0) {
      this.history.addAfter(0, "ExecutionStarted", { ...data("input", input), roleArn: machine.roleArn });
      this.#measure({ ExecutionsStarted: 1 });
    }
    this.#finished = this.#drive();
  }

  /** Goes on at the state that failed. https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html */
  redrive(now: number): void {
    const { record } = this;
    forgetSubmissions(record.position);
    this.#abort = new AbortController();
    record.status = "RUNNING";
    record.redriveCount += 1;
    record.redriveDate = now;
    delete record.stopDate;
    delete record.error;
    delete record.cause;
    this.history.add(record.position, "ExecutionRedriven", { redriveCount: record.redriveCount });
    this.#finished = this.#drive();
  }

  /** Tells the running states to end; `finished` resolves when they have. */
  interrupt(reason: Interruption): Promise<void> {
    this.#abort.abort(reason);
    return this.#finished;
  }

  async #drive(): Promise<void> {
    const { record } = this;
    const span = this.#openSpan();
    const cancel = this.#armTimeout();
    try {
      const { parsed: group } = record.machine;
      const { position } = record;
      const output = await runStates({
        run: this.#run(),
        group,
        position,
        outer: {},
        signal: this.#abort.signal,
        span,
      });
      this.#succeed(output);
    } catch (cause) {
      this.#fail(cause);
    } finally {
      cancel?.();
      this.#closeSpan(span);
    }
  }

  #run(): Run {
    const { record } = this;
    const { kernel, tokens, resolve, mapRuns, children, ended } = this.#around;
    let principal: Principal | undefined;
    return {
      kernel,
      tokens,
      resolve,
      mapRuns,
      children,
      ended,
      machine: record.machine,
      history: this.history,
      context: this.#context(),
      executionArn: record.arn,
      machineArn: record.machine.arn,
      principal: () => {
        principal ??= assumeRole(kernel, record);
        return principal;
      },
    };
  }

  #context(): JsonObject {
    const { arn: Id, name: Name, input, startDate, machine, redriveCount, redriveDate } = this.record;
    const redrives = machine.type === "STANDARD" ? { RedriveCount: redriveCount } : {};
    return {
      Execution: {
        Id,
        Input: JSON.parse(input) as Json,
        StartTime: contextTime(startDate),
        Name,
        RoleArn: machine.roleArn,
        ...redrives,
        ...(redriveDate === undefined ? {} : { RedriveTime: contextTime(redriveDate) }),
      },
      StateMachine: { Id: machine.arn, Name: machine.name },
    };
  }

  /** The machine's own limit, and five minutes for EXPRESS: real time, counted from the start or the last redrive. */
  #armTimeout(): (() => void) | undefined {
    const { machine, startDate, redriveDate } = this.record;
    const own = machine.parsed.TimeoutSeconds;
    const seconds = machine.type === "EXPRESS" ? Math.min(own ?? EXPRESS_LIMIT_SECONDS, EXPRESS_LIMIT_SECONDS) : own;
    if (seconds === undefined) return undefined;
    const elapsed = this.#around.kernel.clock.now() - (redriveDate ?? startDate);
    return afterReal(seconds * 1000 - elapsed, () => this.#abort.abort(new Interruption("timed-out")));
  }

  #added(event: HistoryEvent): void {
    this.#around.log(this.record, event);
    // The last event that fits tells the failure.
    if (this.record.machine.type !== "STANDARD" || event.id !== MAX_EVENTS - 1) return;
    const cause = `The execution reached the maximum number of history events (${MAX_EVENTS}).`;
    this.#abort.abort(new Interruption("failed", new StateError("States.Runtime", cause)));
  }

  #succeed(output: Json): void {
    const { record } = this;
    this.history.add(record.position, "ExecutionSucceeded", jsonData("output", output));
    record.output = JSON.stringify(output);
    this.#end("SUCCEEDED");
  }

  #fail(cause: unknown): void {
    const interruption = cause instanceof Interruption ? cause : undefined;
    const shutdown = interruption?.kind === "shutdown";
    if (shutdown && this.record.machine.type === "STANDARD") return; // stays RUNNING, for the next start
    const error = shutdown ? LOST : interruption ? interruption.failure : (cause as StateError);
    const kind = interruption?.kind ?? "failed";
    const { error: name, cause: text } = error?.details() ?? {};
    if (name !== undefined) this.record.error = name;
    if (text !== undefined) this.record.cause = text;
    const status = kind === "stopped" ? "ABORTED" : kind === "timed-out" ? "TIMED_OUT" : "FAILED";
    const type =
      kind === "stopped" ? "ExecutionAborted" : kind === "timed-out" ? "ExecutionTimedOut" : "ExecutionFailed";
    this.history.add(this.record.position, type, error?.details() ?? {});
    this.#end(status);
  }

  #end(status: ExecutionStatus): void {
    const now = this.#around.kernel.clock.now();
    this.record.status = status;
    this.record.stopDate = now;
    const counted = COUNTED[status];
    if (counted) this.#measure({ [counted]: 1, ExecutionTime: now - this.record.startDate });
  }

  /** Children of a Map Run are counted apart, under a name that carries its label. */
  #measure(values: Readonly<Record<string, number>>): void {
    const { mapRunArn, machine } = this.record;
    if (!mapRunArn) this.#around.kernel.measure("AWS/States", { StateMachineArn: machine.arn }, values);
  }

  #openSpan(): Span | undefined {
    const { trace, machine, arn, startDate } = this.record;
    if (!trace) return undefined;
    const aws = { operation: "StartExecution", execution_arn: arn, state_machine_arn: machine.arn };
    return Span.execution(this.#around.kernel, trace, machine.name, startDate / 1000, { aws });
  }

  #closeSpan(span: Span | undefined): void {
    const { status, error, cause } = this.record;
    if (status === "RUNNING") return; // only interrupted by the twin's stop: its segment stays in progress
    const failure = failureOf(error === undefined ? undefined : new StateError(error, cause));
    // Somebody stopped an aborted execution: that is an error of a caller, not a fault.
    const aborted = { ...failure, fault: false, error: true };
    span?.close(status === "SUCCEEDED" ? {} : status === "ABORTED" ? aborted : failure);
  }
}

function assumeRole(kernel: Kernel, { machine, name }: ExecutionRecord): Principal {
  try {
    return kernel.identities.assume(machine.roleArn, "states.amazonaws.com", name.slice(0, 64)).principal;
  } catch (cause) {
    throw new StateError("States.Permissions", cause instanceof Error ? cause.message : String(cause));
  }
}

/** A redriven task is started anew, whatever the failed one had handed over. */
function forgetSubmissions(position: Position): void {
  delete position.submitted;
  for (const child of position.children ?? []) if (child && !("done" in child)) forgetSubmissions(child);
}
