import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { expectFleetRetries, expectPatience, fleetErrors, invocationsOf, tasksOf } from "../definitions.ts";

const definition = JSON.parse(readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8"));
const tasks = tasksOf(definition.States);
const invocations = invocationsOf(tasks);

describe("every task", () => {
  test.each(tasks)("%s has a time-out, retries with back-off and jitter, and catches everything", (_name, state) => {
    expectPatience(state);
    expect(state.Catch?.at(-1)?.ErrorEquals).toEqual(["States.ALL"]);
  });
});

describe("tasks that call a connector", () => {
  test("there are some", () => {
    expect(invocations.map(([name]) => name)).toEqual(["UpsertCustomer", "UpsertBilling", "NoteFailure"]);
    expect(fleetErrors.length).toBe(7);
  });

  test.each(invocations)("%s retries within the run exactly what is over in seconds", (_name, state) =>
    expectFleetRetries(state, ["TransientError"]),
  );

  test("leave to the reconciler, or to the queue, what they cannot do for now", () => {
    expect(definition.States.UpsertCustomer.Catch.at(-1).Next).toBe("NotStored");
    expect(definition.States.UpsertBilling.Catch.at(-1).Next).toBe("NoteFailure");
  });
});

test("the table in AGENTS.md names every error class with what is done about it", () => {
  const table = readFileSync(join(import.meta.dirname, "..", "..", "AGENTS.md"), "utf8");
  for (const { name, retryable } of fleetErrors)
    expect(table).toMatch(new RegExp(`\\| \`${name}\` \\| [^|]+ \\| ${retryable ? "yes" : "no"}`));
});
