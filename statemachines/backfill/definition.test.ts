import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { fleetErrors, invocationsOf, LAMBDA_SERVICE, tasksOf } from "../definitions.ts";

const definition = JSON.parse(readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8"));
const tasks = tasksOf(definition.States);
const invocations = invocationsOf(tasks);

test.each(tasks)("%s has a time-out and retries with back-off and jitter", (_name, state) => {
  expect(state.TimeoutSeconds).toBeGreaterThan(0);
  for (const retrier of state.Retry ?? [])
    expect(retrier).toMatchObject({ BackoffRate: 2, JitterStrategy: "FULL", MaxDelaySeconds: expect.any(Number) });
  expect(state.Retry?.length).toBeGreaterThan(0);
});

describe("tasks that call a connector", () => {
  test("are these", () => {
    const names = invocations.map(([name]) => name);
    expect(names).toEqual(["Plan", "StartQuery", "CheckQuery", "StorePage", "LoadBatch"]);
  });

  test.each(invocations)(
    "%s retries exactly the fleet's retryable errors, and those of the Lambda service",
    (_name, state) => {
      const retried = state.Retry?.flatMap((retrier) => retrier.ErrorEquals) ?? [];
      expect(retried).toEqual(expect.arrayContaining([...LAMBDA_SERVICE, "States.Timeout"]));
      for (const error of fleetErrors)
        expect([error.name, retried.includes(error.name)]).toEqual([error.name, error.retryable]);
    },
  );

  test.each(invocations)("%s waits out a day without API calls", (_name, state) => {
    const limited = state.Retry?.find((retrier) => retrier.ErrorEquals.includes("RateLimitedError"));
    const longest = (limited?.MaxAttempts ?? 0) * (limited?.MaxDelaySeconds ?? 0);
    // Full jitter halves the delays on average.
    expect(longest / 2).toBeGreaterThanOrEqual(24 * 3600);
  });
});

test("only a batch is parked; every other failure stops the run where a redrive goes on", () => {
  const caught = tasks.filter(([, { Catch }]) => Catch).map(([name, { Catch }]) => [name, Catch?.[0]?.Next]);
  expect(caught).toEqual([["LoadBatch", "ParkBatch"]]);
});
