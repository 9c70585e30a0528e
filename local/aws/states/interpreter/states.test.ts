import { describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../json.ts";
import { bench, only } from "../testing.ts";

describe("Pass", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-pass.html
  test("passes its input, or its output", async () => {
    const { sync } = bench();
    expect((await sync(only({ Type: "Pass" }), { a: 1 })).output).toBe('{"a":1}');
    const output = { sum: "{% $states.input.a + 1 %}", fixed: "{% not" };
    expect(JSON.parse((await sync(only({ Type: "Pass", Output: output }), { a: 1 })).output)).toEqual({
      sum: 2,
      fixed: "{% not",
    });
  });

  test("fails with the place of the expression", async () => {
    const { run, history } = bench();
    const result = await run(only({ Type: "Pass", Output: { result: "{% $states.input.none %}" } }));
    const cause =
      "An error occurred while executing the state 'Only' (entered at the event id #2). The JSONata expression " +
      "'$states.input.none' specified for the field 'Output/result' returned nothing (undefined).";
    expect(result).toMatchObject({ status: "FAILED", error: "States.QueryEvaluationError", cause });
    expect(history(result.executionArn)[2]).toMatchObject({
      type: "EvaluationFailed",
      previousEventId: 2,
      evaluationFailedEventDetails: {
        error: "States.QueryEvaluationError",
        cause,
        location: "Output/result",
        state: "Only",
      },
    });
  });

  test("may give 256 KiB and not more", async () => {
    const { sync } = bench();
    const result = await sync(only({ Type: "Pass", Output: "{% $join($range(1, 900, 1).($pad('', 300, 'x'))) %}" }));
    expect(result).toMatchObject({
      status: "FAILED",
      error: "States.DataLimitExceeded",
      cause: "The state/task 'Only' returned a result with a size exceeding the maximum number of bytes service limit.",
    });
  });
});

describe("Choice", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
  const machine = (extra: JsonObject = {}) => ({
    StartAt: "Pick",
    States: {
      Pick: {
        Type: "Choice",
        Choices: [
          { Condition: "{% $states.input.n > 10 %}", Next: "End", Output: "big", Assign: { by: "rule" } },
          { Condition: "{% $states.input.n > 5 %}", Next: "End" },
        ],
        ...extra,
      },
      End: { Type: "Pass", Output: ["{% $states.input %}", "{% $exists($by) ? $by : 'none' %}"], End: true },
    },
  });

  test("takes the first rule that holds, with that rule's output and variables", async () => {
    const { sync } = bench();
    expect((await sync(machine(), { n: 11 })).output).toBe('["big","rule"]');
    expect((await sync(machine(), { n: 6 })).output).toBe('[{"n":6},"none"]');
  });

  test("falls back to Default with the output of the state", async () => {
    const { sync } = bench();
    const fallback = machine({ Default: "End", Output: "fallback", Assign: { by: "state" } });
    expect((await sync(fallback, { n: 1 })).output).toBe('["fallback","state"]');
    expect((await sync(fallback, { n: 6 })).output).toBe('[{"n":6},"none"]');
  });

  test("fails without a match", async () => {
    const { sync } = bench();
    expect(await sync(machine(), { n: 1 })).toMatchObject({ status: "FAILED", error: "States.NoChoiceMatched" });
  });

  test("a condition must be a boolean", async () => {
    const { sync } = bench();
    const result = await sync(
      {
        StartAt: "Pick",
        States: {
          Pick: { Type: "Choice", Choices: [{ Condition: "{% $states.input.n %}", Next: "End" }] },
          End: { Type: "Succeed" },
        },
      },
      { n: 1 },
    );
    expect(result.error).toBe("States.QueryEvaluationError");
    expect(result.cause).toContain("Expected 'boolean', but was 'number' for value: 1");
  });
});

describe("Wait", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
  test("waits for scaled seconds", async () => {
    const { sync, kernel } = bench([], { scale: 10_000 });
    const began = Date.now();
    const result = await sync(only({ Type: "Wait", Seconds: "{% $states.input.s %}" }), { s: 200 });
    expect(result.status).toBe("SUCCEEDED");
    expect(kernel.clock.elapsed(began)).toBeGreaterThanOrEqual(190_000);
  });

  test("waits until a time, and not at all for one that has passed", async () => {
    const { sync } = bench();
    const at = new Date(Date.now() + 5000).toISOString();
    expect(await sync(only({ Type: "Wait", Timestamp: "{% $states.input %}" }), at)).toMatchObject({
      status: "SUCCEEDED",
    });
    expect(await sync(only({ Type: "Wait", Timestamp: "2020-01-01T00:00:00Z" }))).toMatchObject({
      status: "SUCCEEDED",
    });
  });

  test.each([
    [{ Seconds: "{% 'x' %}" }, "Expected 'number', but was 'string' for value: \"x\""],
    [{ Timestamp: "{% '2020-01-01' %}" }, "cannot be parsed as an ISO-8601 extended offset date-time"],
    [{ Seconds: "{% -1 %}" }, "must be at least 0"],
  ])("%j is refused", async (fields, problem) => {
    const { sync } = bench();
    const result = await sync(only({ Type: "Wait", ...fields }));
    expect(result.error).toBe("States.QueryEvaluationError");
    expect(result.cause).toContain(problem);
  });
});

describe("Succeed and Fail", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html
  test("Fail evaluates its error and cause, and has no exit", async () => {
    const { run, types } = bench();
    const result = await run(
      {
        StartAt: "No",
        States: { No: { Type: "Fail", Error: "{% 'My' & 'Error' %}", Cause: "{% $states.input.why %}" } },
      },
      { why: "because" },
    );
    expect(result).toMatchObject({ status: "FAILED", error: "MyError", cause: "because" });
    expect(types(result.executionArn)).toEqual(["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]);
  });

  test("Succeed ends with its output", async () => {
    const { sync } = bench();
    const result = await sync({ StartAt: "Yes", States: { Yes: { Type: "Succeed", Output: { ok: true } } } });
    expect(result).toMatchObject({ status: "SUCCEEDED", output: '{"ok":true}' });
  });
});

describe("context object", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
  test("tells the execution, the machine and the state; only STANDARD counts redrives", async () => {
    const { run, sync } = bench();
    const definition = only({ Type: "Pass", Output: "{% $states.context %}" });
    const standard = await run(definition, { a: 1 });
    expect(JSON.parse(standard.output)).toEqual({
      Execution: {
        Id: standard.executionArn,
        Input: { a: 1 },
        Name: standard.name,
        RoleArn: "arn:aws:iam::123456789012:role/flow",
        StartTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        RedriveCount: 0,
      },
      StateMachine: { Id: standard.stateMachineArn, Name: "machine-1" },
      State: { Name: "Only", EnteredTime: expect.any(String) },
    });
    expect(JSON.parse((await sync(definition)).output).Execution).not.toHaveProperty("RedriveCount");
  });
});
