import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { ADMINISTRATOR } from "../kernel/kernel.ts";
import { page } from "../kernel/page.ts";
import type { Access, Operation, SegmentDocument, Service, Wire } from "../kernel/service.ts";
import { Daemon } from "./daemon.ts";
import { checkDocument, DocumentError, parseDocument } from "./documents.ts";
import { evaluate } from "./filter/evaluate.ts";
import { parseFilter } from "./filter/parse.ts";
import { defaultRule, readSamplingRule, type SamplingRule, samplingRules, samplingTargets } from "./sampling.ts";
import { type StoreLimits, TraceStore } from "./store.ts";
import { startOf, summarize } from "./summary.ts";
import { durationOf, viewOf } from "./view.ts";

export interface XRayOptions {
  /** UDP port of the daemon; 0 or absent takes a free one. */
  readonly daemonPort?: number;
  readonly limits?: StoreLimits;
}

const LIMITS: StoreLimits = { maxTraces: 20_000, maxBytes: 256 * 2 ** 20 };
const MAX_TRACE_IDS = 5;
const MAX_DOCUMENTS = 50;
const SUMMARIES_PER_PAGE = 100;

const WIRE: Wire = {
  kind: "rest",
  routes: [
    { method: "POST", path: "/TraceSegments", operation: "PutTraceSegments" },
    { method: "POST", path: "/TelemetryRecords", operation: "PutTelemetryRecords" },
    { method: "POST", path: "/TraceSummaries", operation: "GetTraceSummaries" },
    { method: "POST", path: "/Traces", operation: "BatchGetTraces" },
    { method: "POST", path: "/GetSamplingRules", operation: "GetSamplingRules" },
    { method: "POST", path: "/SamplingTargets", operation: "GetSamplingTargets" },
  ],
};

/**
 * X-Ray with its daemon. Segments of the twin's services come as the kernel's `segment` events, those of functions by
 * UDP or PutTraceSegments. https://docs.aws.amazon.com/xray/latest/devguide/aws-xray.html
 */
export function createXRay(kernel: Kernel, { daemonPort = 0, limits = LIMITS }: XRayOptions = {}): Service {
  const store = new TraceStore(limits);
  const rules = new Map([["Default", defaultRule()]]);
  // A service whose segment is wrong still does its work; the problem stands in the activity.
  const record = (document: SegmentDocument) =>
    attempt(
      () => store.add(checkDocument(document)),
      (error) => report(kernel, "Segment", error.message),
    );
  const daemon = new Daemon(
    (text) => tryAdd(store, text, (error) => report(kernel, "Datagram", error.message)),
    (problem) => report(kernel, "Datagram", problem),
  );
  kernel.on("segment", record);
  return {
    name: "xray",
    wire: WIRE,
    operations: operations(kernel, store, rules),
    resources: [
      {
        type: "AWS::XRay::SamplingRule",
        properties: ["SamplingRule", "RuleName", "Tags"],
        create: (resource) => {
          const { rule, provisioned } = readSamplingRule(resource);
          rules.set(rule.RuleName, rule);
          return provisioned;
        },
        delete: ({ properties }) => void rules.delete(properties.SamplingRule?.RuleName ?? properties.RuleName),
      },
    ],
    snapshot: () => ({ documents: store.all().flatMap(({ documents }) => [...documents.values()]) }),
    restore: (state) => {
      for (const document of (state as { documents: SegmentDocument[] }).documents) store.add(document);
    },
    start: async () => {
      kernel.daemonAddress = await daemon.listen(daemonPort);
    },
    stop: async () => {
      kernel.off("segment", record);
      await daemon.close();
    },
  };
}

function operations(
  kernel: Kernel,
  store: TraceStore,
  rules: ReadonlyMap<string, SamplingRule>,
): Record<string, Operation> {
  return {
    PutTraceSegments: {
      access: onAll("PutTraceSegments"),
      run: ({ TraceSegmentDocuments }) => putTraceSegments(store, TraceSegmentDocuments),
    },
    PutTelemetryRecords: { access: onAll("PutTelemetryRecords"), run: () => ({}) },
    GetTraceSummaries: {
      access: onAll("GetTraceSummaries"),
      run: (input) => getTraceSummaries(store, input, kernel.clock.now()),
    },
    BatchGetTraces: { access: onAll("BatchGetTraces"), run: ({ TraceIds }) => batchGetTraces(store, TraceIds) },
    GetSamplingRules: { access: onAll("GetSamplingRules"), run: () => samplingRules([...rules.values()]) },
    GetSamplingTargets: {
      access: onAll("GetSamplingTargets"),
      run: ({ SamplingStatisticsDocuments }) =>
        samplingTargets(rules, listOf("SamplingStatisticsDocuments", SamplingStatisticsDocuments), kernel.clock.now()),
    },
  };
}

function putTraceSegments(store: TraceStore, input: unknown): object {
  const documents = listOf<string>("TraceSegmentDocuments", input);
  if (documents.length > MAX_DOCUMENTS)
    throw invalidRequest(`TraceSegmentDocuments holds ${documents.length} documents; ${MAX_DOCUMENTS} are allowed.`);
  const unprocessed: object[] = [];
  for (const text of documents)
    tryAdd(store, String(text), ({ id, code, message }) =>
      unprocessed.push({ ...(id ? { Id: id } : {}), ErrorCode: code, Message: message }),
    );
  return { UnprocessedTraceSegments: unprocessed };
}

interface SummariesInput {
  readonly StartTime?: number;
  readonly EndTime?: number;
  readonly TimeRangeType?: string;
  readonly FilterExpression?: string;
  readonly NextToken?: string;
}

function getTraceSummaries(store: TraceStore, input: SummariesInput, now: number): object {
  const { StartTime, EndTime, TimeRangeType = "TraceId", FilterExpression = "", NextToken } = input;
  if (typeof StartTime !== "number" || typeof EndTime !== "number")
    throw invalidRequest("StartTime and EndTime are required, in epoch seconds.");
  if (StartTime > EndTime) throw invalidRequest("StartTime must not be later than EndTime.");
  const filter = FilterExpression.trim() === "" ? undefined : parseFilter(FilterExpression);
  const candidates = store
    .all()
    .filter((trace) => {
      const time = TimeRangeType === "TraceId" ? bornAt(trace.id) : startOf([...trace.documents.values()]);
      return time >= Math.floor(StartTime) && time <= EndTime;
    })
    .map((trace) => ({ trace, view: viewOf(trace) }));
  const matching = filter ? candidates.filter(({ view }) => evaluate(filter, view)) : candidates;
  const { items, nextToken } = page(matching, SUMMARIES_PER_PAGE, NextToken);
  return {
    TraceSummaries: items.map(({ trace, view }) => summarize(trace, view)),
    ApproximateTime: now / 1000,
    TracesProcessedCount: candidates.length,
    ...(nextToken ? { NextToken: nextToken } : {}),
  };
}

function batchGetTraces(store: TraceStore, input: unknown): object {
  const ids = listOf<string>("TraceIds", input);
  if (ids.length > MAX_TRACE_IDS)
    throw invalidRequest(`TraceIds holds ${ids.length} ids; ${MAX_TRACE_IDS} are allowed.`);
  const traces = ids.flatMap((id) => store.get(id) ?? []);
  return {
    Traces: traces.map(({ id, documents }) => ({
      Id: id,
      Duration: durationOf([...documents.values()]),
      LimitExceeded: false,
      Segments: [...documents.values()].map((document) => ({ Id: document.id, Document: JSON.stringify(document) })),
    })),
    UnprocessedTraceIds: ids.filter((id) => !store.get(id)),
  };
}

function tryAdd(store: TraceStore, text: string, onError: (error: DocumentError) => void): void {
  attempt(() => store.add(parseDocument(text)), onError);
}

function attempt(action: () => void, onError: (error: DocumentError) => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    onError(error);
  }
}

/** Neither the daemon nor the twin's services get an answer, so that a lost document would go unseen. */
function report(kernel: Kernel, operation: string, problem: string): void {
  const at = kernel.clock.now();
  const error = `DocumentError: ${problem}`;
  kernel.emit("activity", { at, ms: 0, service: "xray", operation, principal: ADMINISTRATOR, error });
}

/** Epoch seconds in a trace id. */
function bornAt(traceId: string): number {
  return Number.parseInt(traceId.split("-")[1] ?? "0", 16);
}

function onAll(operation: string) {
  return (): readonly Access[] => [{ action: `xray:${operation}`, resource: "*" }];
}

function listOf<Item>(member: string, value: unknown): readonly Item[] {
  if (Array.isArray(value)) return value;
  throw invalidRequest(`${member} is required and must be a list.`);
}

function invalidRequest(message: string): AwsError {
  return new AwsError("InvalidRequestException", message);
}
