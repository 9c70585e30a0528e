import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../json.ts";
import { FunctionFailure, fakeLambda, INVOKE, only, ROLE } from "../testing.ts";
import { BUCKET, clients, distributed, type MapBench, mapBench, objectReader, WRITER } from "./harness.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
let bench: MapBench;
let calls: JsonObject[];

const lambda = fakeLambda((payload) => {
  calls.push(payload);
  if (payload.fail) throw new FunctionFailure("Refused", "no");
  return payload;
});
const CALL = only(
  {
    Type: "Task",
    Resource: INVOKE,
    Arguments: { FunctionName: "work", Payload: "{% $states.input %}" },
    Output: "{% $states.result.Payload %}",
  },
  "Call",
);
const PASS = only({ Type: "Pass" }, "Keep");
const output = ({ output: text }: { output: string }) => JSON.parse(text);

beforeEach(async () => {
  calls = [];
  bench = await mapBench([lambda]);
});
afterEach(() => bench.stop());

test("items of the state's input run as executions of their own, and the history tells of the Map Run", async () => {
  const run = await bench.run(only(distributed(PASS, { Items: "{% $states.input.list %}" })), {
    list: [3, { a: 1 }, "x"],
  });
  expect(output(run)).toEqual([3, { a: 1 }, "x"]);
  expect(bench.types(run.executionArn)).toEqual([
    ...["ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted"],
    ...["MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"],
  ]);
  const mapRun = await bench.mapRun(run.executionArn);
  expect(mapRun).toMatchObject({ status: "SUCCEEDED", itemCounts: { total: 3, succeeded: 3 }, maxConcurrency: 0 });
  expect(mapRun.mapRunArn).toMatch(/^arn:aws:states:us-east-1:123456789012:mapRun:machine-1\/each:[0-9a-f-]{36}$/);
  const { executions } = await bench.api("ListExecutions", { mapRunArn: mapRun.mapRunArn });
  expect(executions).toHaveLength(3);
  const [child] = executions;
  expect(child).toMatchObject({ mapRunArn: mapRun.mapRunArn, itemCount: 1, status: "SUCCEEDED" });
  expect(child.executionArn).toMatch(/:execution:machine-1\/each:[0-9a-f-]{36}$/);
  expect(await bench.api("DescribeExecution", { executionArn: child.executionArn })).toMatchObject({
    input: '"x"',
    output: '"x"',
    stateMachineArn: expect.stringMatching(/:stateMachine:machine-1\/each$/),
  });
  const { events } = await bench.api("GetExecutionHistory", { executionArn: child.executionArn });
  expect(events.map(({ type }: { type: string }) => type)).toEqual([
    ...["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"],
  ]);
  const { stateMachineArn } = run;
  expect((await bench.api("ListExecutions", { stateMachineArn })).executions).toHaveLength(1);
});

describe("the reader", () => {
  const read = (reader: JsonObject, fields: JsonObject = {}) =>
    bench.run(only(distributed(PASS, { ItemReader: reader, ...fields })));

  test.each([
    ["JSON", "[1,2,3]", { InputType: "JSON" }, [1, 2, 3]],
    ["a JSON object", '{"a":1}', { InputType: "JSON" }, [{ Key: "a", Value: 1 }]],
    ["JSONL", '{"a":1}\n{"a":2}\n', { InputType: "JSONL", MaxItems: 1 }, [{ a: 1 }]],
    ["CSV", "id\n1\n2\n", { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" }, [{ id: "1" }, { id: "2" }]],
    ["nothing", "[]", { InputType: "JSON" }, []],
  ])("reads %s", async (_, text, config, expected) => {
    await bench.put("in/file", text);
    expect(output(await read(objectReader("in/file", config)))).toEqual(expected);
  });

  test("lists objects", async () => {
    for (const key of ["in/a", "in/b", "other"]) await bench.put(key, key);
    const reader = { Resource: "arn:aws:states:::s3:listObjectsV2", Arguments: { Bucket: BUCKET, Prefix: "in/" } };
    expect(output(await read(reader))).toMatchObject([
      { Key: "in/a", Size: 4, StorageClass: "STANDARD", LastModified: expect.any(Number), Etag: expect.any(String) },
      { Key: "in/b" },
    ]);
  });

  test("gives the selector the index, the value and the source", async () => {
    await bench.put("in/file", '{"a":1}');
    const ItemSelector = { item: "{% $states.context.Map.Item %}", run: "{% $states.input.run %}" };
    const definition = only(
      distributed(PASS, { ItemSelector, ItemReader: objectReader("{% $states.input.key %}", { InputType: "JSON" }) }),
    );
    const item = { Index: 0, Key: "a", Value: 1, Source: `S3://${BUCKET}/in/file` };
    expect(output(await bench.run(definition, { run: 7, key: "in/file" }))).toEqual([{ item, run: 7 }]);
  });

  test.each([
    ["a key that is not there", "in/none", "NoSuchKey: The specified key does not exist."],
    ["malformed content", "in/file", "Element 2 is not valid JSON."],
  ])("fails for %s", async (_, key, cause) => {
    await bench.put("in/file", "[1, nope]");
    const run = await read(objectReader(key, { InputType: "JSON" }));
    expect(run).toMatchObject({ status: "FAILED", error: "States.ItemReaderFailed" });
    expect(run.cause).toContain(cause);
    expect(bench.types(run.executionArn).slice(-3)).toEqual(["MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
    expect(await bench.mapRun(run.executionArn)).toMatchObject({ status: "FAILED", executionCounts: { running: 0 } });
  });

  test("is caught like any other error", async () => {
    const Catch = [{ ErrorEquals: ["States.ItemReaderFailed"], Next: "Caught" }];
    const map = { ...distributed(PASS, { ItemReader: objectReader("none", { InputType: "JSON" }) }), Catch, End: true };
    const definition = { StartAt: "Each", States: { Each: map, Caught: { Type: "Succeed", Output: "caught" } } };
    expect(output(await bench.run(definition))).toBe("caught");
  });
});

test("batches carry the items, their common input, and count as items", async () => {
  const ItemBatcher = { MaxItemsPerBatch: 2, BatchInput: { run: "{% $states.input.run %}" } };
  const run = await bench.run(only(distributed(CALL, { ItemBatcher, Items: "{% $states.input.list %}" }, "EXPRESS")), {
    run: 1,
    list: [1, 2, 3],
  });
  const expected = [
    { BatchInput: { run: 1 }, Items: [1, 2] },
    { BatchInput: { run: 1 }, Items: [3] },
  ];
  expect(output(run)).toEqual(expected);
  const mapRun = await bench.mapRun(run.executionArn);
  expect(mapRun).toMatchObject({ itemCounts: { total: 3, succeeded: 3 }, executionCounts: { total: 2, succeeded: 2 } });
  const { executions } = await bench.api("ListExecutions", { mapRunArn: mapRun.mapRunArn });
  expect(executions[0]).toMatchObject({
    executionArn: expect.stringContaining(":express:machine-1/each:"),
    itemCount: 1,
  });
  expect(await bench.api("DescribeExecution", { executionArn: executions[0].executionArn })).toMatchObject({
    status: "SUCCEEDED",
  });
  const history = bench.api("GetExecutionHistory", { executionArn: executions[0].executionArn });
  await expect(history).rejects.toMatchObject({ code: "InvalidArn" });
});

test("children see no variables of the machine, and may use their names", async () => {
  const reads = only(
    { Type: "Pass", Output: "{% $exists($outer) ? 'seen' : 'unseen' %}", Assign: { outer: 2 } },
    "Read",
  );
  const definition = {
    StartAt: "Set",
    States: {
      Set: { Type: "Pass", Assign: { outer: 1 }, Output: [1], Next: "Each" },
      Each: { ...distributed(reads), End: true },
    },
  };
  expect(output(await bench.run(definition))).toEqual(["unseen"]);
});

describe("failures", () => {
  const items = [{ n: 0 }, { n: 1, fail: true }, { n: 2 }, { n: 3, fail: true }];
  const run = (fields: JsonObject) => bench.run(only(distributed(CALL, { MaxConcurrency: 1, ...fields })), items);

  test.each([
    ["none is tolerated", {}],
    ["more than the count", { ToleratedFailureCount: 1 }],
    ["more than the percentage", { ToleratedFailurePercentage: "{% 49.9 %}" }],
    ["more than one of both", { ToleratedFailureCount: 9, ToleratedFailurePercentage: 25 }],
  ])("end the Map Run when %s", async (_, fields) => {
    const failed = await run(fields);
    expect(failed).toMatchObject({
      status: "FAILED",
      error: "States.ExceedToleratedFailureThreshold",
      cause: "The specified tolerated failure threshold was exceeded",
    });
    const { status, itemCounts } = await bench.mapRun(failed.executionArn);
    expect([status, itemCounts.running]).toEqual(["FAILED", 0]);
  });

  test.each([[{ ToleratedFailureCount: 2 }], [{ ToleratedFailurePercentage: 50 }]])(
    "within %j leave their records in the result",
    async (fields) => {
      const done = await run(fields);
      const refused = { Status: "FAILED", Error: "Refused" };
      expect(output(done)).toMatchObject([{ n: 0 }, refused, { n: 2 }, refused]);
      const { itemCounts } = await bench.mapRun(done.executionArn);
      expect(itemCounts).toMatchObject({ total: 4, succeeded: 2, failed: 2, pending: 0 });
    },
  );

  test("a redrive runs only what had not succeeded, from where it failed", async () => {
    const failed = await run({});
    expect(calls.map(({ n }) => n)).toEqual([0, 1]);
    const before = await bench.mapRun(failed.executionArn);
    expect(before.itemCounts).toMatchObject({ succeeded: 1, failed: 1, pending: 2 });
    calls.length = 0;
    // The inputs are those of the first attempt, so the function must change its mind.
    bench.kernel.register(fakeLambda((payload) => calls.push(payload) && payload));
    await bench.api("RedriveExecution", { executionArn: failed.executionArn });
    expect(await bench.ended(failed.executionArn)).toMatchObject({ status: "SUCCEEDED" });
    expect(calls.map(({ n }) => n)).toEqual([1, 2, 3]);
    const after = await bench.mapRun(failed.executionArn);
    expect(after).toMatchObject({ mapRunArn: before.mapRunArn, redriveCount: 1, itemCounts: { succeeded: 4 } });
    expect(bench.types(failed.executionArn)).toContain("MapRunRedriven");
    const { executions } = await bench.api("ListExecutions", { mapRunArn: before.mapRunArn });
    expect(executions.map(({ redriveCount }: { redriveCount: number }) => redriveCount)).toEqual([0, 0, 1, 0]);
  });

  test("a retry of the state makes a new Map Run", async () => {
    const Retry = [{ ErrorEquals: ["States.ExceedToleratedFailureThreshold"], MaxAttempts: 1 }];
    const failed = await run({ Retry });
    const { mapRuns } = await bench.api("ListMapRuns", { executionArn: failed.executionArn });
    expect(mapRuns).toHaveLength(2);
  });
});

test("the result writer leaves a manifest and the results by their end", async () => {
  const items = [{ n: 0 }, { n: 1, fail: true }, { n: 2 }];
  const fields = { ResultWriter: WRITER, MaxConcurrency: 1 };
  const failed = await bench.run(only(distributed(CALL, fields)), items);
  expect(failed.error).toBe("States.ExceedToleratedFailureThreshold");
  const [manifestKey = ""] = (await bench.keys("out/")).filter((key) => key.endsWith("/manifest.json"));
  const { mapRunArn } = await bench.mapRun(failed.executionArn);
  const manifest = JSON.parse(await bench.text(manifestKey));
  expect(manifest).toMatchObject({ DestinationBucket: BUCKET, MapRunArn: mapRunArn });
  const file = async (group: string) => {
    const [{ Key, Size }] = manifest.ResultFiles[group];
    const text = await bench.text(Key);
    expect(Size).toBe(Buffer.byteLength(text));
    return JSON.parse(text);
  };
  expect(await file("SUCCEEDED")).toMatchObject([{ Status: "SUCCEEDED", Input: '{"n":0}', Output: '{"n":0}' }]);
  expect(await file("FAILED")).toMatchObject([{ Status: "FAILED", Error: "Refused" }]);
  expect(await file("PENDING")).toEqual([{ Input: '{"n":2}', InputDetails: { Included: true }, Status: "PENDING" }]);

  bench.kernel.register(fakeLambda((payload) => payload));
  await bench.api("RedriveExecution", { executionArn: failed.executionArn });
  const result = output(await bench.ended(failed.executionArn));
  const id = mapRunArn.split(":").at(-1);
  expect(result).toEqual({
    MapRunArn: mapRunArn,
    ResultWriterDetails: { Bucket: BUCKET, Key: `out/${id}/Redrive-1/manifest.json` },
  });
  const { ResultFiles } = JSON.parse(await bench.text(result.ResultWriterDetails.Key));
  expect(ResultFiles.FAILED).toEqual([]);
  const keys: string[] = ResultFiles.SUCCEEDED.map(({ Key }: { Key: string }) => Key);
  expect(keys).toEqual([`out/${id}/SUCCEEDED_0.json`, `out/${id}/Redrive-1/SUCCEEDED_0.json`]);
  expect(await bench.mapRun(failed.executionArn)).toMatchObject({ itemCounts: { resultsWritten: 3 } });
});

test.each([
  ["NONE", "JSON", [{ Status: "SUCCEEDED", Output: "[1,2]" }, { Output: "3" }]],
  ["COMPACT", "JSON", [[1, 2], 3]],
  ["FLATTEN", "JSON", [1, 2, 3]],
  ["FLATTEN", "JSONL", "1\n2\n3"],
])("without a bucket the writer shapes the output: %s %s", async (Transformation, OutputType, expected) => {
  const ResultWriter = { WriterConfig: { Transformation, OutputType } };
  const result = output(await bench.run(only(distributed(PASS, { ResultWriter })), [[1, 2], 3]));
  if (typeof expected === "string") expect(result).toBe(expected);
  else expect(result).toMatchObject(expected);
});

test("results above 256 KiB need a writer", async () => {
  const run = await bench.run(
    only(distributed(PASS)),
    Array.from({ length: 3 }, () => "x".repeat(80_000)),
  );
  expect(run.status).toBe("SUCCEEDED");
  const grown = only({ Type: "Pass", Output: "{% $pad('x', 60000) %}" }, "Grow");
  const large = await bench.run(only(distributed(grown)), [1, 2, 3, 4, 5]);
  expect(large).toMatchObject({ status: "FAILED", error: "States.DataLimitExceeded" });
});

test("the SDK's own clients see it all", async () => {
  const { sfn, s3, gateway } = await clients(bench);
  await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: "in/ids.csv", Body: "id\n1\n2\n3\n" }));
  const reader = objectReader("in/ids.csv", { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" });
  const map = distributed(PASS, { ItemReader: reader, ResultWriter: WRITER, ItemBatcher: { MaxItemsPerBatch: 2 } });
  const definition = JSON.stringify({ QueryLanguage: "JSONata", ...only(map) });
  const created = await sfn.send(new CreateStateMachineCommand({ name: "sdk", definition, roleArn: ROLE }));
  const { stateMachineArn } = created;
  const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn }));
  const done = await bench.ended(String(executionArn));
  const { Key } = JSON.parse(done.output).ResultWriterDetails;
  const manifest = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
  expect(JSON.parse((await manifest.Body?.transformToString()) ?? "").ResultFiles.SUCCEEDED).toHaveLength(1);
  const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn }));
  const mapRunArn = mapRuns[0]?.mapRunArn;
  const described = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
  expect(described).toMatchObject({ itemCounts: { succeeded: 3, resultsWritten: 3 }, startDate: expect.any(Date) });
  const { executions = [] } = await sfn.send(new ListExecutionsCommand({ mapRunArn }));
  const [child] = executions;
  expect(await sfn.send(new DescribeExecutionCommand({ executionArn: child?.executionArn }))).toMatchObject({
    mapRunArn,
  });
  const { events = [] } = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
  expect(events.find(({ type }) => type === "MapRunStarted")?.mapRunStartedEventDetails).toEqual({ mapRunArn });
  sfn.destroy();
  s3.destroy();
  await gateway.close();
});
