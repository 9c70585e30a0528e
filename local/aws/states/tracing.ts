import type { Kernel } from "../kernel/kernel.ts";
import type { SegmentDocument } from "../kernel/service.ts";
import { formatTraceHeader, newSegmentId, newTraceId, parseTraceHeader } from "../kernel/trace.ts";
import type { StateError } from "./errors.ts";

/** The place of an execution in a trace; kept with the execution, so that a restart continues it. */
export interface ExecutionTrace {
  readonly root: string;
  readonly parent?: string;
  readonly sampled: boolean;
  readonly segmentId: string;
}

/**
 * Joins the caller's trace or begins one. No trace at all when tracing is off and the caller has none.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
 */
export function beginTrace(header: string | undefined, enabled: boolean, now: number): ExecutionTrace | undefined {
  const incoming = parseTraceHeader(header);
  if (!incoming && !enabled) return undefined;
  return {
    root: incoming?.root ?? newTraceId(now),
    ...(incoming?.parent ? { parent: incoming.parent } : {}),
    sampled: incoming?.sampled ?? true, // on a laptop every undecided trace is kept
    segmentId: newSegmentId(),
  };
}

/** One segment or subsegment. It is recorded twice, in progress and complete, so that nothing below it is an orphan. */
export class Span {
  readonly id: string;
  readonly #kernel: Kernel;
  readonly #trace: ExecutionTrace;
  readonly #document: SegmentDocument;

  private constructor(kernel: Kernel, trace: ExecutionTrace, document: SegmentDocument) {
    this.#kernel = kernel;
    this.#trace = trace;
    this.#document = document;
    this.id = document.id;
    this.#record({ ...document, in_progress: true });
  }

  /** Opens the segment of an execution. `startTime` is in epoch seconds. */
  static execution(
    kernel: Kernel,
    trace: ExecutionTrace,
    name: string,
    startTime: number,
    fields: Readonly<Record<string, unknown>>,
  ): Span {
    return new Span(kernel, trace, {
      name,
      id: trace.segmentId,
      trace_id: trace.root,
      start_time: startTime,
      ...(trace.parent ? { parent_id: trace.parent } : {}),
      origin: "AWS::StepFunctions::StateMachine",
      ...fields,
    });
  }

  /** Opens a subsegment below this one. */
  child(name: string, fields: Readonly<Record<string, unknown>> = {}): Span {
    return new Span(this.#kernel, this.#trace, {
      name,
      id: newSegmentId(),
      trace_id: this.#trace.root,
      start_time: this.#kernel.clock.now() / 1000,
      parent_id: this.id,
      type: "subsegment",
      ...fields,
    });
  }

  /** The header for a call made inside this span. */
  header(): string {
    return formatTraceHeader({ root: this.#trace.root, parent: this.id, sampled: this.#trace.sampled });
  }

  /** Records the span as complete, with `outcome` (such as `error`, `fault`, `cause`) laid over it. */
  close(outcome: Readonly<Record<string, unknown>> = {}): void {
    this.#record({ ...this.#document, end_time: this.#kernel.clock.now() / 1000, ...outcome });
  }

  #record(document: SegmentDocument): void {
    if (this.#trace.sampled) this.#kernel.record(document);
  }
}

/** `fault` and `cause` members for a failed state or execution. */
export function failureOf(error: StateError | undefined): Readonly<Record<string, unknown>> {
  if (!error) return { fault: true };
  return { fault: true, cause: exceptionCause(error.error ?? "Error", error.causeText ?? "") };
}

/** The `cause` member: one exception. https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html */
export function exceptionCause(type: string, message: string): Readonly<Record<string, unknown>> {
  return { exceptions: [{ id: newSegmentId(), type, message }] };
}
