import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import * as errors from "#shared/errors.ts";

interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly TimeoutSeconds?: number;
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly { readonly ErrorEquals: readonly string[]; readonly Next: string }[];
}

interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: string;
  readonly BackoffRate?: number;
}

const definition = JSON.parse(readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8"));
const states: [string, State][] = Object.entries(definition.States);
const tasks = states.filter(([, state]) => state.Type === "Task");
const invocations = tasks.filter(([, state]) => state.Resource?.endsWith("lambda:invoke"));

/** The four errors of the Lambda service. https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception */
const LAMBDA_SERVICE = [
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException",
];

const classes = Object.values(errors)
  .filter((value) => typeof value === "function" && value.prototype instanceof errors.FleetError)
  .map((value) => new (value as new (code: string, message: string) => errors.FleetError)("CODE", "message"));

describe("every task", () => {
  test.each(tasks)("%s has a time-out, retries with back-off and jitter, and catches everything", (_name, state) => {
    expect(state.TimeoutSeconds).toBeGreaterThan(0);
    expect(state.Retry?.length).toBeGreaterThan(0);
    for (const retrier of state.Retry ?? [])
      expect(retrier).toMatchObject({ BackoffRate: 2, JitterStrategy: "FULL", MaxDelaySeconds: expect.any(Number) });
    expect(state.Catch?.at(-1)?.ErrorEquals).toEqual(["States.ALL"]);
  });
});

describe("tasks that call a connector", () => {
  test("there are some", () => {
    expect(invocations.map(([name]) => name)).toEqual(["UpsertCustomer", "UpsertBilling"]);
    expect(classes.length).toBe(6);
  });

  test.each(invocations)(
    "%s retries exactly the fleet's retryable errors, and those of the Lambda service",
    (_name, state) => {
      const retried = state.Retry?.flatMap((retrier) => retrier.ErrorEquals) ?? [];
      expect(retried).toEqual(expect.arrayContaining([...LAMBDA_SERVICE, "States.Timeout"]));
      for (const error of classes)
        expect([error.name, retried.includes(error.name)]).toEqual([error.name, error.retryable]);
    },
  );

  test.each(invocations)("%s parks what it cannot do", (_name, state) => {
    expect(state.Catch?.at(-1)?.Next).toBe("ParkWork");
  });
});

test("the table in AGENTS.md names every error class with what is done about it", () => {
  const table = readFileSync(join(import.meta.dirname, "..", "..", "AGENTS.md"), "utf8");
  for (const { name, retryable } of classes)
    expect(table).toMatch(new RegExp(`\\| \`${name}\` \\| [^|]+ \\| ${retryable ? "yes" : "no"}`));
});
