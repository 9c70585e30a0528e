import { BatchGetTracesCommand, GetTraceSummariesCommand, type XRayClient } from "@aws-sdk/client-xray";
import type { Segment } from "./tree.ts";

export interface Trace {
  readonly traceId: string;
  readonly documents: readonly Segment[];
}

const TRACE_ID = /^1-[0-9a-f]{8}-[0-9a-f]{24}$/;
// https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html
const MAX_TRACES_PER_CALL = 5;
const WINDOW_MS = 6 * 3_600_000;

/**
 * The traces that belong to a trace id, a correlation id or a customer id, newest first. Only traces of changes are
 * found by the last two: every segment of the fleet carries both as annotations.
 * @param since how far back to look for annotations, in milliseconds
 */
export async function fetchTraces(client: XRayClient, id: string, since: number): Promise<Trace[]> {
  const ids = TRACE_ID.test(id) ? [id] : await findTraceIds(client, id, since);
  const traces: Trace[] = [];
  for (let at = 0; at < ids.length; at += MAX_TRACES_PER_CALL)
    traces.push(...(await readTraces(client, ids.slice(at, at + MAX_TRACES_PER_CALL))));
  return traces.sort((a, b) => beginning(b) - beginning(a));
}

/** Asks window by window, newest first: X-Ray scans a limited span per question, and a trace may lie in two of them. */
async function findTraceIds(client: XRayClient, id: string, since: number): Promise<string[]> {
  const ids = new Set<string>();
  const now = Date.now();
  for (let end = now; end > now - since; end -= WINDOW_MS)
    for (const found of await findInWindow(client, id, Math.max(end - WINDOW_MS, now - since), end)) ids.add(found);
  return [...ids];
}

async function findInWindow(client: XRayClient, id: string, start: number, end: number): Promise<string[]> {
  const quoted = id.replace(/["\\]/g, "");
  const ids: string[] = [];
  let next: string | undefined;
  do {
    const page = await client.send(
      new GetTraceSummariesCommand({
        StartTime: new Date(start),
        EndTime: new Date(end),
        FilterExpression: `annotation.correlationId = "${quoted}" OR annotation.customerId = "${quoted}"`,
        ...(next ? { NextToken: next } : {}),
      }),
    );
    ids.push(...(page.TraceSummaries ?? []).flatMap((summary) => (summary.Id ? [summary.Id] : [])));
    next = page.NextToken;
  } while (next);
  return ids;
}

async function readTraces(client: XRayClient, ids: string[]): Promise<Trace[]> {
  const traces: Trace[] = [];
  let next: string | undefined;
  do {
    const page = await client.send(new BatchGetTracesCommand({ TraceIds: ids, ...(next ? { NextToken: next } : {}) }));
    for (const { Id, Segments } of page.Traces ?? []) {
      const documents = (Segments ?? []).flatMap((segment) => (segment.Document ? [JSON.parse(segment.Document)] : []));
      if (Id && documents.length > 0) traces.push({ traceId: Id, documents });
    }
    next = page.NextToken;
  } while (next);
  return traces;
}

function beginning({ documents }: Trace): number {
  return Math.min(...documents.map((document) => document.start_time));
}
