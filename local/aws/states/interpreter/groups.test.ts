import { describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../json.ts";
import { bench, FunctionFailure, fakeLambda, INVOKE, only } from "../testing.ts";

const call = (name: string, extra: JsonObject = {}): JsonObject => ({
  Type: "Task",
  Resource: INVOKE,
  Arguments: { FunctionName: name, Payload: "{% $states.input %}" },
  Output: "{% $states.result.Payload %}",
  ...extra,
});
const never = () => new Promise(() => undefined);

describe("Parallel", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
  test("gives every branch the arguments and puts the results in order", async () => {
    const { sync } = bench();
    const result = await sync(
      only({
        Type: "Parallel",
        Arguments: { n: "{% $states.input.n + 1 %}" },
        Branches: [
          {
            StartAt: "Slow",
            States: { Slow: { Type: "Wait", Seconds: 5, Output: "{% $states.input.n %}", End: true } },
          },
          only({ Type: "Pass", Output: "fast" }, "Fast"),
        ],
        Output: "{% $states.result %}",
      }),
      { n: 1 },
    );
    expect(result.output).toBe('[2,"fast"]');
  });

  test("the first failing branch ends the others and gives its error", async () => {
    const sibling = Promise.withResolvers<void>();
    const { run, history } = bench([
      fakeLambda(async (_payload, name) => {
        if (name === "good") {
          sibling.resolve();
          return never();
        }
        await sibling.promise;
        throw new FunctionFailure("Bad", "why");
      }),
    ]);
    const result = await run(only({ Type: "Parallel", Branches: [only(call("bad"), "A"), only(call("good"), "B")] }));
    expect(result).toMatchObject({ status: "FAILED", error: "Bad" });
    const events = history(result.executionArn);
    const failed = events.find(({ type }) => type === "TaskFailed")?.id;
    expect(events.filter(({ previousEventId }) => previousEventId === failed).map(({ type }) => type)).toEqual([
      "TaskStateAborted",
      "ParallelStateFailed",
    ]);
    expect(events.at(-1)).toMatchObject({ type: "ExecutionFailed", previousEventId: events.length - 1 });
  });

  test("Retry runs all branches again", async () => {
    let failures = 1;
    let calls = 0;
    const { run, types } = bench([
      fakeLambda((_payload, name) => {
        calls += 1;
        if (name === "flaky" && failures-- > 0) throw new FunctionFailure("Flaky");
        return name;
      }),
    ]);
    const result = await run(
      only({
        Type: "Parallel",
        Branches: [only(call("steady"), "A"), only(call("flaky"), "B")],
        Retry: [{ ErrorEquals: ["Flaky"] }],
      }),
    );
    expect(result.output).toBe('["steady","flaky"]');
    expect(calls).toBe(4);
    expect(types(result.executionArn).filter((type) => type === "ParallelStateStarted")).toHaveLength(2);
  });
});

describe("Map", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
  const map = (extra: JsonObject = {}, inner: JsonObject = { Type: "Pass" }) =>
    only({ Type: "Map", ItemProcessor: { ProcessorConfig: { Mode: "INLINE" }, ...only(inner, "Item") }, ...extra });

  test("runs each item, in the order of the items", async () => {
    const { sync } = bench();
    const result = await sync(
      map({
        Items: "{% $states.input.list %}",
        ItemSelector: {
          value: "{% $states.context.Map.Item.Value %}",
          index: "{% $states.context.Map.Item.Index %}",
          source: "{% $states.context.Map.Item.Source %}",
        },
      }),
      { list: ["a", "b"] },
    );
    expect(JSON.parse(result.output)).toEqual([
      { value: "a", index: 0, source: "STATE_DATA" },
      { value: "b", index: 1, source: "STATE_DATA" },
    ]);
  });

  test("an object's members become items", async () => {
    const { sync } = bench();
    const result = await sync(map({ Items: { x: 1, y: "{% $states.input.y %}" } }), { y: 2 });
    expect(JSON.parse(result.output)).toEqual([
      { Key: "x", Value: 1 },
      { Key: "y", Value: 2 },
    ]);
  });

  test("never runs more than MaxConcurrency at once", async () => {
    let running = 0;
    let most = 0;
    const { sync } = bench([
      fakeLambda(async (item) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return item;
      }),
    ]);
    const result = await sync(map({ MaxConcurrency: "{% 1 + 1 %}" }, call("fn")), [1, 2, 3, 4, 5]);
    expect(result.output).toBe("[1,2,3,4,5]");
    expect(most).toBe(2);
  });

  test("the first failing iteration aborts the others", async () => {
    const all = Promise.withResolvers<void>();
    let running = 0;
    const { run, history } = bench([
      fakeLambda(async (item) => {
        if (++running === 3) all.resolve();
        await all.promise;
        if (item === 2) throw new FunctionFailure("Bad");
        return never();
      }),
    ]);
    const result = await run(map({}, call("fn")), [1, 2, 3]);
    expect(result).toMatchObject({ status: "FAILED", error: "Bad" });
    const events = history(result.executionArn);
    const failed = events.find(({ type }) => type === "TaskFailed")?.id ?? 0;
    const after = events.slice(failed, -1);
    expect(after.every(({ previousEventId }) => previousEventId === failed)).toBe(true);
    expect([after[0]?.type, after.at(-1)?.type]).toEqual(["MapIterationFailed", "MapStateFailed"]);
    const aborted = ["MapIterationAborted", "MapIterationAborted", "TaskStateAborted", "TaskStateAborted"];
    expect(
      after
        .slice(1, -1)
        .map(({ type }) => type)
        .sort(),
    ).toEqual(aborted);
    expect(events.at(-1)).toMatchObject({ type: "ExecutionFailed", previousEventId: events.length - 1 });
    expect(events[failed]).toMatchObject({ mapIterationFailedEventDetails: { name: "Only", index: 1 } });
  });

  test("items must be an array or an object", async () => {
    const { sync } = bench();
    const direct = await sync(map({}), 1);
    expect(direct.error).toBe("States.QueryEvaluationError");
    expect(direct.cause).toContain("Map state input must be an array but was: 1");
    const evaluated = await sync(map({ Items: "{% $states.input %}" }), 1);
    expect(evaluated.cause).toContain(
      "The JSONata expression '$states.input' specified for the field 'Items' returned an unexpected result type. " +
        "Expected 'array', but was 'number' for value: 1",
    );
  });

  test("an empty list is an empty result", async () => {
    const { run, types } = bench();
    const result = await run(map(), []);
    expect(result.output).toBe("[]");
    expect(types(result.executionArn).slice(1, 4)).toEqual(["MapStateEntered", "MapStateStarted", "MapStateSucceeded"]);
  });
});
