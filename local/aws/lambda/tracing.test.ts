import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ADMINISTRATOR } from "../kernel/kernel.ts";
import { parseTraceHeader } from "../kernel/trace.ts";
import { createHarness, type Harness } from "./harness.ts";
import { Sampler } from "./tracing.ts";

const ROOT = "1-5759e988-bd862e3fe1be46a994272793";
const PARENT = "53995c3f42cd8ad8";
const SOURCE = "export const handler = async () => process.env._X_AMZN_TRACE_ID";
const ACTIVE = { TracingConfig: { Mode: "Active" } };

let twin: Harness;
beforeEach(() => {
  twin = createHarness();
});
afterEach(() => twin.stop());

async function headerSeen(name: string, traceHeader?: string) {
  const input = { FunctionName: name };
  const context = { principal: ADMINISTRATOR, ...(traceHeader ? { traceHeader } : {}) };
  const { Payload } = await twin.kernel.call("lambda", "Invoke", input, context);
  return parseTraceHeader(JSON.parse(Payload));
}

// https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
describe("active tracing", () => {
  test("continues a sampled trace with a service segment and, below it, a function segment", async () => {
    await twin.deployFunction("traced", SOURCE, ACTIVE);
    const seen = await headerSeen("traced", `Root=${ROOT};Parent=${PARENT};Sampled=1`);
    const [service, fn] = twin.segments;
    expect(service).toMatchObject({
      name: "traced",
      trace_id: ROOT,
      parent_id: PARENT,
      origin: "AWS::Lambda",
      http: { response: { status: 200 } },
      subsegments: [{ name: "Init" }],
    });
    expect(fn).toMatchObject({
      name: "traced",
      trace_id: ROOT,
      parent_id: service?.id,
      origin: "AWS::Lambda::Function",
      aws: { function_arn: "arn:aws:lambda:us-east-1:123456789012:function:traced" },
    });
    expect(seen).toEqual({ root: ROOT, parent: fn?.id, sampled: true });
    expect(fn?.end_time).toBeGreaterThanOrEqual(fn?.start_time ?? 0);
  });

  test("has an Init subsegment after a cold start only", async () => {
    await twin.deployFunction("traced", SOURCE, ACTIVE);
    await headerSeen("traced", `Root=${ROOT};Sampled=1`);
    await headerSeen("traced", `Root=${ROOT};Sampled=1`);
    expect(twin.segments[2]).not.toHaveProperty("subsegments");
    expect(twin.segments[2]).not.toHaveProperty("parent_id");
  });

  test("sends nothing for a trace that is not sampled, and hands the decision on", async () => {
    await twin.deployFunction("traced", SOURCE, ACTIVE);
    expect(await headerSeen("traced", `Root=${ROOT};Parent=${PARENT};Sampled=0`)).toEqual({
      root: ROOT,
      parent: PARENT,
      sampled: false,
    });
    expect(twin.segments).toEqual([]);
  });

  test("begins a trace of its own and samples the first request of a second", async () => {
    await twin.deployFunction("traced", SOURCE, ACTIVE);
    const seen = await headerSeen("traced");
    expect(seen?.sampled).toBe(true);
    expect(twin.segments.map(({ trace_id }) => trace_id)).toEqual([seen?.root, seen?.root]);
  });

  test("marks a function error as a fault with its stack", async () => {
    await twin.deployFunction("fails", "export const handler = async () => { throw new TypeError('bad') }", ACTIVE);
    await twin.kernel.call("lambda", "Invoke", { FunctionName: "fails" }, { principal: ADMINISTRATOR });
    expect(twin.segments[0]).not.toHaveProperty("fault");
    expect(twin.segments[1]).toMatchObject({
      fault: true,
      cause: { exceptions: [{ type: "TypeError", message: "bad", stack: expect.anything() }] },
    });
  });

  test("records a refused invocation as throttled", async () => {
    await twin.deployFunction("traced", SOURCE, { ...ACTIVE, ReservedConcurrentExecutions: 0 });
    await expect(headerSeen("traced", `Root=${ROOT};Sampled=1`)).rejects.toMatchObject({ status: 429 });
    expect(twin.segments).toMatchObject([{ error: true, throttle: true, http: { response: { status: 429 } } }]);
  });
});

describe("pass-through tracing", () => {
  test("hands a sampled header on unchanged and sends no segment", async () => {
    await twin.deployFunction("passes", SOURCE);
    expect(await headerSeen("passes", `Root=${ROOT};Parent=${PARENT};Sampled=1`)).toEqual({
      root: ROOT,
      parent: PARENT,
      sampled: true,
    });
    expect(twin.segments).toEqual([]);
  });

  test("makes an unsampled header when there is none, or none that is valid", async () => {
    await twin.deployFunction("passes", SOURCE);
    expect((await headerSeen("passes"))?.sampled).toBe(false);
    expect((await headerSeen("passes", "Root=nonsense"))?.sampled).toBe(false);
  });
});

test("samples one request of each second, and few of the rest", () => {
  let now = 1_000_000;
  const sampler = new Sampler(() => now);
  const taken = Array.from({ length: 4000 }, () => sampler.sample());
  expect(taken[0]).toBe(true);
  const rest = taken.slice(1).filter(Boolean).length;
  expect(rest).toBeGreaterThan(100);
  expect(rest).toBeLessThan(320);
  now += 1000;
  expect(sampler.sample()).toBe(true);
});
