import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { WAITS as BILLING } from "../functions/billing/waits.ts";
import { WAITS as CUSTOMERS } from "../functions/customers/waits.ts";
import { RUN_TIMEOUT_MS } from "../functions/flows/client.ts";
import { WAITS as FLOWS } from "../functions/flows/waits.ts";
import { WAITS as SALESFORCE } from "../functions/salesforce/waits.ts";
import { WAITS as SLACK } from "../functions/slack/waits.ts";
import { packageFleet } from "../local/packaging.ts";
import { AWS_ATTEMPTS } from "../shared/aws.ts";
import { worstCaseMs } from "../shared/waits.ts";
import { invocationsOf, type State, tasksOf } from "../statemachines/definitions.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

interface Machine {
  readonly TimeoutSeconds: number;
  readonly States: Readonly<Record<string, State & { readonly Arguments?: { readonly FunctionName?: string } }>>;
}

const WAITS = { ...BILLING, ...CUSTOMERS, ...FLOWS, ...SALESFORCE, ...SLACK };

let resources: Record<string, { Type: string; Properties: Json }>;
/** Seconds by name, without service and stage. */
let timeouts: Map<string, number>;

beforeAll(async () => {
  const { template } = await packageFleet("local");
  resources = JSON.parse(readFileSync(template, "utf8")).Resources;
  timeouts = new Map(ofType("AWS::Lambda::Function").map(([, properties]) => [nameOf(properties), properties.Timeout]));
}, 120_000);

function ofType(type: string): [string, Json][] {
  return Object.entries(resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties]);
}

function nameOf({ FunctionName }: Json): string {
  return FunctionName.replace("connector-fleet-local-", "");
}

/** The function that an attribute or a reference means. */
function functionOf(reference: Json): string {
  return nameOf(resources[reference["Fn::GetAtt"][0]]?.Properties);
}

/** Tasks that call a function, each with its time-out in seconds and the function's. */
function taskTimes([, { Definition, DefinitionSubstitutions }]: [string, Json]): [string, number, number][] {
  return invocationsOf(tasksOf((Definition as Machine).States)).map(([name, task]) => {
    const placeholder = (task as Machine["States"][string]).Arguments?.FunctionName?.replace(/^\$\{|\}$/g, "") ?? "";
    const called = functionOf(DefinitionSubstitutions[placeholder]);
    return [`${name} ${called}`, task.TimeoutSeconds ?? 0, timeouts.get(called) ?? Number.POSITIVE_INFINITY];
  });
}

describe("a function", () => {
  test("says what it waits for: a new one gets its line in the waits.ts of its connector", () => {
    expect(Object.keys(WAITS).sort()).toEqual([...timeouts.keys()].sort());
  });

  test("has the time that its own calls may take together", () => {
    const late = Object.entries(WAITS).map(([name, waits]) => [name, worstCaseMs(waits) / 1000, timeouts.get(name)]);
    expect(late.filter(([, worst, timeout]) => Number(worst) > Number(timeout))).toEqual([]);
  });

  test("makes the attempts at a call to AWS that its time is made for", () => {
    const attempts = ofType("AWS::Lambda::Function").map(
      ([, { Environment }]) => Environment.Variables.AWS_MAX_ATTEMPTS,
    );
    expect([...new Set(attempts)]).toEqual([String(AWS_ATTEMPTS)]);
  });
});

test("a queue hides what is worked for longer than the work may take", () => {
  const mappings = ofType("AWS::Lambda::EventSourceMapping").map(([, mapping]) => {
    const queue = resources[mapping.EventSourceArn["Fn::GetAtt"][0]]?.Properties;
    return [functionOf(mapping.FunctionName), queue.VisibilityTimeout as number] as const;
  });
  expect(mappings.length).toBeGreaterThanOrEqual(6);
  for (const [name, hidden] of mappings) expect([name, hidden > (timeouts.get(name) ?? hidden)]).toEqual([name, true]);
});

describe("a state machine", () => {
  test("waits for each function at least as long as the function may take", () => {
    const times = ofType("AWS::StepFunctions::StateMachine").flatMap(taskTimes);
    expect(times.length).toBeGreaterThanOrEqual(7);
    expect(times.filter(([, patience, timeout]) => patience < timeout)).toEqual([]);
  });

  test("has the time for each of its tasks once", () => {
    for (const [id, { Definition }] of ofType("AWS::StepFunctions::StateMachine")) {
      const all = tasksOf((Definition as Machine).States).reduce(
        (sum, [, { TimeoutSeconds = 0 }]) => sum + TimeoutSeconds,
        0,
      );
      expect([id, all <= Definition.TimeoutSeconds]).toEqual([id, true]);
    }
  });

  test("that somebody waits for ends before the waiting does", () => {
    const express = ofType("AWS::StepFunctions::StateMachine").filter(([, one]) => one.StateMachineType === "EXPRESS");
    for (const [id, { Definition }] of express)
      expect([id, Definition.TimeoutSeconds * 1000 < RUN_TIMEOUT_MS]).toEqual([id, true]);
  });
});
