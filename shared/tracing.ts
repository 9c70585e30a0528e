import { PutTraceSegmentsCommand, XRayClient } from "@aws-sdk/client-xray";
import xray from "aws-xray-sdk-core";
import { describeError } from "./errors.ts";
import { logger, tracer } from "./observability.ts";
import { currentScope, withScope } from "./scope.ts";
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
let pending: string[] = [];
let sending: Promise<unknown>[] = [];
let client: XRayClient | undefined;

/**
 * Runs `work` as a segment of the change's own trace: log lines, SDK calls and vendor calls made meanwhile belong to it.
 * Lambda only links the traces of a batch, so every batch consumer enters each change's trace through here.
 */
export async function inChange<T>(change: ChangeSegment, work: () => Promise<T>): Promise<T> {
  const segment = openSegment(change);
  const trace = parseTraceHeader(change.traceHeader);
  const scope = {
    correlationId: change.correlationId,
    ...(change.customerId ? { customerId: change.customerId } : {}),
    ...(trace ? { traceHeader: formatTraceHeader(segment ? { ...trace, parent: segment.id } : trace) } : {}),
  };
  const run = () => withScope(scope, work);
  if (!segment) return run();
  try {
    const result = await xray.getNamespace().runPromise(() => {
      xray.setSegment(segment);
      return run();
    });
    segment.close();
    return result;
  } catch (error) {
    segment.close(error instanceof Error ? error : String(error));
    throw error;
  }
}

/** As `inChange` for many changes that share one piece of work, such as a digest: its calls belong to the first. */
export function inChanges<T>(changes: readonly ChangeSegment[], work: () => Promise<T>): Promise<T> {
  return changes.reduce((inner, change) => () => inChange(change, inner), work)();
}

/** Adds an annotation to the running change's segment, for what is known only after the work began. */
export function annotate(key: string, value: string | number | boolean): void {
  if (tracer.isTracingEnabled() && currentScope()) xray.getSegment()?.addAnnotation(key, value);
}

/** Hands the invocation's segments to X-Ray. A lost trace must never lose work, so failures are only logged. */
export async function flushSegments(): Promise<void> {
  sendPending();
  const results = await Promise.allSettled(sending);
  sending = [];
  for (const result of results)
    if (result.status === "rejected") logger.warn("Trace segments were lost", { error: describeError(result.reason) });
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
  // Announced before the work, so that a crash in the middle leaves no children without a parent.
  if (pending.push(documentOf(segment)) === 1) queueMicrotask(sendPending);
  segment.flush = () => void pending.push(documentOf(segment));
  return segment;
}

function documentOf(segment: xray.Segment): string {
  return JSON.stringify({ ...JSON.parse(segment.format()), counter: undefined, notTraced: undefined });
}

function sendPending(): void {
  send(pending);
  pending = [];
}

function send(documents: readonly string[]): void {
  if (documents.length === 0) return;
  client ??= new XRayClient({});
  const xrayClient = client;
  for (let at = 0; at < documents.length; at += MAX_DOCUMENTS) {
    const command = new PutTraceSegmentsCommand({ TraceSegmentDocuments: documents.slice(at, at + MAX_DOCUMENTS) });
    // One after the other: an announcement must not arrive after the finished segment.
    const put = () => xrayClient.send(command);
    const sent = (sending.at(-1) ?? Promise.resolve()).then(put, put);
    // A failure may come while the work still runs; it is looked at when flushed and must not end the process before.
    sent.catch(() => undefined);
    sending.push(sent);
  }
}
