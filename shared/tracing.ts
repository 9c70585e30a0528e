import { PutTraceSegmentsCommand, XRayClient } from "@aws-sdk/client-xray";
import xray from "aws-xray-sdk-core";
import { bareCopy } from "./bare-error.ts";
import { chunks } from "./chunks.ts";
import { describeError, FleetError, TransientError } from "./errors.ts";
import { logger, tracer } from "./observability.ts";
import { currentScope, type Scope, withScope } from "./scope.ts";
import { formatTraceHeader, parseTraceHeader } from "./trace-header.ts";

/** One change's part of an invocation. */
export interface ChangeSegment {
  /** `<connector>/<verb>`, the segment's name. */
  readonly name: string;
  readonly correlationId: string;
  readonly customerId?: string;
  /** Header of the trace to continue. Without `Parent` this segment becomes the trace's root. */
  readonly traceHeader: string | undefined;
  /** Fixed segment id, so that a redelivered root replaces itself instead of becoming a second root. */
  readonly segmentId?: string;
  readonly annotations?: Readonly<Record<string, string | number | boolean>>;
}

const MAX_DOCUMENTS = 50;
/** How often a document is sent that X-Ray did not process. */
const MAX_ROUNDS = 3;
/** Nobody waits longer for X-Ray: a lost trace must never cost more than this. */
const MAX_WAIT_MS = 1_000;
let pending: string[] = [];
let sending: Promise<unknown>[] = [];
let client: XRayClient | undefined;

/**
 * Runs `work` as a segment of the change's own trace: log lines, SDK calls and vendor calls made meanwhile belong to it.
 * Lambda only links the traces of a batch, so every batch consumer enters each change's trace through here. The segment is
 * with X-Ray, unfinished, before the work begins, so that a crash in its middle leaves no children without a parent.
 */
export function inChange<T>(change: ChangeSegment, work: () => Promise<T>): Promise<T> {
  return inChanges([change], work);
}

/** As `inChange` for many changes that share one piece of work, such as a digest: its calls belong to the first. */
export async function inChanges<T>(changes: readonly ChangeSegment[], work: () => Promise<T>): Promise<T> {
  const segments = changes.map(openSegment);
  const open = segments.filter((segment) => segment !== undefined);
  const [first] = changes;
  const run = () => (first ? withScope(scopeOf(first, segments[0]), work) : work());
  const [shared] = open;
  if (!shared) return run();
  await announce(open);
  try {
    const result = await xray.getNamespace().runPromise(() => {
      xray.setSegment(shared);
      return run();
    });
    for (const segment of open) segment.close();
    return result;
  } catch (error) {
    const told = error instanceof FleetError ? error : (bareCopy(error) as Error);
    for (const segment of open) segment.close(told);
    throw error;
  }
}

/** Adds an annotation to the running change's segment, for what is known only after the work began. */
export function annotate(key: string, value: string | number | boolean): void {
  if (tracer.isTracingEnabled() && currentScope()) xray.getSegment()?.addAnnotation(key, value);
}

/** Hands the invocation's segments to X-Ray. A lost trace must never lose work, so failures are only logged. */
export async function flushSegments(): Promise<void> {
  sendPending();
  const results = await sent();
  sending = [];
  for (const result of results)
    if (result.status === "rejected") logger.warn("Trace segments were lost", { error: describeError(result.reason) });
}

function scopeOf(change: ChangeSegment, segment: xray.Segment | undefined): Scope {
  const trace = parseTraceHeader(change.traceHeader);
  return {
    correlationId: change.correlationId,
    ...(change.customerId ? { customerId: change.customerId } : {}),
    ...(trace ? { traceHeader: formatTraceHeader(segment ? { ...trace, parent: segment.id } : trace) } : {}),
  };
}

function openSegment(change: ChangeSegment): xray.Segment | undefined {
  const trace = parseTraceHeader(change.traceHeader);
  if (!trace?.sampled || !tracer.isTracingEnabled()) return undefined;
  const segment = new xray.Segment(change.name, trace.root, trace.parent);
  if (change.segmentId) segment.id = change.segmentId;
  const annotations = {
    ...change.annotations,
    correlationId: change.correlationId,
    ...(change.customerId ? { customerId: change.customerId } : {}),
    invocationTraceId: tracer.getRootXrayTraceId() ?? "none",
  };
  for (const [key, value] of Object.entries(annotations)) segment.addAnnotation(key, value);
  segment.flush = () => void pending.push(documentOf(segment));
  return segment;
}

/** Resolves when X-Ray has the segments, or has failed to take them, or takes too long. */
async function announce(segments: readonly xray.Segment[]): Promise<void> {
  pending.push(...segments.map(documentOf));
  // Changes that begin side by side go together.
  await Promise.resolve();
  sendPending();
  await sent();
}

/** How the sending ended; nothing when it takes too long. */
async function sent(): Promise<PromiseSettledResult<unknown>[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<[]>((resolve) => {
    timer = setTimeout(resolve, MAX_WAIT_MS, []);
  });
  const results = await Promise.race([Promise.allSettled(sending), late]);
  clearTimeout(timer);
  return results;
}

function documentOf(segment: xray.Segment): string {
  return JSON.stringify({ ...JSON.parse(segment.format()), counter: undefined, notTraced: undefined });
}

function sendPending(): void {
  for (const some of chunks(pending, MAX_DOCUMENTS)) {
    // One after the other: an announcement must not arrive after the finished segment.
    const put = () => putDocuments(some);
    const putting = (sending.at(-1) ?? Promise.resolve()).then(put, put);
    // A failure may come while the work still runs; it is looked at when flushed and must not end the process before.
    putting.catch(() => undefined);
    sending.push(putting);
  }
  pending = [];
}

/**
 * Sends documents, and again those that X-Ray answers it did not process.
 * https://docs.aws.amazon.com/xray/latest/api/API_PutTraceSegments.html
 * @throws TransientError `UNPROCESSED` when it keeps doing so, or the SDK's own error
 */
async function putDocuments(documents: readonly string[]): Promise<void> {
  client ??= new XRayClient({});
  let left = documents;
  for (let round = 1; ; round += 1) {
    const command = new PutTraceSegmentsCommand({ TraceSegmentDocuments: [...left] });
    const answer = await client.send(command, { abortSignal: AbortSignal.timeout(MAX_WAIT_MS) });
    const unprocessed = new Set((answer.UnprocessedTraceSegments ?? []).map(({ Id }) => Id));
    if (unprocessed.size === 0) return;
    left = left.filter((document) => unprocessed.has(JSON.parse(document).id));
    const code = answer.UnprocessedTraceSegments?.[0]?.ErrorCode ?? "no code";
    if (left.length === 0 || round === MAX_ROUNDS)
      throw new TransientError("UNPROCESSED", `X-Ray left ${unprocessed.size} segments unprocessed: ${code}.`);
  }
}
