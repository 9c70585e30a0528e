import { describe, expect, test } from "@jest/globals";
import { rememberedExecutions } from "../index.ts";
import { bench, FunctionFailure, fakeLambda, INVOKE, only, ROLE } from "../testing.ts";

const pass = only({ Type: "Pass" });
const text = (definition: object) => JSON.stringify({ QueryLanguage: "JSONata", ...definition });
const NONE = "arn:aws:states:us-east-1:123456789012:stateMachine:none";

describe("state machines", () => {
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
  test("the same creation again is the same machine, another one is refused", async () => {
    const { api } = bench();
    const input = { name: "m", definition: text(pass), roleArn: ROLE };
    const first = await api("CreateStateMachine", input);
    expect(first.stateMachineArn).toBe("arn:aws:states:us-east-1:123456789012:stateMachine:m");
    expect(await api("CreateStateMachine", input)).toEqual(first);
    await expect(api("CreateStateMachine", { ...input, type: "EXPRESS" })).rejects.toMatchObject({
      code: "StateMachineAlreadyExists",
      message: `State Machine Already Exists: '${first.stateMachineArn}'`,
    });
  });

  test.each(["", "a b", "a/b", "a*", "x".repeat(81), "a\u0001"])("the name %j is refused", async (name) => {
    const code = name === "" ? "ValidationException" : "InvalidName";
    await expect(
      bench().api("CreateStateMachine", { name, definition: text(pass), roleArn: ROLE }),
    ).rejects.toMatchObject({ code });
  });

  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
  test("an update leaves running executions on their revision", async () => {
    const { api, machine, ended, states } = bench([], { scale: 100 });
    const stateMachineArn = await machine(only({ Type: "Wait", Seconds: 5, Output: "old" }));
    const { executionArn } = await api("StartExecution", { stateMachineArn });
    const definition = text(only({ Type: "Pass", Output: "new" }));
    const { revisionId } = await api("UpdateStateMachine", { stateMachineArn, definition });
    expect(await api("DescribeStateMachine", { stateMachineArn })).toMatchObject({
      definition,
      revisionId,
      status: "ACTIVE",
    });
    expect((await api("DescribeStateMachineForExecution", { executionArn })).definition).toContain("old");
    expect(await ended(executionArn)).toMatchObject({ output: '"old"' });
    await expect(api("UpdateStateMachine", { stateMachineArn })).rejects.toMatchObject({
      code: "MissingRequiredParameter",
    });
    await states.stop?.();
  });

  test("a deleted machine is gone, with what ran of it", async () => {
    const { api, machine, ended } = bench([], { scale: 1 });
    const stateMachineArn = await machine(only({ Type: "Wait", Seconds: 1000 }));
    const { executionArn } = await api("StartExecution", { stateMachineArn });
    expect(await api("DeleteStateMachine", { stateMachineArn })).toEqual({});
    expect(await ended(executionArn)).toMatchObject({ status: "ABORTED" });
    await expect(api("StartExecution", { stateMachineArn })).rejects.toMatchObject({
      code: "StateMachineDoesNotExist",
      message: `State Machine Does Not Exist: '${stateMachineArn}'`,
    });
    expect(await api("DeleteStateMachine", { stateMachineArn })).toEqual({});
  });

  test("lists come in pages", async () => {
    const { api, machine } = bench();
    for (const name of ["a", "b", "c"]) await machine(pass, { name });
    const first = await api("ListStateMachines", { maxResults: 2 });
    const second = await api("ListStateMachines", { maxResults: 2, nextToken: first.nextToken });
    const names = [...first.stateMachines, ...second.stateMachines].map(({ name }: { name: string }) => name);
    expect(names).toEqual(["a", "b", "c"]);
    expect(second.nextToken).toBeUndefined();
  });

  test("tags", async () => {
    const { api, machine } = bench();
    const resourceArn = await machine(pass, { tags: [{ key: "a", value: "1" }] });
    await api("TagResource", { resourceArn, tags: [{ key: "b", value: "2" }] });
    await api("UntagResource", { resourceArn, tagKeys: ["a"] });
    expect(await api("ListTagsForResource", { resourceArn })).toEqual({ tags: [{ key: "b", value: "2" }] });
    await expect(api("ListTagsForResource", { resourceArn: NONE })).rejects.toMatchObject({ code: "ResourceNotFound" });
  });
});

describe("StartExecution", () => {
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
  test("the same name and input is the same execution only while it runs", async () => {
    const { api, machine } = bench([], { scale: 1 });
    const stateMachineArn = await machine(only({ Type: "Wait", Seconds: 1000 }));
    const input = { stateMachineArn, name: "n", input: '{"a":1}' };
    const first = await api("StartExecution", input);
    expect(first.executionArn).toMatch(/:execution:machine-1:n$/);
    expect(await api("StartExecution", input)).toEqual(first);
    const exists = { code: "ExecutionAlreadyExists", message: `Execution Already Exists: '${first.executionArn}'` };
    await expect(api("StartExecution", { ...input, input: "{}" })).rejects.toMatchObject(exists);
    await api("StopExecution", { executionArn: first.executionArn });
    await expect(api("StartExecution", input)).rejects.toMatchObject(exists);
  });

  test("EXPRESS starts anew each time", async () => {
    const { api, machine } = bench();
    const stateMachineArn = await machine(pass, { type: "EXPRESS" });
    const first = await api("StartExecution", { stateMachineArn, name: "n" });
    const second = await api("StartExecution", { stateMachineArn, name: "n" });
    expect(first.executionArn).toMatch(/:express:machine-1:n:[0-9a-f-]{36}$/);
    expect(second.executionArn).not.toBe(first.executionArn);
  });

  test.each([
    [{ input: "{" }, "InvalidExecutionInput"],
    [{ input: JSON.stringify("x".repeat(262_144)) }, "ValidationException"],
    [{ name: "a b" }, "InvalidName"],
    [{ stateMachineArn: "nonsense" }, "InvalidArn"],
    [{ stateMachineArn: undefined }, "ValidationException"],
  ])("refuses %p", async (extra, code) => {
    const { api, machine } = bench();
    const stateMachineArn = await machine(pass);
    await expect(api("StartExecution", { stateMachineArn, ...extra })).rejects.toMatchObject({ code });
  });
});

describe("EXPRESS", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
  test("StartSyncExecution always answers, with what it would cost", async () => {
    const { sync } = bench();
    const done = await sync(pass, { a: 1 });
    expect(done).toMatchObject({
      status: "SUCCEEDED",
      input: '{"a":1}',
      inputDetails: { included: true },
      output: '{"a":1}',
      outputDetails: { included: true },
      billingDetails: { billedDurationInMilliseconds: expect.any(Number), billedMemoryUsedInMB: 64 },
    });
    expect(done.billingDetails.billedDurationInMilliseconds % 100).toBe(0);
    const failed = await sync({ StartAt: "No", States: { No: { Type: "Fail", Error: "E", Cause: "C" } } });
    expect(failed).toMatchObject({ status: "FAILED", error: "E", cause: "C", outputDetails: { included: true } });
    expect(failed).not.toHaveProperty("output");
  });

  test("is hidden from the calls for STANDARD, but remembered in the process", async () => {
    const { api, sync, machine, states } = bench();
    const { executionArn, stateMachineArn } = await sync(pass);
    for (const operation of ["DescribeExecution", "StopExecution", "GetExecutionHistory"])
      await expect(api(operation, { executionArn })).rejects.toMatchObject({
        code: "InvalidArn",
        message: "Invalid Arn: 'Resource type not valid in this context: express'",
      });
    const unsupported = {
      code: "StateMachineTypeNotSupported",
      message: "This operation is not supported by this type of state machine",
    };
    await expect(api("ListExecutions", { stateMachineArn })).rejects.toMatchObject(unsupported);
    const standard = await machine(pass);
    await expect(api("StartSyncExecution", { stateMachineArn: standard })).rejects.toMatchObject(unsupported);
    expect(rememberedExecutions(states)).toMatchObject([{ arn: executionArn, type: "EXPRESS", status: "SUCCEEDED" }]);
  });
});

describe("executions", () => {
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
  test("are described with their times in seconds and their chance of a redrive", async () => {
    const { run } = bench();
    const result = await run(pass);
    expect(result).toMatchObject({
      status: "SUCCEEDED",
      redriveCount: 0,
      redriveStatus: "NOT_REDRIVABLE",
      redriveStatusReason: "Execution is SUCCEEDED and cannot be redriven",
    });
    expect(Math.abs(result.startDate - Date.now() / 1000)).toBeLessThan(60);
    await expect(bench().api("DescribeExecution", { executionArn: `${NONE}:x` })).rejects.toMatchObject({
      code: "ExecutionDoesNotExist",
    });
  });

  test("are listed newest first, by status", async () => {
    const { api, machine, ended } = bench();
    const stateMachineArn = await machine({
      StartAt: "C",
      States: {
        C: { Type: "Choice", Choices: [{ Condition: "{% $states.input %}", Next: "Y" }], Default: "N" },
        Y: { Type: "Succeed" },
        N: { Type: "Fail" },
      },
    });
    for (const [name, input] of [
      ["a", "true"],
      ["b", "false"],
      ["c", "true"],
    ])
      await ended((await api("StartExecution", { stateMachineArn, name, input })).executionArn);
    const names = async (filter: object) =>
      (await api("ListExecutions", { stateMachineArn, ...filter })).executions.map(
        ({ name }: { name: string }) => name,
      );
    expect(await names({})).toEqual(["c", "b", "a"]);
    expect(await names({ statusFilter: "FAILED" })).toEqual(["b"]);
  });

  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
  test("have a history in pages, in either order, with or without data", async () => {
    const { api, run } = bench();
    const { executionArn } = await run(pass, { a: 1 });
    const all = await api("GetExecutionHistory", { executionArn });
    expect(
      all.events.map(({ id, previousEventId, type }: Record<string, unknown>) => [id, previousEventId, type]),
    ).toEqual([
      [1, 0, "ExecutionStarted"],
      [2, 0, "PassStateEntered"],
      [3, 2, "PassStateExited"],
      [4, 3, "ExecutionSucceeded"],
    ]);
    expect(all.events[0].executionStartedEventDetails).toEqual({
      input: '{"a":1}',
      inputDetails: { truncated: false },
      roleArn: ROLE,
    });
    const reverse = await api("GetExecutionHistory", { executionArn, reverseOrder: true, maxResults: 3 });
    expect(reverse.events.map(({ id }: { id: number }) => id)).toEqual([4, 3, 2]);
    const rest = await api("GetExecutionHistory", {
      executionArn,
      reverseOrder: true,
      maxResults: 3,
      nextToken: reverse.nextToken,
    });
    expect(rest.events.map(({ id }: { id: number }) => id)).toEqual([1]);
    const bare = await api("GetExecutionHistory", { executionArn, includeExecutionData: false });
    expect(bare.events[1].stateEnteredEventDetails).toEqual({ name: "Only" });
    await expect(api("GetExecutionHistory", { executionArn, nextToken: "x" })).rejects.toMatchObject({
      code: "InvalidToken",
    });
  });
});

describe("RedriveExecution", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
  test("goes on at the failed state, with finished branches kept", async () => {
    let healthy = false;
    const calls: string[] = [];
    const { api, run, ended, types } = bench([
      fakeLambda((_payload, name) => {
        calls.push(name);
        if (name === "second" && !healthy) throw new FunctionFailure("Down");
        return name;
      }),
    ]);
    const call = (FunctionName: string) => ({
      Type: "Task",
      Resource: INVOKE,
      Arguments: { FunctionName },
      Output: "{% $states.result.Payload %}",
    });
    const failed = await run({
      StartAt: "Both",
      States: {
        Both: {
          Type: "Parallel",
          Branches: [
            only(call("first"), "First"),
            {
              StartAt: "Pause",
              States: {
                Pause: { Type: "Wait", Seconds: 60, Next: "Second" },
                Second: { ...call("second"), End: true },
              },
            },
          ],
          End: true,
        },
      },
    });
    expect(failed).toMatchObject({ status: "FAILED", error: "Down", redriveStatus: "REDRIVABLE" });
    healthy = true;
    const { executionArn } = failed;
    await api("RedriveExecution", { executionArn });
    expect(await ended(executionArn)).toMatchObject({
      status: "SUCCEEDED",
      output: '["first","second"]',
      redriveCount: 1,
    });
    expect(calls).toEqual(["first", "second", "second"]);
    expect(types(executionArn)).toContain("ExecutionRedriven");
    await expect(api("RedriveExecution", { executionArn })).rejects.toMatchObject({ code: "ExecutionNotRedrivable" });
  });

  const fails = { StartAt: "Fail", States: { Fail: { Type: "Fail", Error: "Down" } } };

  test("is over 14 days after the end", async () => {
    const { api, run, kernel } = bench([], { scale: 10_000_000 });
    const { executionArn } = await run(fails);
    await kernel.clock.sleep(15 * 24 * 3600 * 1000);
    await expect(api("RedriveExecution", { executionArn })).rejects.toMatchObject({ code: "ExecutionNotRedrivable" });
    expect(await api("DescribeExecution", { executionArn })).toMatchObject({ redriveStatus: "NOT_REDRIVABLE" });
  });

  test("works a thousand times", async () => {
    const { api, run, ended } = bench();
    const { executionArn } = await run(fails);
    for (let n = 1; n <= 1_000; n += 1) {
      await api("RedriveExecution", { executionArn });
      await ended(executionArn);
    }
    await expect(api("RedriveExecution", { executionArn })).rejects.toMatchObject({ code: "ExecutionNotRedrivable" });
  });
});
