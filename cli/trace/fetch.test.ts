import { XRayClient } from "@aws-sdk/client-xray";
import { describe, expect, test } from "@jest/globals";
import { type Answer, type SeenRequest, serve } from "#shared/testing/server.ts";
import { fetchTraces } from "./fetch.ts";

const HOUR = 3_600_000;
const traceId = (n: number) => `1-5759e988-${String(n).padStart(24, "0")}`;
const document = (n: number, start: number) => ({ id: `s${n}`, name: "svc", start_time: start, end_time: start + 1 });
/** A trace as BatchGetTraces gives it. */
const trace = (n: number, ...starts: number[]) => ({
  Id: traceId(n),
  Segments: starts.map((start) => ({ Id: `s${n}`, Document: JSON.stringify(document(n, start)) })),
});

/** Asks an X-Ray that answers summaries and traces; also what it was asked, by path. */
async function ask(
  id: string,
  answers: { summaries?: (body: Body) => unknown; traces?: (body: Body) => unknown },
  since = HOUR,
) {
  const answer = ({ url, body }: SeenRequest): Answer => {
    const reply = url === "/TraceSummaries" ? answers.summaries : answers.traces;
    return { body: reply?.(JSON.parse(body)) ?? {} };
  };
  await using server = await serve(answer);
  const client = new XRayClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  const found = await fetchTraces(client, id, since);
  const asked = (path: string): Body[] =>
    server.requests.filter(({ url }) => url === path).map(({ body }) => JSON.parse(body));
  return { found, summaries: asked("/TraceSummaries"), traces: asked("/Traces") };
}

interface Body {
  readonly TraceIds: string[];
  readonly NextToken?: string;
  readonly FilterExpression: string;
  readonly StartTime: number;
  readonly EndTime: number;
}

// https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html
describe("a trace id", () => {
  test("is read without a search", async () => {
    const { found, summaries, traces } = await ask(traceId(1), { traces: () => ({ Traces: [trace(1, 5)] }) });
    expect(found).toEqual([{ traceId: traceId(1), documents: [document(1, 5)] }]);
    expect(summaries).toEqual([]);
    expect(traces).toEqual([{ TraceIds: [traceId(1)] }]);
  });

  test.each<[string, unknown]>([
    ["unknown", { Traces: [], UnprocessedTraceIds: [traceId(1)] }],
    ["without segments yet", { Traces: [trace(1)] }],
    ["without anything", {}],
  ])("that is %s finds nothing", async (_what, answer) => {
    expect((await ask(traceId(1), { traces: () => answer })).found).toEqual([]);
  });

  test("is read to its last page", async () => {
    const pages: Record<string, unknown> = {
      first: { Traces: [trace(1, 1)], NextToken: "second" },
      second: { Traces: [trace(2, 2)] },
    };
    const { found } = await ask(traceId(1), { traces: ({ NextToken = "first" }) => pages[NextToken] });
    expect(found.map((one) => one.traceId)).toEqual([traceId(2), traceId(1)]);
  });
});

// https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html
describe("a correlation or customer id", () => {
  test("is searched in the annotations, within the time", async () => {
    const { found, summaries, traces } = await ask("c-1", { summaries: () => ({ TraceSummaries: [] }) });
    expect([found, traces]).toEqual([[], []]);
    const [{ FilterExpression, StartTime, EndTime } = {} as Body] = summaries;
    expect(FilterExpression).toBe('annotation.correlationId = "c-1" OR annotation.customerId = "c-1"');
    expect(EndTime - StartTime).toBeGreaterThanOrEqual(HOUR / 1000 - 1);
    expect(EndTime - StartTime).toBeLessThanOrEqual(HOUR / 1000 + 1);
  });

  test("is searched in windows of six hours without a gap, and a trace of two windows is read once", async () => {
    const both = () => ({ TraceSummaries: [{ Id: traceId(1) }] });
    const { summaries, traces } = await ask("c-1", { summaries: both }, 15 * HOUR);
    const spans = summaries.map(({ StartTime, EndTime }) => [StartTime, EndTime] as const);
    expect(spans.map(([start, end]) => Math.round((end - start) / 3600))).toEqual([6, 6, 3]);
    expect(spans.slice(1).map(([, end]) => end)).toEqual(spans.slice(0, -1).map(([start]) => start));
    expect(traces).toHaveLength(1);
  });

  test("cannot change the search", async () => {
    const { summaries } = await ask('x" OR service("\\', {});
    expect(summaries[0]?.FilterExpression.match(/"/g)).toHaveLength(4);
    expect(summaries[0]?.FilterExpression).not.toContain("\\");
  });

  test("finds many over pages, and reads five at a time", async () => {
    const pages: Record<string, unknown> = {
      first: { TraceSummaries: [1, 2, 3].map((n) => ({ Id: traceId(n) })), NextToken: "second" },
      second: { TraceSummaries: [{ Id: traceId(4) }, {}, ...[5, 6].map((n) => ({ Id: traceId(n) }))] },
    };
    const { found, traces } = await ask("a-1", {
      summaries: ({ NextToken = "first" }) => pages[NextToken],
      traces: ({ TraceIds }) => ({
        Traces: TraceIds.map((id) => trace(Number(id.slice(-2)), Number(id.slice(-2)), 0.5)),
      }),
    });
    expect(traces.map(({ TraceIds }) => TraceIds.length)).toEqual([5, 1]);
    expect(found).toHaveLength(6);
    expect(new Set(found.map((one) => one.documents.length))).toEqual(new Set([2]));
  });

  test("orders by the earliest document", async () => {
    const { found } = await ask("a-1", {
      summaries: () => ({ TraceSummaries: [1, 2, 3].map((n) => ({ Id: traceId(n) })) }),
      traces: () => ({ Traces: [trace(1, 5, 90), trace(2, 80, 7), trace(3, 6)] }),
    });
    expect(found.map((one) => one.traceId)).toEqual([traceId(2), traceId(3), traceId(1)]);
  });
});
