import { parseTraceHeader } from "../kernel/trace.ts";
import type { FunctionVersion } from "./types.ts";

/** What the platform writes about one invocation. Milliseconds and megabytes. */
export interface Report {
  readonly requestId: string;
  readonly durationMs: number;
  readonly initMs?: number;
  readonly maxMemory: number;
  readonly status: "success" | "error" | "timeout";
  readonly errorType?: string;
  /** The trace header handed to the runtime. */
  readonly traceId: string;
}

/** The platform's line before an invocation; none above the system log level INFO. */
export function startLines(fn: FunctionVersion, requestId: string, now: number): string[] {
  if (fn.logging.systemLevel === "WARN") return [];
  if (fn.logging.format === "JSON") return [platform(now, "platform.start", { requestId, version: fn.version })];
  return [`START RequestId: ${requestId} Version: ${fn.version}`];
}

/**
 * The platform's lines after an invocation: `END` and `REPORT`, or one JSON record.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 */
export function endLines(fn: FunctionVersion, report: Report, now: number): string[] {
  if (fn.logging.systemLevel === "WARN" && report.status === "success") return [];
  if (fn.logging.format === "JSON") return [jsonReport(fn, report, now)];
  const { requestId, durationMs, initMs, maxMemory, status } = report;
  const fields = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${billed(report)} ms`,
    `Memory Size: ${fn.memorySize} MB`,
    `Max Memory Used: ${maxMemory} MB`,
    ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
    ...(status === "success" ? [] : [`Status: ${status}`]),
    ...(report.errorType ? [`Error Type: ${report.errorType}`] : []),
    "",
  ];
  return [`END RequestId: ${requestId}`, fields.join("\t") + traceFields(fn, report)];
}

/** The line of an init phase that failed or took too long. */
export function initLine(fn: FunctionVersion, initMs: number, status: "error" | "timeout", now: number): string {
  if (fn.logging.format === "JSON")
    return platform(now, "platform.initReport", {
      initializationType: "on-demand",
      phase: "init",
      status,
      metrics: { durationMs: initMs },
    });
  return `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: init\tStatus: ${status}`;
}

function billed({ durationMs, initMs = 0 }: Report): number {
  return Math.ceil(durationMs + initMs);
}

function traceFields(fn: FunctionVersion, { traceId }: Report): string {
  const trace = parseTraceHeader(traceId);
  if (fn.tracing !== "Active" || !trace?.sampled) return "";
  return `\nXRAY TraceId: ${trace.root}\tSegmentId: ${trace.parent}\tSampled: true\t`;
}

function jsonReport(fn: FunctionVersion, report: Report, now: number): string {
  const { requestId, durationMs, initMs, maxMemory, status, errorType } = report;
  return platform(now, "platform.report", {
    requestId,
    metrics: {
      durationMs,
      billedDurationMs: billed(report),
      memorySizeMB: fn.memorySize,
      maxMemoryUsedMB: maxMemory,
      ...(initMs === undefined ? {} : { initDurationMs: initMs }),
    },
    status,
    ...(errorType ? { errorType } : {}),
  });
}

function platform(now: number, type: string, record: object): string {
  return JSON.stringify({ time: new Date(now).toISOString(), type, record });
}
