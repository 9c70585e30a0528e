import { describe, expect, test } from "@jest/globals";
import { AwsError } from "../kernel/errors.ts";
import type { CallContext } from "../kernel/service.ts";
import { isLogged } from "./logging.ts";
import { bench, fakeService, only } from "./testing.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
const GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/flows/x:*";
const logging = (level: string, includeExecutionData = true) => ({
  loggingConfiguration: {
    level,
    includeExecutionData,
    destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: GROUP } }],
  },
});

function loggedBench({ exists = false } = {}) {
  const calls: { operation: string; group: string; stream: string; kind: string }[] = [];
  const lines: Record<string, unknown>[] = [];
  const note = (operation: string, input: Record<string, string>, context: CallContext) =>
    calls.push({
      operation,
      group: input.logGroupName ?? "",
      stream: input.logStreamName ?? "",
      kind: context.principal.kind,
    });
  const self = bench([
    fakeService("logs", {
      CreateLogStream(input, context) {
        note("CreateLogStream", input, context);
        if (exists) throw new AwsError("ResourceAlreadyExistsException", "The specified log stream already exists");
        return {};
      },
      PutLogEvents(input, context) {
        note("PutLogEvents", input, context);
        lines.push(...input.logEvents.map(({ message }: { message: string }) => JSON.parse(message)));
        return {};
      },
    }),
  ]);
  return { ...self, calls, lines, types: () => lines.map(({ type }) => type) };
}

describe("execution logs", () => {
  test("ALL: every event as a line of strings, written by AWS itself", async () => {
    const { sync, states, lines, calls } = loggedBench();
    const { executionArn } = await sync(only({ Type: "Pass" }), { a: 1 }, logging("ALL"));
    await states.stop?.();
    expect(lines.map(({ id, type, previous_event_id }) => [id, type, previous_event_id])).toEqual([
      ["1", "ExecutionStarted", "0"],
      ["2", "PassStateEntered", "0"],
      ["3", "PassStateExited", "2"],
      ["4", "ExecutionSucceeded", "3"],
    ]);
    expect(lines[1]).toEqual({
      id: "2",
      type: "PassStateEntered",
      details: { name: "Only", input: '{"a":1}', inputDetails: { truncated: false } },
      previous_event_id: "0",
      event_timestamp: expect.stringMatching(/^\d{13}$/),
      execution_arn: executionArn,
      redrive_count: "0",
    });
    expect(calls[0]).toMatchObject({ operation: "CreateLogStream", group: "/flows/x", kind: "administrator" });
    expect(calls[0]?.stream).toMatch(/^states\/machine-1\/\d{4}-\d\d-\d\d\/[0-9a-f]{8}$/);
  });

  test("without execution data only names, roles and errors are left; an existing stream is used", async () => {
    const { sync, states, lines } = loggedBench({ exists: true });
    await sync(only({ Type: "Pass" }), { a: 1 }, logging("ALL", false));
    await states.stop?.();
    expect(lines.map(({ details }) => details)).toEqual([
      { roleArn: expect.any(String) },
      { name: "Only" },
      { name: "Only" },
      {},
    ]);
  });

  test.each([
    ["ERROR", ["FailStateEntered", "ExecutionFailed"]],
    ["FATAL", ["ExecutionFailed"]],
    ["OFF", []],
  ])("%s lets through %j", async (level, expected) => {
    const { sync, states, types } = loggedBench();
    await sync({ StartAt: "No", States: { No: { Type: "Fail" } } }, {}, logging(level));
    await states.stop?.();
    expect(types()).toEqual(expected);
  });

  test.each([
    ["TaskFailed", true, false],
    ["LambdaFunctionTimedOut", true, false],
    ["TaskSubmitFailed", true, false],
    ["MapIterationAborted", true, false],
    ["TaskSucceeded", false, false],
    ["ExecutionTimedOut", true, true],
  ])("%s is logged by ERROR: %s, by FATAL: %s", (type, error, fatal) => {
    expect([isLogged("ALL", type), isLogged("ERROR", type), isLogged("FATAL", type)]).toEqual([true, error, fatal]);
  });

  test("a log that cannot be written never fails the execution", async () => {
    const { sync, states } = bench();
    expect(await sync(only({ Type: "Pass" }), {}, logging("ALL"))).toMatchObject({ status: "SUCCEEDED" });
    await states.stop?.();
  });

  test.each([
    [{ level: "SOME" }, "The level must be one of"],
    [{ level: "ALL" }, "Must specify exactly one Log Destination."],
    [
      { level: "ALL", destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: GROUP.slice(0, -2) } }] },
      "must end with ':*'",
    ],
  ])("%j is refused", async (loggingConfiguration, problem) => {
    const { machine } = bench();
    const creation = machine(only({ Type: "Pass" }), { loggingConfiguration });
    await expect(creation).rejects.toMatchObject({ code: "InvalidLoggingConfiguration" });
    await expect(creation).rejects.toThrow(problem);
  });
});
