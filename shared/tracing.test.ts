import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Answer, serve } from "./testing/server.ts";

const ROOT = "1-5759e988-bd862e3fe1be46a994272793";
const SEGMENT = "53995c3f42cd8ad8";

interface SegmentDocument {
  readonly id: string;
  readonly trace_id: string;
  readonly parent_id?: string;
  readonly name: string;
  readonly in_progress?: boolean;
  readonly fault?: boolean;
  readonly annotations: Record<string, unknown>;
}

let status = 200;
/** Segments that X-Ray leaves undone, in the order of its answers. */
let unprocessed: ((documents: readonly SegmentDocument[]) => readonly SegmentDocument[])[] = [];
let answering: Answer | undefined;
const server = await serve(({ body }) => {
  const documents: SegmentDocument[] = JSON.parse(body).TraceSegmentDocuments.map((text: string) => JSON.parse(text));
  const left = unprocessed.shift()?.(documents) ?? [];
  const UnprocessedTraceSegments = left.map(({ id }) => ({ Id: id, ErrorCode: "Throttled", Message: "later" }));
  return answering ?? { status, body: { UnprocessedTraceSegments } };
});

// As Lambda sets them; read when the tracer is made, so the module under test is loaded afterwards.
Object.assign(process.env, {
  AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
  AWS_REGION: "eu-central-1",
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_ENDPOINT_URL_XRAY: server.url,
  AWS_MAX_ATTEMPTS: "1",
  POWERTOOLS_LOG_LEVEL: "SILENT",
  // It would patch Node itself, and so the other files of this test process.
  POWERTOOLS_TRACER_CAPTURE_HTTPS_REQUESTS: "false",
});
const { annotate, flushSegments, inChange, inChanges } = await import("./tracing.ts");
const { currentScope } = await import("./scope.ts");

beforeEach(() => {
  status = 200;
  unprocessed = [];
  answering = undefined;
  server.requests.length = 0;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const change = (members: object = {}) => ({
  name: "test/work",
  correlationId: "correlation-1",
  customerId: "customer-1",
  traceHeader: `Root=${ROOT};Parent=${SEGMENT};Sampled=1`,
  annotations: { connector: "test" },
  ...members,
});

async function documents(): Promise<SegmentDocument[]> {
  await flushSegments();
  return server.requests
    .flatMap(({ body }) => JSON.parse(body).TraceSegmentDocuments as string[])
    .map((text) => JSON.parse(text));
}

const finished = async () => (await documents()).filter(({ in_progress }) => !in_progress);

describe("inChange", () => {
  test("works in a segment of the change's trace, announced before and closed after", async () => {
    expect(await inChange(change(), async () => "done")).toBe("done");
    const [announced, closed, ...more] = await documents();
    expect(more).toEqual([]);
    expect(announced).toMatchObject({ in_progress: true, trace_id: ROOT });
    expect(closed).toMatchObject({
      id: announced?.id,
      trace_id: ROOT,
      parent_id: SEGMENT,
      name: "test/work",
      annotations: { connector: "test", correlationId: "correlation-1", customerId: "customer-1" },
    });
  });

  test("has told X-Ray before the work begins, so that a crash in it leaves no orphans", async () => {
    await inChange(change(), async () => {
      const [announced] = server.requests.map(({ body }) => JSON.parse(JSON.parse(body).TraceSegmentDocuments[0]));
      expect(announced).toMatchObject({ in_progress: true, trace_id: ROOT });
    });
    expect.assertions(1);
  });

  test("tells X-Ray of changes that begin side by side with one call", async () => {
    await Promise.all(Array.from({ length: 20 }, () => inChange(change(), async () => undefined)));
    expect(server.requests).toHaveLength(1);
  });

  test.each<[string, Answer]>([
    ["refuses", { status: 400, body: {} }],
    ["is not there", "reset"],
    ["never answers", "hang"],
  ])("works all the same when X-Ray %s", async (_what, answer) => {
    answering = answer;
    expect(await inChange(change(), async () => "done")).toBe("done");
    await flushSegments();
  });

  test("gives calls made meanwhile the segment as parent, and nothing afterwards", async () => {
    const scope = await inChange(change(), async () => currentScope());
    const [segment] = await finished();
    expect(scope).toEqual({
      correlationId: "correlation-1",
      customerId: "customer-1",
      traceHeader: `Root=${ROOT};Parent=${segment?.id};Sampled=1`,
    });
    expect(currentScope()).toBeUndefined();
  });

  test("opens a root of a given id when there is no parent", async () => {
    await inChange(change({ traceHeader: `Root=${ROOT};Sampled=1`, segmentId: SEGMENT }), async () => undefined);
    const [root] = await finished();
    expect(root).toMatchObject({ id: SEGMENT, trace_id: ROOT });
    expect(root?.parent_id).toBeUndefined();
  });

  test("marks a failed change and passes the failure on", async () => {
    const failing = inChange(change(), () => Promise.reject(new Error("broken")));
    await expect(failing).rejects.toThrow("broken");
    expect(await finished()).toMatchObject([{ fault: true }]);
  });

  test.each([undefined, `Root=${ROOT};Sampled=0`, "rubbish"])(
    "opens no segment for %s, but works",
    async (traceHeader) => {
      const scope = await inChange(change({ traceHeader }), async () => currentScope());
      expect(scope?.correlationId).toBe("correlation-1");
      expect(await documents()).toEqual([]);
    },
  );

  test("keeps changes side by side apart, also their late annotations", async () => {
    const names = Array.from({ length: 60 }, (_, n) => `change-${n}`);
    await Promise.all(
      names.map((correlationId) =>
        inChange(change({ correlationId }), async () => {
          await new Promise(setImmediate);
          annotate("late", currentScope()?.correlationId ?? "none");
        }),
      ),
    );
    const segments = await finished();
    expect(segments.map(({ annotations }) => annotations.late).sort()).toEqual(names.sort());
    for (const { annotations } of segments) expect(annotations.late).toBe(annotations.correlationId);
    for (const { body } of server.requests)
      expect(JSON.parse(body).TraceSegmentDocuments.length).toBeLessThanOrEqual(50);
  });
});

describe("inChanges", () => {
  test("opens a segment for each, and the calls belong to the first", async () => {
    const changes = ["first", "second", "third"].map((correlationId) => change({ correlationId }));
    const scope = await inChanges(changes, async () => currentScope());
    expect(scope?.correlationId).toBe("first");
    const seen = (await finished()).map(({ annotations }) => annotations.correlationId);
    expect(seen.sort()).toEqual(["first", "second", "third"]);
  });
});

describe("segments that X-Ray did not process", () => {
  test("are sent again, and they alone", async () => {
    unprocessed = [(documents) => documents.slice(1, 3), (documents) => documents.slice(0, 1)];
    const changes = ["a", "b", "c", "d"].map((correlationId) => change({ correlationId }));
    await Promise.all(changes.map((one) => inChange(one, async () => undefined)));
    const sent = server.requests.map(({ body }) => JSON.parse(body).TraceSegmentDocuments.length);
    expect(sent).toEqual([4, 2, 1]);
  });

  test("are given up in the end, and the work is done", async () => {
    const all = (documents: readonly SegmentDocument[]) => documents;
    unprocessed = [all, all, all, all];
    expect(await inChange(change(), async () => "done")).toBe("done");
    expect(server.requests).toHaveLength(3);
  });
});

describe("annotate", () => {
  test("outside of a change does nothing", () => {
    expect(() => annotate("key", "value")).not.toThrow();
  });
});

describe("flushSegments", () => {
  test("never fails: a lost trace is no lost work", async () => {
    status = 500;
    await inChange(change(), async () => undefined);
    await expect(flushSegments()).resolves.toBeUndefined();
  });
});
