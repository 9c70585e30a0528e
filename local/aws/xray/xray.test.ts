import { createSocket } from "node:dgram";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { buildTree } from "../../../cli/trace/tree.ts";
import { type Activity, ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { SegmentDocument, Service } from "../kernel/service.ts";
import { newSegmentId, newTraceId } from "../kernel/trace.ts";
import { eventually, testKernel } from "../testing.ts";
import { createXRay } from "./index.ts";

let kernel: Kernel;
let xray: Service;
const activities: Activity[] = [];
beforeEach(async () => {
  activities.length = 0;
  kernel = testKernel();
  kernel.on("activity", (activity) => void activities.push(activity));
  xray = createXRay(kernel);
  kernel.register(xray);
  await xray.start?.();
});
afterEach(async () => {
  await xray.stop?.();
});

const now = () => Date.now() / 1000;
function segment(rest: Partial<SegmentDocument> = {}): SegmentDocument {
  return {
    name: "svc",
    id: newSegmentId(),
    trace_id: newTraceId(Date.now()),
    start_time: now(),
    end_time: now() + 1,
    ...rest,
  };
}
// biome-ignore lint/suspicious/noExplicitAny: the test knows the operation's output
const call = (operation: string, input: object = {}): Promise<any> =>
  kernel.call("xray", operation, input, { principal: ADMINISTRATOR });
const put = (...documents: SegmentDocument[]) =>
  call("PutTraceSegments", { TraceSegmentDocuments: documents.map((document) => JSON.stringify(document)) });
const summaries = (FilterExpression?: string, range: object = {}) =>
  call("GetTraceSummaries", { StartTime: now() - 60, EndTime: now() + 60, FilterExpression, ...range });
async function documentsOf(traceId: string): Promise<SegmentDocument[]> {
  const { Traces } = await call("BatchGetTraces", { TraceIds: [traceId] });
  return (Traces[0]?.Segments ?? []).map(({ Document }: { Document: string }) => JSON.parse(Document));
}

function sendDatagrams(...texts: string[]): Promise<void> {
  const socket = createSocket("udp4");
  const [host = "", port = ""] = kernel.daemonAddress.split(":");
  const sent = texts.map(
    (text) =>
      new Promise<void>((resolve, reject) => socket.send(text, Number(port), host, (e) => (e ? reject(e) : resolve()))),
  );
  return Promise.all(sent).then(() => void socket.close());
}
const HEADER = '{"format": "json", "version": 1}\n';

// https://docs.aws.amazon.com/xray/latest/api/API_PutTraceSegments.html
describe("documents", () => {
  test("of services, functions and the daemon make one trace", async () => {
    const service = segment({ name: "fn", origin: "AWS::Lambda" });
    const { trace_id } = service;
    const fn = segment({ trace_id, parent_id: service.id, name: "fn", origin: "AWS::Lambda::Function" });
    const alone = segment({ trace_id, parent_id: fn.id, name: "stripe", type: "subsegment", namespace: "remote" });
    kernel.record(service);
    expect(await put(fn)).toEqual({ UnprocessedTraceSegments: [] });
    await sendDatagrams(HEADER + JSON.stringify(alone));
    const found = await eventually(async () => {
      const documents = await documentsOf(trace_id);
      return documents.length === 3 ? documents : undefined;
    });
    expect(found).toEqual([service, fn, alone]);
    const { roots, orphans } = buildTree(found);
    expect(roots[0]?.children[0]?.children[0]?.segment.name).toBe("stripe");
    expect(orphans).toEqual([]);
  });

  test("that are wrong are refused one by one, with the reason", async () => {
    const good = segment();
    const bad = segment({ trace_id: "nonsense" });
    const { UnprocessedTraceSegments } = await put(bad, good);
    expect(UnprocessedTraceSegments).toEqual([
      { Id: bad.id, ErrorCode: "InvalidTraceId", Message: expect.stringContaining("nonsense") },
    ]);
    expect(await documentsOf(good.trace_id)).toEqual([good]);
    await expect(call("PutTraceSegments", {})).rejects.toMatchObject({ code: "InvalidRequestException" });
  });

  test("in progress give way to the finished one, never the reverse", async () => {
    const { end_time, ...open } = segment();
    await put({ ...open, in_progress: true });
    expect((await summaries()).TraceSummaries[0]).toMatchObject({ IsPartial: true, Duration: 0 });
    await put({ ...open, end_time: open.start_time + 2 });
    await put({ ...open, in_progress: true });
    expect(await documentsOf(open.trace_id)).toEqual([{ ...open, end_time: open.start_time + 2 }]);
    expect(end_time).toBeDefined();
  });

  test("that reach the daemon broken show in the activity", async () => {
    const { id: _, ...nameless } = segment();
    await sendDatagrams("no header", `{"format":"xml","version":1}\n{}`, HEADER + JSON.stringify(nameless));
    const errors = await eventually(async () =>
      activities.length === 3 ? activities.map(({ error }) => error) : undefined,
    );
    expect(errors.filter((error) => error?.includes("A datagram must begin"))).toHaveLength(2);
    expect(errors.filter((error) => error?.includes("MissingId"))).toHaveLength(1);
  });

  test("of the twin's own services that are wrong do not disturb the service", () => {
    expect(() => kernel.record(segment({ id: "short" }))).not.toThrow();
    expect(activities[0]?.error).toContain("InvalidId");
  });
});

// https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html
describe("summaries", () => {
  test("say what a trace was", async () => {
    const root = segment({
      name: "capture",
      origin: "AWS::Lambda",
      resource_arn: "arn:aws:lambda:us-east-1:123456789012:function:capture",
      user: "u1",
      http: { request: { url: "https://x", method: "GET" }, response: { status: 500 } },
    });
    const fn = segment({
      trace_id: root.trace_id,
      parent_id: root.id,
      name: "fn",
      fault: true,
      annotations: { customerId: "c1", version: 2 },
    });
    await put(root, fn);
    const { TraceSummaries, TracesProcessedCount } = await summaries('annotation.customerId = "c1"');
    expect(TracesProcessedCount).toBe(1);
    const capture = { Name: "capture", Names: ["capture"], AccountId: "123456789012", Type: "AWS::Lambda" };
    const other = { Name: "fn", Names: ["fn"], AccountId: "123456789012" };
    expect(TraceSummaries).toEqual([
      expect.objectContaining({
        Id: root.trace_id,
        StartTime: root.start_time,
        HasFault: true,
        HasError: false,
        IsPartial: false,
        EntryPoint: capture,
        Http: { HttpURL: "https://x", HttpMethod: "GET", HttpStatus: 500 },
        ServiceIds: [capture, other],
        Users: [{ UserName: "u1", ServiceIds: [capture] }],
        Annotations: {
          customerId: [{ AnnotationValue: { StringValue: "c1" }, ServiceIds: [other] }],
          version: [{ AnnotationValue: { NumberValue: 2 }, ServiceIds: [other] }],
        },
        ResourceARNs: [{ ARN: root.resource_arn }],
      }),
    ]);
  });

  test("keep to the time range and the filter, page by page", async () => {
    for (let index = 0; index < 101; index += 1) await put(segment({ error: index === 0 }));
    const first = await summaries();
    expect(first.TraceSummaries).toHaveLength(100);
    expect((await summaries(undefined, { NextToken: first.NextToken })).TraceSummaries).toHaveLength(1);
    expect((await summaries("error")).TraceSummaries).toHaveLength(1);
    expect((await summaries(undefined, { StartTime: 0, EndTime: 1 })).TraceSummaries).toEqual([]);
    await expect(summaries("error AND")).rejects.toMatchObject({ code: "InvalidRequestException" });
    await expect(summaries(undefined, { StartTime: 2, EndTime: 1 })).rejects.toMatchObject({
      code: "InvalidRequestException",
    });
  });
});

test("BatchGetTraces names what it does not have and takes five ids", async () => {
  const known = segment();
  await put(known);
  const unknown = newTraceId(Date.now());
  const { Traces, UnprocessedTraceIds } = await call("BatchGetTraces", { TraceIds: [known.trace_id, unknown] });
  expect([Traces[0].Id, UnprocessedTraceIds]).toEqual([known.trace_id, [unknown]]);
  const six = { TraceIds: Array(6).fill(unknown) };
  await expect(call("BatchGetTraces", six)).rejects.toMatchObject({ code: "InvalidRequestException" });
});

test("the oldest traces go when there are too many", async () => {
  const small = createXRay(kernel, { limits: { maxTraces: 2, maxBytes: 2 ** 20 } });
  const traces = [segment(), segment(), segment()];
  for (const trace of traces) kernel.record(trace);
  expect(small.snapshot?.()).toEqual({ documents: traces.slice(1) });
  const narrow = createXRay(kernel, { limits: { maxTraces: 100, maxBytes: 200 } });
  for (const trace of traces) kernel.record(trace);
  expect(narrow.snapshot?.()).toEqual({ documents: traces.slice(2) });
  await small.stop?.();
  await narrow.stop?.();
});

test("a snapshot brings the traces back", async () => {
  const kept = segment();
  await put(kept);
  const state = JSON.parse(JSON.stringify(xray.snapshot?.()));
  const other = createXRay(testKernel());
  await other.restore?.(state);
  expect(other.snapshot?.()).toEqual(state);
});

// https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html
test("sampling rules: the default one, the template's, and their targets", async () => {
  const provider = xray.resources?.find(({ type }) => type === "AWS::XRay::SamplingRule");
  const deploy = (SamplingRule: object) =>
    provider?.create({
      logicalId: "Rule",
      type: "AWS::XRay::SamplingRule",
      properties: { SamplingRule },
      stackName: "s",
      artifacts: "",
    });
  expect(await deploy({ RuleName: "all", Priority: 1, FixedRate: 1, ReservoirSize: 5, Version: 1 })).toMatchObject({
    ref: "arn:aws:xray:us-east-1:123456789012:sampling-rule/all",
  });
  const { SamplingRuleRecords } = await call("GetSamplingRules");
  expect(SamplingRuleRecords.map(({ SamplingRule }: { SamplingRule: object }) => SamplingRule)).toMatchObject([
    { RuleName: "all", FixedRate: 1, ServiceName: "*" },
    { RuleName: "Default", FixedRate: 0.05, ReservoirSize: 1, Priority: 10000 },
  ]);
  const targets = await call("GetSamplingTargets", {
    SamplingStatisticsDocuments: [{ RuleName: "all" }, { RuleName: "x" }],
  });
  expect(targets).toMatchObject({
    SamplingTargetDocuments: [{ RuleName: "all", FixedRate: 1, ReservoirQuota: 5 }],
    UnprocessedStatistics: [{ RuleName: "x" }],
  });
  expect(() => deploy({ RuleName: "bad", Priority: 0, FixedRate: 1, ReservoirSize: 1 })).toThrow(
    /SamplingRule.Priority/,
  );
  expect(() => deploy({ RuleName: "bad", Colour: 1 })).toThrow(/SamplingRule.Colour/);
});
