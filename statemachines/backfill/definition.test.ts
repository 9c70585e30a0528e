import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import jsonata from "jsonata";
import { expectFleetRetries, expectPatience, fleetErrors, invocationsOf, tasksOf } from "../definitions.ts";

const definition = JSON.parse(readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8"));
const tasks = tasksOf(definition.States);
const invocations = invocationsOf(tasks);

/** What is of interest of a task that puts an item into the table of parked work. */
interface Parking {
  readonly Arguments: { readonly Item: Record<"input" | "kind", { readonly S: string }> };
}

test.each(tasks)("%s has a time-out and retries with back-off and jitter", (_name, state) => expectPatience(state));

describe("tasks that call a connector", () => {
  test("are these", () => {
    const names = invocations.map(([name]) => name);
    expect(names).toEqual(["Plan", "StartQuery", "CheckQuery", "StorePage", "LoadBatch"]);
  });

  test.each(invocations)(
    "%s retries exactly the fleet's retryable errors, and those of the Lambda service",
    (_name, state) => expectFleetRetries(state),
  );

  test.each(invocations)("%s waits out an outage of half a day", (_name, state) => {
    const patient = state.Retry?.find((retrier) => retrier.ErrorEquals.includes("TransientError"));
    expect(((patient?.MaxAttempts ?? 0) * (patient?.MaxDelaySeconds ?? 0)) / 2).toBeGreaterThanOrEqual(12 * 3600);
  });

  test.each(invocations)("%s waits out days without API calls", (_name, state) => {
    const limited = state.Retry?.find((retrier) => retrier.ErrorEquals.includes("RateLimitedError"));
    const longest = (limited?.MaxAttempts ?? 0) * (limited?.MaxDelaySeconds ?? 0);
    // Full jitter halves the delays on average.
    expect(longest / 2).toBeGreaterThanOrEqual(7 * 24 * 3600);
  });
});

test("a batch is parked only for what is its own fault; no other task parks anything", () => {
  const { LoadBatch } = Object.fromEntries(tasks);
  const [blocking, parking] = LoadBatch?.Catch ?? [];
  expect([blocking?.Next, parking]).toMatchObject(["Blocked", { ErrorEquals: ["States.ALL"], Next: "ParkBatch" }]);
  const parked = fleetErrors.filter(({ name }) => !blocking?.ErrorEquals.includes(name)).map(({ name }) => name);
  expect(parked.sort()).toEqual(["ContractError", "InvalidInputError", "RejectedByTargetError"]);
  const catching = tasks.filter(([, { Catch }]) => Catch?.some(({ Next }) => Next === "ParkBatch"));
  expect(catching.map(([name]) => name)).toEqual(["LoadBatch"]);
});

// As functions/salesforce/sweep/park.ts keeps single accounts, so that a redrive knows one shape.
test.each([1, 3])("a batch of %d is parked as a comparison of its records", async (count) => {
  const { Arguments } = Object.fromEntries(tasks).ParkBatch as unknown as Parking;
  const { input: kept, kind } = Arguments.Item;
  const metadata = { orgId: "00D5f000005KcCnEAK", correlationId: "backfill-1" };
  const ids = Array.from({ length: count }, (_, n) => `00100000000000${n}AAA`);
  const Items = ids.map((Id) => ({ Id, SystemModstamp: "2026-01-01T00:00:00.000Z" }));
  const states = { input: { BatchInput: { metadata, page: 1 }, Items } };
  const input = await jsonata(kept.S.replace(/^\{%|%\}$/g, "")).evaluate({}, { states });
  expect(JSON.parse(input)).toEqual({ metadata, data: { entity: "Account", recordIds: ids } });
  expect(kind.S).toBe("comparison");
});
