import { describe, expect, test } from "@jest/globals";
import type { SegmentDocument } from "../kernel/service.ts";
import { parseTraceHeader } from "../kernel/trace.ts";
import { bench, FunctionFailure, fakeService, INVOKE, only } from "./testing.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
const ROOT = "1-67000000-000000000000000000000001";
const PARENT = "00000000000000aa";
const header = (sampled: 0 | 1) => `Root=${ROOT};Parent=${PARENT};Sampled=${sampled}`;
const traced = { tracingConfiguration: { enabled: true } };
const task = { Type: "Task", Resource: INVOKE, Arguments: { FunctionName: "fn" } };

function tracedBench(answer: () => unknown = () => ({ StatusCode: 200, Payload: "null" })) {
  const headers: (string | undefined)[] = [];
  const self = bench([
    fakeService("lambda", {
      Invoke(_input, { traceHeader }) {
        headers.push(traceHeader);
        return answer();
      },
    }),
  ]);
  return { ...self, headers };
}

/** The newest document of each id; nothing may hang in the air. */
function tree(segments: readonly SegmentDocument[], outside: readonly string[] = []) {
  const latest = new Map(segments.map((segment) => [segment.id, segment]));
  for (const { parent_id } of segments)
    if (parent_id && !outside.includes(parent_id)) expect(latest.has(parent_id)).toBe(true);
  return [...latest.values()];
}

describe("traces", () => {
  test("tracing off and no header: no segments, no header", async () => {
    const { run, segments, headers } = tracedBench();
    await run(only(task));
    expect([segments, headers]).toEqual([[], [undefined]]);
  });

  test("tracing on: a new trace of the machine, the state and the call, and the call carries it", async () => {
    const { run, segments, headers } = tracedBench();
    await run(only(task), {}, traced);
    const [machine, state, call] = tree(segments);
    expect(machine).toMatchObject({ name: "machine-1", origin: "AWS::StepFunctions::StateMachine" });
    expect(machine).not.toHaveProperty("parent_id");
    expect(state).toMatchObject({ name: "Only", type: "subsegment", parent_id: machine?.id });
    expect(call).toMatchObject({
      name: "Lambda",
      namespace: "aws",
      parent_id: state?.id,
      aws: { operation: "Invoke", function_name: "fn" },
      http: { response: { status: 200 } },
    });
    expect(parseTraceHeader(headers[0])).toEqual({ root: machine?.trace_id, parent: call?.id, sampled: true });
    for (const segment of [machine, state, call]) expect(segment).toMatchObject({ end_time: expect.any(Number) });
  });

  test("an incoming header is continued even with tracing off; that of the call wins", async () => {
    const { api, machine, segments, ended } = tracedBench();
    const stateMachineArn = await machine(only(task));
    const other = "Root=1-67000000-000000000000000000000002;Sampled=1";
    const { executionArn } = await api("StartExecution", { stateMachineArn, traceHeader: other }, header(1));
    expect((await ended(executionArn)).traceHeader).toBe(header(1));
    expect(tree(segments, [PARENT])[0]).toMatchObject({ trace_id: ROOT, parent_id: PARENT });
    const second = await api("StartExecution", { stateMachineArn, traceHeader: other });
    await ended(second.executionArn);
    expect(segments.at(-1)?.trace_id).toBe("1-67000000-000000000000000000000002");
  });

  test("an unsampled trace is handed on without segments", async () => {
    const { api, machine, segments, headers, ended } = tracedBench();
    const stateMachineArn = await machine(only(task), traced);
    await ended((await api("StartExecution", { stateMachineArn }, header(0))).executionArn);
    expect(segments).toEqual([]);
    expect(parseTraceHeader(headers[0])).toMatchObject({ root: ROOT, sampled: false });
  });

  test("a failure is a fault with its cause, on the state and on the machine", async () => {
    const { run, segments } = tracedBench(() => {
      const Payload = JSON.stringify({ errorType: "Bad", errorMessage: "why" });
      return { StatusCode: 200, FunctionError: "Unhandled", Payload };
    });
    await run(only({ ...task, Retry: [{ ErrorEquals: ["Bad"], MaxAttempts: 1 }] }), {}, traced);
    const [machine, state, ...calls] = tree(segments);
    for (const segment of [machine, state])
      expect(segment).toMatchObject({ fault: true, cause: { exceptions: [{ type: "Bad" }] } });
    expect(calls.map(({ parent_id }) => parent_id)).toEqual([state?.id, state?.id]);
  });

  test("a failed call is an error of the call", async () => {
    const { run, segments } = tracedBench(() => {
      throw new FunctionFailure("Broken");
    });
    expect(await run(only(task), {}, traced)).toMatchObject({ status: "FAILED", error: "States.Runtime" });
    expect(tree(segments).find(({ name }) => name === "Lambda")).toMatchObject({ fault: true });
  });

  test("states of branches and iterations hang below their Parallel and Map; a timed-out machine is closed", async () => {
    const { run, segments } = tracedBench(() => new Promise(() => undefined));
    const branch = only({ Type: "Map", Items: [1, 2], ItemProcessor: only(task, "Inner") }, "Each");
    const definition = { ...only({ Type: "Parallel", Branches: [branch] }, "Both"), TimeoutSeconds: 1 };
    expect(await run(definition, {}, traced)).toMatchObject({ status: "TIMED_OUT" });
    const documents = tree(segments);
    const named = (name: string) => documents.filter((document) => document.name === name);
    expect(named("machine-1")[0]).toMatchObject({ fault: true, end_time: expect.any(Number) });
    expect(named("Each")[0]?.parent_id).toBe(named("Both")[0]?.id);
    expect(named("Inner").map(({ parent_id }) => parent_id)).toEqual([named("Each")[0]?.id, named("Each")[0]?.id]);
  });
});
