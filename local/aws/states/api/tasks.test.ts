import { describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../json.ts";
import { bench, fakeLambda, only } from "../testing.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token

/** A machine whose one task hands its token to a function; `token` resolves with it. */
function waiting(extra: JsonObject = {}) {
  const given = Promise.withResolvers<string>();
  const tokens: string[] = [];
  const self = bench([
    fakeLambda(({ token }) => {
      tokens.push(token);
      given.resolve(token);
      return "handed over";
    }),
  ]);
  const definition = {
    StartAt: "Ask",
    States: {
      Ask: {
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
        Arguments: { FunctionName: "ask", Payload: { token: "{% $states.context.Task.Token %}" } },
        Next: "End",
        ...extra,
      },
      End: { Type: "Succeed" },
    },
  };
  return { ...self, definition, token: given.promise, tokens };
}

describe("task tokens", () => {
  test("SendTaskSuccess gives the result; a finished task answers TaskTimedOut", async () => {
    const { run, definition, token, api, types } = waiting();
    const running = run(definition);
    const taskToken = await token;
    expect(await api("SendTaskHeartbeat", { taskToken })).toEqual({});
    expect(await api("SendTaskSuccess", { taskToken, output: '{"yes":true}' })).toEqual({});
    const result = await running;
    expect(result).toMatchObject({ status: "SUCCEEDED", output: '{"yes":true}' });
    expect(types(result.executionArn).slice(2, 6)).toEqual([
      "TaskScheduled",
      "TaskStarted",
      "TaskSubmitted",
      "TaskSucceeded",
    ]);
    for (const operation of ["SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"])
      await expect(api(operation, { taskToken, output: "1" })).rejects.toMatchObject({
        code: "TaskTimedOut",
        message: "Task Timed Out: 'Provided task does not exist anymore'",
      });
  });

  test("SendTaskFailure gives the error's name and cause", async () => {
    const { run, definition, token, api } = waiting();
    const running = run(definition);
    await api("SendTaskFailure", { taskToken: await token, error: "Refused", cause: "by hand" });
    expect(await running).toMatchObject({ status: "FAILED", error: "Refused", cause: "by hand" });
  });

  test("a failure without members reaches the catcher as nulls", async () => {
    const { run, definition, token, api, history } = waiting({ Catch: [{ ErrorEquals: ["States.ALL"], Next: "End" }] });
    const running = run(definition);
    await api("SendTaskFailure", { taskToken: await token });
    const result = await running;
    expect(result.output).toBe('{"Error":null,"Cause":null}');
    expect(history(result.executionArn).find(({ type }) => type === "TaskFailed")?.taskFailedEventDetails).toEqual({
      resourceType: "lambda",
      resource: "invoke.waitForTaskToken",
    });
  });

  test("a missed heartbeat times out, as States.Timeout or States.HeartbeatTimeout", async () => {
    const { run, definition, history } = waiting({
      HeartbeatSeconds: 1,
      TimeoutSeconds: 60,
      Catch: [{ ErrorEquals: ["States.HeartbeatTimeout"], Next: "End" }],
    });
    const result = await run(definition);
    expect(JSON.parse(result.output)).toEqual({ Error: "States.Timeout", Cause: "" });
    expect(
      history(result.executionArn).find(({ type }) => type === "TaskScheduled")?.taskScheduledEventDetails,
    ).toMatchObject({
      heartbeatInSeconds: 1,
      timeoutInSeconds: 60,
    });
    expect(history(result.executionArn).some(({ type }) => type === "TaskTimedOut")).toBe(true);
  });

  test("each retry has a token of its own, and the old one is dead", async () => {
    const { run, definition, token, api, tokens } = waiting({ Retry: [{ ErrorEquals: ["Again"] }] });
    const running = run(definition);
    const first = await token;
    await api("SendTaskFailure", { taskToken: first, error: "Again" });
    while (tokens.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await expect(api("SendTaskSuccess", { taskToken: first, output: "1" })).rejects.toMatchObject({
      code: "TaskTimedOut",
    });
    await api("SendTaskSuccess", { taskToken: tokens[1], output: "2" });
    expect(await running).toMatchObject({ output: "2" });
  });

  test("invented tokens and bad outputs are refused", async () => {
    const { api, run, definition, token } = waiting();
    await expect(api("SendTaskSuccess", { taskToken: "x", output: "1" })).rejects.toMatchObject({
      code: "InvalidToken",
      message: "Invalid Token: 'Invalid token'",
    });
    const running = run(definition);
    const taskToken = await token;
    await expect(api("SendTaskSuccess", { taskToken, output: "{" })).rejects.toMatchObject({ code: "InvalidOutput" });
    const large = JSON.stringify("x".repeat(262_144));
    await expect(api("SendTaskSuccess", { taskToken, output: large })).rejects.toMatchObject({ code: "InvalidOutput" });
    await api("SendTaskSuccess", { taskToken, output: "1" });
    expect(await running).toMatchObject({ output: "1" });
  });

  test("EXPRESS machines do not wait", async () => {
    const { machine, definition } = waiting();
    await expect(machine(definition, { type: "EXPRESS" })).rejects.toMatchObject({
      code: "InvalidDefinition",
      message:
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support " +
        "'.waitForTaskToken' service integration at /States/Ask/Resource'",
    });
  });

  test("only a task of a waiting pattern has a token", async () => {
    const { run } = bench();
    expect(await run(only({ Type: "Pass", Output: "{% $states.context.Task.Token %}" }))).toMatchObject({
      error: "States.QueryEvaluationError",
    });
  });
});
