import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { packageFleet } from "../local/packaging.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

let resources: Record<string, { Type: string; Properties: Json }>;

beforeAll(async () => {
  const { template } = await packageFleet("local");
  resources = JSON.parse(readFileSync(template, "utf8")).Resources;
}, 120_000);

function ofType(type: string): [string, Json][] {
  return Object.entries(resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties]);
}

function statementsOf(roleId: string): Json[] {
  return (resources[roleId]?.Properties.Policies ?? []).flatMap((policy: Json) => policy.PolicyDocument.Statement);
}

describe("least privilege", () => {
  test("every function has a role of its own", () => {
    const roles = ofType("AWS::Lambda::Function").map(([, properties]) => properties.Role["Fn::GetAtt"][0]);
    expect(new Set(roles).size).toBe(roles.length);
    expect(roles.length).toBeGreaterThanOrEqual(6);
  });

  test("no shared role with everybody's permissions is deployed", () => {
    expect(resources).not.toHaveProperty("IamRoleLambdaExecution");
  });

  test("no statement allows all actions of a service, and '*' resources only where AWS knows no others", () => {
    const wide = /^(xray|logs):/;
    const wrong = ofType("AWS::IAM::Role").flatMap(([id]) =>
      statementsOf(id).flatMap((statement) => {
        const actions = [statement.Action].flat() as string[];
        const problems = actions.filter((action) => action.endsWith("*")).map((action) => `${id}: ${action}`);
        if ([statement.Resource].flat().includes("*"))
          problems.push(...actions.filter((action) => !wide.test(action)).map((action) => `${id}: ${action} on *`));
        return problems;
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("no secret travels in the environment", () => {
    const suspicious = ofType("AWS::Lambda::Function").flatMap(([id, properties]) =>
      Object.entries(properties.Environment?.Variables ?? {})
        .filter(
          ([name, value]) =>
            /KEY|TOKEN|PASSWORD/.test(name) ||
            (/SECRET/.test(name) && !/_PREFIX$/.test(name) && typeof value === "string"),
        )
        .map(([name]) => `${id}: ${name}`),
    );
    expect(suspicious).toEqual([]);
  });
});

describe("nothing is lost", () => {
  test("every rule target has a dead-letter queue and may write to it", () => {
    for (const [id, { Targets }] of ofType("AWS::Events::Rule"))
      for (const target of Targets) expect([id, target.DeadLetterConfig?.Arn]).toEqual([id, expect.anything()]);
    const queues = ofType("AWS::SQS::Queue").map(([id]) => id);
    const covered = ofType("AWS::SQS::QueuePolicy").flatMap(([, { Queues }]) => Queues.map((queue: Json) => queue.Ref));
    expect(covered.sort()).toEqual(queues.sort());
  });

  test("every queue leads to a dead-letter queue, and every dead-letter queue to the table of parked work", () => {
    const redriven = ofType("AWS::SQS::Queue").filter(([, properties]) => properties.RedrivePolicy);
    const dead = redriven.map(([, { RedrivePolicy }]) => RedrivePolicy.deadLetterTargetArn["Fn::GetAtt"][0]);
    const drained = ofType("AWS::Lambda::EventSourceMapping")
      .filter(([, properties]) => properties.FunctionName["Fn::GetAtt"][0] === "FlowsDashparkLambdaFunction")
      .map(([, properties]) => properties.EventSourceArn["Fn::GetAtt"][0]);
    expect(redriven.length).toBeGreaterThan(0);
    expect(drained.sort()).toEqual(dead.sort());
  });

  test("every mapping reports partial failures, and its queue hides messages for at least six function timeouts", () => {
    for (const [id, mapping] of ofType("AWS::Lambda::EventSourceMapping")) {
      const queue = resources[mapping.EventSourceArn["Fn::GetAtt"][0]];
      const worker = resources[mapping.FunctionName["Fn::GetAtt"][0]];
      expect([id, mapping.FunctionResponseTypes]).toEqual([id, ["ReportBatchItemFailures"]]);
      expect(queue?.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * worker?.Properties.Timeout);
      // What parks the dead letters has many queues, and no other place to put a message.
      if (!queue?.Properties.RedrivePolicy) continue;
      const { VISIBILITY_SECONDS, MAX_RECEIVES } = worker?.Properties.Environment.Variables ?? {};
      expect([id, VISIBILITY_SECONDS]).toEqual([id, String(queue.Properties.VisibilityTimeout)]);
      expect([id, Number(MAX_RECEIVES) + 1]).toEqual([id, queue.Properties.RedrivePolicy.maxReceiveCount]);
    }
  });

  test("tables and their content outlive the stack", () => {
    for (const [id, properties] of ofType("AWS::DynamoDB::Table")) {
      expect(resources[id]).toMatchObject({ DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
      expect(properties.PointInTimeRecoverySpecification).toEqual({ PointInTimeRecoveryEnabled: true });
    }
  });
});

describe("limits of AWS", () => {
  test("names stay within 64 characters in the longest stage", () => {
    const longest = (name: string) => name.replace("-local-", "-production-");
    const names = ofType("AWS::Lambda::Function").map(([, properties]) => longest(properties.FunctionName));
    expect(names.filter((name) => name.length > 64)).toEqual([]);
  });
});
