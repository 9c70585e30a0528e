import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { expectFleetRetries, expectPatience, invocationsOf, tasksOf, waitsOf } from "../definitions.ts";

const definition = JSON.parse(readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8"));
const tasks = tasksOf(definition.States);
const invocations = invocationsOf(tasks);

test.each(tasks)("%s has a time-out and retries with back-off and jitter", (_name, state) => expectPatience(state));

describe("tasks that call a connector", () => {
  test("are these", () => {
    const names = invocations.map(([name]) => name);
    expect(names).toEqual(["Plan", "StartQuery", "CheckQuery", "StorePage", "LoadBatch", "ParkBatch"]);
  });

  test.each(invocations)(
    "%s retries exactly the fleet's retryable errors, and those of the Lambda service",
    (_name, state) => expectFleetRetries(state),
  );

  test.each(invocations)("%s waits out an outage of half a day, be it Lambda's own", (_name, state) => {
    for (const error of ["TransientError", "Lambda.ServiceException", "Lambda.TooManyRequestsException"]) {
      const patient = state.Retry?.find((retrier) => retrier.ErrorEquals.includes(error));
      expect(((patient?.MaxAttempts ?? 0) * (patient?.MaxDelaySeconds ?? 0)) / 2).toBeGreaterThanOrEqual(12 * 3600);
    }
  });

  test("LoadBatch waits out three hours in which everything crashes, and calls a person within a day", () => {
    const { LoadBatch } = Object.fromEntries(tasks);
    const crashed = LoadBatch?.Retry?.at(-1);
    expect(crashed?.ErrorEquals).toEqual(["States.ALL"]);
    const waits = waitsOf(crashed);
    expect(waits / 2).toBeGreaterThanOrEqual(3 * 3600);
    expect(waits).toBeLessThanOrEqual(24 * 3600);
  });

  test.each(invocations)("%s waits out days without API calls", (_name, state) => {
    const limited = state.Retry?.find((retrier) => retrier.ErrorEquals.includes("TargetUnavailableError"));
    const longest = (limited?.MaxAttempts ?? 0) * (limited?.MaxDelaySeconds ?? 0);
    // Full jitter halves the delays on average.
    expect(longest / 2).toBeGreaterThanOrEqual(7 * 24 * 3600);
  });
});

test("a batch is parked only for what is its own fault; no other task parks anything", () => {
  const { LoadBatch } = Object.fromEntries(tasks);
  const [parking, blocking] = LoadBatch?.Catch ?? [];
  expect([parking?.Next, blocking]).toMatchObject(["ParkBatch", { ErrorEquals: ["States.ALL"], Next: "Blocked" }]);
  expect(parking?.ErrorEquals).toEqual(["ContractError", "InvalidInputError", "RejectedByTargetError"]);
  const catching = tasks.filter(([, { Catch }]) => Catch?.some(({ Next }) => Next === "ParkBatch"));
  expect(catching.map(([name]) => name)).toEqual(["LoadBatch"]);
});

test("what keeps a batch from being parked ends the run, so that another one loads it again", () => {
  const { ParkBatch } = Object.fromEntries(tasks);
  expect(ParkBatch?.Catch).toMatchObject([{ ErrorEquals: ["States.ALL"], Next: "Blocked" }]);
});

test("no task of the machine writes to the table of parked work itself", () => {
  const services = new Set(tasks.map(([, { Resource }]) => Resource));
  expect([...services].filter((resource) => resource?.endsWith(":putItem"))).toEqual([]);
});
