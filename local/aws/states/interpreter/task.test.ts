import { describe, expect, test } from "@jest/globals";
import { AwsError } from "../../kernel/errors.ts";
import type { JsonObject } from "../json.ts";
import { bench, FunctionFailure, fakeLambda, fakeService, functionArn, INVOKE, only } from "../testing.ts";

const task = (extra: JsonObject = {}): JsonObject => ({
  Type: "Task",
  Resource: INVOKE,
  Arguments: { FunctionName: "fn", Payload: "{% $states.input %}" },
  ...extra,
});
const never = () => new Promise(() => undefined);

describe("Task", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
  test("lambda:invoke gives the payload among the metadata of the call", async () => {
    const { sync } = bench([fakeLambda((payload) => ({ got: payload }))]);
    const result = JSON.parse((await sync(only(task()), { a: 1 })).output);
    expect(result).toMatchObject({
      ExecutedVersion: "$LATEST",
      Payload: { got: { a: 1 } },
      SdkHttpMetadata: { HttpStatusCode: 200, HttpHeaders: { "Content-Type": "application/json" } },
      StatusCode: 200,
    });
    expect(result.SdkResponseMetadata.RequestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("a function's ARN gives the payload itself, with events of its own", async () => {
    const { run, types } = bench([fakeLambda((payload, name) => ({ payload, name }))]);
    const Resource = functionArn("direct");
    const result = await run(only({ Type: "Task", Resource, Output: "{% $states.result.payload.a %}" }), { a: 1 });
    expect(result.output).toBe("1");
    expect(types(result.executionArn).slice(2, 5)).toEqual([
      "LambdaFunctionScheduled",
      "LambdaFunctionStarted",
      "LambdaFunctionSucceeded",
    ]);
  });

  // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
  test("a function's error has the name of its type and the payload as cause", async () => {
    const { run } = bench([
      fakeLambda(() => {
        throw new FunctionFailure("RejectedByTargetError", "no such plan");
      }),
    ]);
    const result = await run(only(task()));
    expect(result).toMatchObject({ status: "FAILED", error: "RejectedByTargetError" });
    expect(JSON.parse(result.cause)).toMatchObject({
      errorType: "RejectedByTargetError",
      errorMessage: "no such plan",
    });
  });

  test("a payload without a type is Lambda.Unknown", async () => {
    const lambda = fakeService("lambda", {
      Invoke: () => ({ StatusCode: 200, FunctionError: "Unhandled", Payload: '{"errorMessage":"Task timed out"}' }),
    });
    expect((await bench([lambda]).run(only(task()))).error).toBe("Lambda.Unknown");
  });

  test.each<[AwsError, string, string]>([
    [
      new AwsError("ResourceNotFoundException", "Function not found: x", { status: 404 }),
      "Lambda.ResourceNotFoundException",
      "Function not found: x (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ",
    ],
    [
      new AwsError("TooManyRequestsException", "Rate Exceeded.", { status: 429 }),
      "Lambda.TooManyRequestsException",
      "429",
    ],
    [new AwsError("ServiceException", "Broken", { status: 500 }), "Lambda.ServiceException", "500"],
    [
      new AwsError(
        "AccessDeniedException",
        "User: x is not authorized to perform: lambda:InvokeFunction on resource: y",
      ),
      "Lambda.AWSLambdaException",
      "lambda:InvokeFunction on resource: y (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException",
    ],
  ])("%s of the service", async (error, name, cause) => {
    const lambda = fakeService("lambda", {
      Invoke: () => {
        throw error;
      },
    });
    const result = await bench([lambda]).run(only(task()));
    expect(result.error).toBe(name);
    expect(result.cause).toContain(cause);
  });

  test("a result above 256 KiB is States.DataLimitExceeded of 'lambda', and can be caught", async () => {
    const { run } = bench([fakeLambda(() => "x".repeat(270_000))]);
    const result = await run({
      StartAt: "Call",
      States: {
        Call: { ...task(), Next: "End", Catch: [{ ErrorEquals: ["States.ALL"], Next: "End" }] },
        End: { Type: "Succeed" },
      },
    });
    expect(JSON.parse(result.output)).toMatchObject({
      Error: "States.DataLimitExceeded",
      Cause: expect.stringContaining("The state/task 'lambda' returned a result with a size exceeding"),
    });
  });

  test("missing and unknown arguments cannot be caught", async () => {
    const { sync } = bench([fakeLambda(() => null)]);
    const caught = { Catch: [{ ErrorEquals: ["States.ALL"], Next: "End" }], Next: "End" };
    const machine = (Arguments: JsonObject) => ({
      StartAt: "Call",
      States: { Call: { ...task({ Arguments }), ...caught }, End: { Type: "Succeed" } },
    });
    expect(await sync(machine({}))).toMatchObject({
      error: "States.Runtime",
      cause: expect.stringContaining("FunctionName"),
    });
    expect(await sync(machine({ FunctionName: "f", Payloat: 1 }))).toMatchObject({
      error: "States.Runtime",
      cause: expect.stringContaining("Payloat"),
    });
  });
});

describe("time limits", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
  test("TimeoutSeconds may be an expression; the event has no cause, the call goes on", async () => {
    const { run, history } = bench([fakeLambda(never)]);
    const result = await run(only(task({ TimeoutSeconds: "{% $states.input.limit %}" })), { limit: 1 });
    expect(result).toMatchObject({ status: "FAILED", error: "States.Timeout" });
    expect(result.cause).toBeUndefined();
    expect(history(result.executionArn).slice(2, 5)).toMatchObject([
      { type: "TaskScheduled", taskScheduledEventDetails: { timeoutInSeconds: 1 } },
      { type: "TaskStarted" },
      {
        type: "TaskTimedOut",
        taskTimedOutEventDetails: { error: "States.Timeout", resource: "invoke", resourceType: "lambda" },
      },
    ]);
  });

  test("a caught timeout has an empty cause", async () => {
    const { run } = bench([fakeLambda(never)]);
    const result = await run({
      StartAt: "Call",
      States: {
        Call: {
          ...task({ TimeoutSeconds: 1 }),
          Next: "End",
          Catch: [{ ErrorEquals: ["States.Timeout"], Next: "End" }],
        },
        End: { Type: "Succeed" },
      },
    });
    expect(JSON.parse(result.output)).toEqual({ Error: "States.Timeout", Cause: "" });
  });

  test("the machine's TimeoutSeconds ends the execution as TIMED_OUT", async () => {
    const { run, types } = bench([fakeLambda(never)]);
    const result = await run({ ...only(task()), TimeoutSeconds: 1 });
    expect(result).toMatchObject({ status: "TIMED_OUT", redriveStatus: "REDRIVABLE" });
    expect(types(result.executionArn).at(-1)).toBe("ExecutionTimedOut");
  });

  test("a machine that loops without waiting is ended too", async () => {
    const { sync } = bench();
    const loop = {
      TimeoutSeconds: 1,
      StartAt: "A",
      States: {
        A: { Type: "Choice", Choices: [{ Condition: true, Next: "A" }], Default: "B" },
        B: { Type: "Succeed" },
      },
    };
    expect(await sync(loop)).toMatchObject({ status: "TIMED_OUT" });
  });
});

describe("Retry and Catch", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
  test("a retry repeats the attempt, not the entry, and tells its number in the context", async () => {
    const { run, types } = bench([
      fakeLambda(({ retry }) => {
        if (retry < 2) throw new FunctionFailure("TransientError");
        return retry;
      }),
    ]);
    const result = await run(
      only(
        task({
          Arguments: { FunctionName: "fn", Payload: { retry: "{% $states.context.State.RetryCount %}" } },
          Retry: [{ ErrorEquals: ["TransientError"], JitterStrategy: "FULL", MaxDelaySeconds: 60 }],
          Output: "{% $states.result.Payload %}",
        }),
      ),
    );
    expect(result).toMatchObject({ status: "SUCCEEDED", output: "2" });
    const attempt = ["TaskScheduled", "TaskStarted"];
    expect(types(result.executionArn)).toEqual([
      "ExecutionStarted",
      "TaskStateEntered",
      ...[...attempt, "TaskFailed", ...attempt, "TaskFailed", ...attempt, "TaskSucceeded"],
      "TaskStateExited",
      "ExecutionSucceeded",
    ]);
  });

  test("a catcher sees the error output, assigns, and exits the state", async () => {
    const { run, history } = bench([
      fakeLambda(() => {
        throw new FunctionFailure("Bad", "why");
      }),
    ]);
    const result = await run({
      StartAt: "Call",
      States: {
        Call: {
          ...task(),
          Next: "End",
          Catch: [
            { ErrorEquals: ["Other"], Next: "End" },
            {
              ErrorEquals: ["States.TaskFailed"],
              Next: "End",
              Output: "{% $parse($states.errorOutput.Cause).errorMessage %}",
              Assign: { error: "{% $states.errorOutput.Error %}" },
            },
          ],
        },
        End: { Type: "Pass", Output: "{% $states.input & ' ' & $error %}", End: true },
      },
    });
    expect(result.output).toBe('"why Bad"');
    expect(history(result.executionArn)[5]).toMatchObject({
      type: "TaskStateExited",
      stateExitedEventDetails: { name: "Call", output: '"why"', assignedVariables: { error: '"Bad"' } },
    });
  });

  test("a failing expression in a Task can be caught", async () => {
    const { sync } = bench([fakeLambda(() => null)]);
    const result = await sync({
      StartAt: "Call",
      States: {
        Call: {
          ...task({ Output: "{% $states.result.none %}" }),
          Next: "End",
          Catch: [{ ErrorEquals: ["States.QueryEvaluationError"], Next: "End", Output: "caught" }],
        },
        End: { Type: "Succeed" },
      },
    });
    expect(result.output).toBe('"caught"');
  });
});
