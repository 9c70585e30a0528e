import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { AwsError } from "../../kernel/errors.ts";
import type { Identities } from "../../kernel/identities.ts";
import type { Service } from "../../kernel/service.ts";
import { keepAnswers, openFiles } from "../../s3/harness.ts";
import { allowAll } from "../../testing.ts";
import type { JsonObject } from "../json.ts";
import { fakeLambda, INVOKE, only } from "../testing.ts";
import {
  BUCKET,
  distributed,
  eventually,
  type MapBench,
  type MapBenchOptions,
  mapBench,
  objectReader,
  WRITER,
} from "./harness.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
const CALL = only(
  { Type: "Task", Resource: INVOKE, Arguments: { FunctionName: "work", Payload: "{% $states.input %}" } },
  "Call",
);
const FAILS = { StartAt: "Stop", States: { Stop: { Type: "Fail", Error: "Mine" } } };
let stateDir: string;
let benches: MapBench[];
/** What was given to the function, and what lets it answer. */
let calls: number[];
let gates: Map<number, () => void>;
/** Items that the function does not hold back. */
let free: (n: number) => boolean;

const lambda: Service = fakeLambda(async ({ n }) => {
  calls.push(n);
  if (!free(n)) await new Promise<void>((resolve) => gates.set(n, resolve));
  return n;
});

async function boot(options: MapBenchOptions = {}): Promise<MapBench> {
  const bench = await mapBench([lambda], options);
  benches.push(bench);
  return bench;
}

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "twin-test-"));
  [benches, calls, gates, free] = [[], [], new Map(), () => true];
});
afterEach(async () => {
  free = () => true;
  for (const open of gates.values()) open();
  for (const bench of benches) await bench.stop();
  rmSync(stateDir, { recursive: true });
});

const list = (length: number) => Array.from({ length }, (_, n) => ({ n }));
const state = (fields: JsonObject = {}, type?: string) =>
  only(distributed(CALL, { MaxConcurrency: 2, ...fields }, type));

/** Starts an execution and waits until the function holds `n` items back. */
async function held(bench: MapBench, definition: JsonObject, items: number, n = 2): Promise<string> {
  const stateMachineArn = await bench.machine(definition);
  const input = JSON.stringify(list(items));
  const { executionArn } = await bench.api("StartExecution", { stateMachineArn, input });
  await eventually(async () => gates.size >= n);
  return executionArn;
}

function openAll(): void {
  free = () => true;
  for (const open of gates.values()) open();
}

describe("a Map Run under way", () => {
  test("shows what is pending and running, and takes a higher limit at once", async () => {
    free = () => false;
    const bench = await boot();
    const executionArn = await held(bench, state(), 5);
    const { mapRunArn, itemCounts, status } = await bench.mapRun(executionArn);
    expect([status, itemCounts]).toMatchObject(["RUNNING", { total: 5, pending: 3, running: 2, succeeded: 0 }]);
    const { executions } = await bench.api("ListExecutions", { mapRunArn, statusFilter: "RUNNING" });
    expect(executions).toHaveLength(2);
    await bench.api("UpdateMapRun", { mapRunArn, maxConcurrency: 4, toleratedFailureCount: 1 });
    await eventually(async () => gates.size === 4);
    expect(await bench.mapRun(executionArn)).toMatchObject({ maxConcurrency: 4, toleratedFailureCount: 1 });
    await expect(bench.api("UpdateMapRun", { mapRunArn, maxConcurrency: -1 })).rejects.toMatchObject({
      code: "ValidationException",
    });
    openAll();
    expect(await bench.ended(executionArn)).toMatchObject({ status: "SUCCEEDED" });
  });

  test.each(["STANDARD", "EXPRESS"])("ends with its %s children when the execution is stopped", async (type) => {
    free = (n) => n === 0;
    const bench = await boot();
    const executionArn = await held(bench, state({ ResultWriter: WRITER }, type), 5);
    await bench.api("StopExecution", { executionArn });
    expect(await bench.ended(executionArn)).toMatchObject({ status: "ABORTED" });
    const { status, itemCounts, mapRunArn } = await bench.mapRun(executionArn);
    expect([status, itemCounts]).toMatchObject(["ABORTED", { succeeded: 1, aborted: 2, pending: 2, running: 0 }]);
    const { executions } = await bench.api("ListExecutions", { mapRunArn, statusFilter: "ABORTED" });
    expect(executions).toHaveLength(2);
    expect((await bench.keys("out/")).map((key) => key.split("/").at(-1))).toEqual([
      ...["FAILED_0.json", "PENDING_0.json", "SUCCEEDED_0.json", "manifest.json"],
    ]);
    openAll();
    await bench.api("RedriveExecution", { executionArn });
    expect(await bench.ended(executionArn)).toMatchObject({ status: "SUCCEEDED" });
    expect(calls.filter((n) => n === 0)).toHaveLength(1);
  });

  test("survives that one child alone is stopped", async () => {
    free = (n) => n > 1;
    const bench = await boot();
    const executionArn = await held(bench, state(), 4);
    const { mapRunArn } = await bench.mapRun(executionArn);
    const { executions } = await bench.api("ListExecutions", { mapRunArn, statusFilter: "RUNNING" });
    await bench.api("StopExecution", { executionArn: executions[0].executionArn, error: "Mine" });
    openAll();
    expect(await bench.ended(executionArn)).toMatchObject({ status: "SUCCEEDED" });
    expect((await bench.mapRun(executionArn)).itemCounts).toMatchObject({ aborted: 1, succeeded: 3 });
    const redrive = bench.api("RedriveExecution", { executionArn: executions[0].executionArn });
    await expect(redrive).rejects.toMatchObject({ code: "ExecutionNotRedrivable" });
  });
});

describe("a restart of the twin", () => {
  const restarted = async (before: MapBench, snapshot: unknown) => {
    await before.stop();
    openAll();
    return boot({ stateDir, snapshot });
  };

  test.each(["STANDARD", "EXPRESS"])("goes on where the %s children were", async (type) => {
    free = (n) => n < 3;
    const before = await boot({ stateDir });
    const executionArn = await held(before, state({}, type), 8);
    await before.states.stop?.();
    const after = await restarted(before, before.states.snapshot?.());
    const done = await after.ended(executionArn);
    expect(done).toMatchObject({ status: "SUCCEEDED" });
    expect(JSON.parse(done.output)).toHaveLength(8);
    for (const n of [0, 1, 2]) expect(calls.filter((call) => call === n)).toHaveLength(1);
    expect((await after.mapRun(executionArn)).itemCounts).toMatchObject({ total: 8, succeeded: 8 });
    expect(after.types(executionArn).filter((event) => event === "MapRunStarted")).toHaveLength(1);
  });

  test("after a crash knows the children that ended since the last snapshot", async () => {
    free = () => false;
    const before = await boot({ stateDir });
    const executionArn = await held(before, state(), 4);
    const snapshot = before.states.snapshot?.();
    gates.get(0)?.();
    await eventually(async () => (await before.mapRun(executionArn)).itemCounts.succeeded === 1);
    const after = await restarted(before, snapshot);
    expect(await after.ended(executionArn)).toMatchObject({ status: "SUCCEEDED" });
    expect(calls.filter((n) => n === 0)).toHaveLength(1);
  });

  test("keeps the inputs of a failed Map Run for its redrive, and removes what no execution knows", async () => {
    const before = await boot({ stateDir });
    await before.put("in/ids", "[1,2]");
    const failed = await before.run(
      only(distributed(FAILS, { ItemReader: objectReader("in/ids", { InputType: "JSON" }) })),
    );
    const unknown = await before.run(state(), list(1));
    await before.states.stop?.();
    const snapshot = before.states.snapshot?.() as {
      executions: { arn: string }[];
      mapRuns: { executionArn: string }[];
    };
    snapshot.executions = snapshot.executions.filter(({ arn }) => arn !== unknown.executionArn);
    snapshot.mapRuns = snapshot.mapRuns.filter(({ executionArn }) => executionArn !== unknown.executionArn);
    const after = await restarted(before, snapshot);
    expect(readdirSync(join(stateDir, "states-map-runs"))).toHaveLength(2);
    await after.put("in/ids", "[9]");
    await after.api("RedriveExecution", { executionArn: failed.executionArn });
    await after.ended(failed.executionArn);
    expect(await after.mapRun(failed.executionArn)).toMatchObject({
      redriveCount: 1,
      itemCounts: { total: 2, failed: 1 },
    });
  });
});

describe("permissions of the machine's role", () => {
  const refusing = (...refused: string[]): Identities => ({
    ...allowAll(),
    authorize: (principal, { action, resource }) => {
      if (principal.kind === "administrator" || !refused.includes(action)) return;
      throw new AwsError("AccessDeniedException", `not authorized to perform: ${action} on resource: ${resource}`);
    },
  });

  test.each([
    ["states:StartExecution", "States.Permissions", ":stateMachine:machine-1"],
    ["states:DescribeExecution", "States.Permissions", ":execution:machine-1:"],
    ["s3:GetObject", "States.ItemReaderFailed", `${BUCKET}/in/ids`],
    ["s3:PutObject", "States.ResultWriterFailed", `${BUCKET}/out/`],
  ])("%s is needed", async (action, error, resource) => {
    const bench = await boot({ identities: refusing(action) });
    await bench.put("in/ids", "[1]");
    const fields = { ItemReader: objectReader("in/ids", { InputType: "JSON" }), ResultWriter: WRITER };
    const run = await bench.run(state(fields));
    expect(run).toMatchObject({ status: "FAILED", error });
    expect(run.cause).toContain(action);
    expect(run.cause).toContain(resource);
    expect(calls).toEqual([]);
  });

  test("states:RedriveExecution on its children", async () => {
    const bench = await boot({ identities: refusing("states:RedriveExecution") });
    const run = await bench.run(only(distributed(FAILS)), [1]);
    await bench.api("RedriveExecution", { executionArn: run.executionArn });
    const redriven = await bench.ended(run.executionArn);
    expect(redriven).toMatchObject({ status: "FAILED", error: "States.Permissions" });
    expect(redriven.cause).toContain(":execution:machine-1/each:");
  });
});

test("an injected fault of S3 fails the reader or the writer", async () => {
  const bench = await boot();
  await bench.put("in/ids", "[1]");
  const fields = { ItemReader: objectReader("in/ids", { InputType: "JSON" }), ResultWriter: WRITER };
  const error = new AwsError("SlowDown", "Please reduce your request rate.", { status: 503 });
  for (const [operation, name] of [
    ["GetObject", "States.ItemReaderFailed"],
    ["PutObject", "States.ResultWriterFailed"],
  ] as const) {
    bench.kernel.faults.push({ service: "s3", operation, times: 1, error });
    expect(await bench.run(state(fields))).toMatchObject({ error: name, cause: expect.stringContaining("SlowDown") });
  }
});

(process.platform === "linux" ? test : test.skip)(
  "what is read of S3 is closed, however the reading ends",
  async () => {
    const bench = await boot();
    keepAnswers(bench.kernel);
    await bench.put("in/items", JSON.stringify(list(100_000)));
    await bench.put("in/damaged", `[1,${"x".repeat(1_000_000)}]`);
    await bench.put("in/rows", "a\n1\n".repeat(500_000));
    const reader = (key: string, config: JsonObject) => state({ ItemReader: objectReader(key, config) });
    expect(await bench.run(reader("in/items", { InputType: "JSON", MaxItems: 1 }))).toMatchObject({
      status: "SUCCEEDED",
    });
    const rows = { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW", MaxItems: 1 };
    expect(await bench.run(reader("in/rows", rows))).toMatchObject({ status: "SUCCEEDED" });
    expect(await bench.run(reader("in/damaged", { InputType: "JSON" }))).toMatchObject({ status: "FAILED" });
    const error = new AwsError("SlowDown", "Please reduce your request rate.", { status: 503 });
    bench.kernel.faults.push({ service: "s3", operation: "GetObject", times: 1, error, afterEffect: true });
    expect(await bench.run(reader("in/items", { InputType: "JSON" }))).toMatchObject({ status: "FAILED" });
    await eventually(async () => openFiles().length === 0);
  },
);

test("results that could not be written are written by a redrive", async () => {
  const bench = await boot();
  const error = new AwsError("SlowDown", "Please reduce your request rate.", { status: 503 });
  bench.kernel.faults.push({ service: "s3", operation: "PutObject", times: 1, error });
  const failed = await bench.run(state({ ResultWriter: WRITER }), list(3));
  expect(failed.error).toBe("States.ResultWriterFailed");
  await bench.api("RedriveExecution", { executionArn: failed.executionArn });
  const { Key } = JSON.parse((await bench.ended(failed.executionArn)).output).ResultWriterDetails;
  const [file] = JSON.parse(await bench.text(Key)).ResultFiles.SUCCEEDED;
  expect(JSON.parse(await bench.text(file.Key))).toHaveLength(3);
  expect(calls.sort()).toEqual([0, 1, 2]);
});

test("a hundred thousand items in a thousand batches leave little in memory and in the snapshot", async () => {
  const bench = await boot({ stateDir });
  await bench.put("in/items.jsonl", Array.from({ length: 100_000 }, (_, n) => `{"n":${n}}`).join("\n"));
  const fields = {
    ItemReader: objectReader("in/items.jsonl", { InputType: "JSONL" }),
    ItemBatcher: { MaxItemsPerBatch: 100 },
    ResultWriter: WRITER,
  };
  const run = await bench.run(only(distributed(only({ Type: "Pass", Output: 1 }, "Keep"), fields, "EXPRESS")));
  expect(run.status).toBe("SUCCEEDED");
  const { itemCounts, executionCounts } = await bench.mapRun(run.executionArn);
  expect([itemCounts.succeeded, executionCounts.succeeded]).toEqual([100_000, 1000]);
  expect(JSON.stringify(bench.states.snapshot?.()).length).toBeLessThan(20_000);
}, 30_000);
