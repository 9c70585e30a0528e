import { randomBytes } from "node:crypto";
import type { Kernel } from "../kernel/kernel.ts";
import { ACCOUNT } from "../kernel/names.ts";
import { formatTraceHeader, newSegmentId, newTraceId, parseTraceHeader } from "../kernel/trace.ts";
import type { ErrorPayload } from "./bootstrap/protocol.ts";
import type { Target } from "./types.ts";

/** Lambda's own sampling: one request per second and 5 % of the rest; it cannot be configured. */
const RATE = 0.05;
/** Wall clock and monotonic clock differ by rounding. */
const CLOCK_TOLERANCE_MS = 5;

/**
 * Decides for requests that come without a sampling decision.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
 */
export class Sampler {
  readonly #now: () => number;
  #second = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  sample(): boolean {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      return true;
    }
    return randomBytes(4).readUInt32BE() / 2 ** 32 < RATE;
  }
}

/** What an invocation did, in epoch milliseconds. */
export interface TracedRun {
  readonly requestId: string;
  /** When the runtime began to work on the event. */
  readonly runAt: number;
  readonly endAt: number;
  readonly initMs?: number;
  readonly error?: ErrorPayload;
}

/** The trace of one invocation: the header for the runtime, and the segments of Lambda itself. */
export interface InvocationTrace {
  /** Value of `_X_AMZN_TRACE_ID`. */
  readonly header: string;
  finish(run: TracedRun): void;
  /** The invocation was refused with 429. */
  throttled(requestId: string): void;
}

/**
 * Continues the caller's trace or begins one. With active tracing the runtime's parent is the function segment, a child
 * of the service segment; otherwise the header is passed on and Lambda sends no segment.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
 */
export function beginTrace(
  kernel: Kernel,
  sampler: Sampler,
  target: Target,
  incoming: string | undefined,
): InvocationTrace {
  const caller = parseTraceHeader(incoming);
  const root = caller?.root ?? newTraceId(kernel.clock.now());
  const silent = { finish: () => undefined, throttled: () => undefined };
  if (target.version.tracing === "PassThrough") {
    const parent = caller ? caller.parent : newSegmentId();
    const header = formatTraceHeader({ root, ...(parent ? { parent } : {}), sampled: caller?.sampled ?? false });
    return { header, ...silent };
  }
  const sampled = caller?.sampled ?? sampler.sample();
  if (!sampled)
    return { header: formatTraceHeader({ root, parent: caller?.parent ?? newSegmentId(), sampled }), ...silent };
  return record(kernel, target, root, caller?.parent);
}

function record(kernel: Kernel, target: Target, root: string, parent: string | undefined): InvocationTrace {
  const serviceId = newSegmentId();
  const functionId = newSegmentId();
  const receivedAt = kernel.clock.now();
  const common = { name: target.record.name, trace_id: root, resource_arn: target.arn };
  const service = { ...common, id: serviceId, origin: "AWS::Lambda", start_time: receivedAt / 1000 };
  const child = parent ? { parent_id: parent } : {};
  return {
    header: formatTraceHeader({ root, parent: functionId, sampled: true }),
    finish: ({ requestId, runAt, endAt, initMs, error }) => {
      const aws = { account_id: ACCOUNT, function_arn: target.arn, request_id: requestId };
      kernel.record({
        ...service,
        ...child,
        end_time: endAt / 1000,
        http: { response: { status: 200 } },
        aws: { ...aws, resource_names: [target.record.name] },
        // An environment that was started for another caller began its init phase before this request came.
        ...(initMs === undefined || runAt - initMs < receivedAt - CLOCK_TOLERANCE_MS
          ? {}
          : { subsegments: [initSubsegment(receivedAt, runAt, initMs)] }),
      });
      kernel.record({
        ...common,
        id: functionId,
        parent_id: serviceId,
        origin: "AWS::Lambda::Function",
        start_time: runAt / 1000,
        end_time: endAt / 1000,
        aws,
        annotations: { "aws.responseLatency": endAt - runAt },
        ...(error ? { fault: true, cause: causeOf(error) } : {}),
      });
    },
    throttled: (requestId) =>
      kernel.record({
        ...service,
        ...child,
        end_time: kernel.clock.now() / 1000,
        error: true,
        throttle: true,
        http: { response: { status: 429 } },
        aws: { account_id: ACCOUNT, function_arn: target.arn, request_id: requestId },
      }),
  };
}

function initSubsegment(receivedAt: number, runAt: number, initMs: number): object {
  const start = Math.max(receivedAt, runAt - initMs);
  return { name: "Init", id: newSegmentId(), start_time: start / 1000, end_time: runAt / 1000 };
}

/** https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html#api-segmentdocuments-errors */
function causeOf({ errorType, errorMessage, trace = [] }: ErrorPayload): object {
  const stack = trace.slice(1).map(frameOf);
  return { exceptions: [{ id: newSegmentId(), type: errorType, message: errorMessage, remote: false, stack }] };
}

/** Reads `    at label (path:line:column)`. */
function frameOf(line: string): object {
  const match = /^\s*at (?:(?<label>.+) \()?(?<path>.+?):(?<line>\d+):\d+\)?$/.exec(line);
  if (!match?.groups) return { label: line.trim() };
  return { path: match.groups.path, line: Number(match.groups.line), label: match.groups.label ?? "anonymous" };
}
