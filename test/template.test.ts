import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { packageFleet } from "../local/packaging.ts";
import { SimulatedConsumer } from "../shared/handler/simulated-consumer.ts";
import { createStateTable } from "../shared/state-table.ts";
import { startTable } from "../shared/testing/dynamo.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

let resources: Record<string, { Type: string; Properties: Json }>;

let outputs: Record<string, unknown>;

beforeAll(async () => {
  const { template } = await packageFleet("local");
  ({ Resources: resources, Outputs: outputs } = JSON.parse(readFileSync(template, "utf8")));
}, 120_000);

function ofType(type: string): [string, Json][] {
  return Object.entries(resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties]);
}

function statementsOf(roleId: string): Json[] {
  return (resources[roleId]?.Properties.Policies ?? []).flatMap((policy: Json) => policy.PolicyDocument.Statement);
}

/** The functions that take messages from a queue of their own, with queue and mapping. */
function consumers(): { id: string; worker: Json; queue: Json; mapping: Json }[] {
  return ofType("AWS::Lambda::EventSourceMapping").flatMap(([, mapping]) => {
    const id = mapping.EventSourceArn["Fn::GetAtt"][0];
    const queue = resources[id]?.Properties;
    const worker = resources[mapping.FunctionName["Fn::GetAtt"][0]]?.Properties;
    return queue.RedrivePolicy ? [{ id, worker, queue, mapping }] : [];
  });
}

test("what is replayed from the archive reaches the rules of customer-sync alone", () => {
  const open = ofType("AWS::Events::Rule").filter(([, { EventBusName, EventPattern }]) => {
    return EventPattern && EventBusName?.Ref === "FleetBus" && EventPattern["replay-name"]?.[0].exists !== false;
  });
  expect(open.map(([id]) => id).sort()).toEqual(["CustomerSyncBulkRule", "CustomerSyncRule"]);
});

describe("least privilege", () => {
  test("every function and every state machine has a role of its own", () => {
    const roles = [
      ...ofType("AWS::Lambda::Function").map(([, { Role }]) => Role["Fn::GetAtt"][0]),
      ...ofType("AWS::StepFunctions::StateMachine").map(([, { RoleArn }]) => RoleArn["Fn::GetAtt"][0]),
    ];
    expect(new Set(roles).size).toBe(roles.length);
    expect(roles.length).toBeGreaterThanOrEqual(6);
  });

  test("no shared role with everybody's permissions is deployed", () => {
    expect(resources).not.toHaveProperty("IamRoleLambdaExecution");
  });

  test("the template makes the log groups, and no function may: one made after a removal stops the next deploy", () => {
    const makers = ofType("AWS::IAM::Role").filter(([id]) =>
      JSON.stringify(statementsOf(id)).includes("CreateLogGroup"),
    );
    expect(makers.map(([id]) => id)).toEqual([]);
    const groups = ofType("AWS::Logs::LogGroup").map(([, { LogGroupName }]) => LogGroupName);
    const needed = ofType("AWS::Lambda::Function").map(([, { FunctionName }]) => `/aws/lambda/${FunctionName}`);
    expect(groups).toEqual(expect.arrayContaining(needed));
  });

  test("only functions write to the table of parked work, so that everything parked is counted", () => {
    const writers = ofType("AWS::IAM::Role").filter(([id]) =>
      statementsOf(id).some(
        ({ Action, Resource }) =>
          JSON.stringify(Resource).includes('["ParkedTable","Arn"]') && [Action].flat().includes("dynamodb:PutItem"),
      ),
    );
    const services = writers.map(([, role]) => role.AssumeRolePolicyDocument.Statement[0].Principal.Service);
    expect(new Set(services.flat())).toEqual(new Set(["lambda.amazonaws.com"]));
  });

  test("no secret travels in the environment", () => {
    const suspicious = ofType("AWS::Lambda::Function").flatMap(([id, properties]) =>
      Object.entries(properties.Environment?.Variables ?? {})
        .filter(
          ([name, value]) =>
            /KEY|TOKEN|PASSWORD/.test(name) ||
            (/SECRET/.test(name) && !/^connector-fleet\/local\/(salesforce\/|stripe|slack)$/.test(String(value))),
        )
        .map(([name]) => `${id}: ${name}`),
    );
    expect(suspicious).toEqual([]);
  });
});

test("no connection is in the template: neither a deploy nor a remove can take one away", () => {
  expect(ofType("AWS::SecretsManager::Secret")).toEqual([]);
});

test("everything of the fleet's own is told in the outputs of the stack", () => {
  const types = /^AWS::(DynamoDB::Table|SQS::Queue|StepFunctions::StateMachine|S3::Bucket|CloudWatch::Dashboard)$/;
  const ids = Object.entries(resources).flatMap(([id, { Type }]) => (types.test(Type) ? [id] : []));
  const told = Object.keys(outputs);
  expect(told).toEqual(
    expect.arrayContaining(["FleetBus", ...ids.filter((id) => id !== "ServerlessDeploymentBucket")]),
  );
  expect(told.filter((id) => /^Salesforce\w+Bus/.test(id))).toEqual([]);
});

test("every state machine logs its errors, and no data", () => {
  for (const [id, { LoggingConfiguration }] of ofType("AWS::StepFunctions::StateMachine"))
    expect([id, LoggingConfiguration]).toMatchObject([id, { Level: "ERROR", IncludeExecutionData: false }]);
});

test("queues and buckets take no plain text", () => {
  const policies = [...ofType("AWS::SQS::QueuePolicy"), ...ofType("AWS::S3::BucketPolicy")].map(([, policy]) => policy);
  const guarded = policies.flatMap(({ PolicyDocument, Queues, Bucket }) => {
    const denied = PolicyDocument.Statement.filter(
      ({ Effect, Condition }: Json) => Effect === "Deny" && Condition?.Bool?.["aws:SecureTransport"] === "false",
    );
    const places = denied.flatMap(({ Resource }: Json) =>
      [Resource].flat().map((place: Json) => place["Fn::GetAtt"]?.[0]),
    );
    return [...(Queues ?? []), ...(Bucket ? [Bucket] : [])].flatMap(({ Ref }: Json) =>
      places.includes(Ref) ? [Ref] : [],
    );
  });
  const all = [...ofType("AWS::SQS::Queue"), ...ofType("AWS::S3::Bucket")].map(([id]) => id);
  expect(guarded.sort()).toEqual(all.filter((id) => id !== "ServerlessDeploymentBucket").sort());
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
      const { VISIBILITY_SECONDS, RUN_SECONDS } = worker?.Properties.Environment.Variables ?? {};
      expect([id, VISIBILITY_SECONDS]).toEqual([id, String(queue.Properties.VisibilityTimeout)]);
      expect(Number(RUN_SECONDS)).toBeGreaterThan(worker?.Properties.Timeout);
    }
  });

  test("queues keep messages for 14 days, and give up only after a thousand receives: consumers give up by age", () => {
    for (const [id, { MessageRetentionPeriod, RedrivePolicy }] of ofType("AWS::SQS::Queue")) {
      expect([id, MessageRetentionPeriod]).toEqual([id, 14 * 86_400]);
      if (RedrivePolicy) expect([id, RedrivePolicy.maxReceiveCount]).toEqual([id, 1_000]);
    }
    for (const { worker } of consumers()) {
      const { GIVE_UP_AFTER_SECONDS } = worker.Environment.Variables;
      expect(Number(GIVE_UP_AFTER_SECONDS)).toBeGreaterThanOrEqual(3_600);
      expect(Number(GIVE_UP_AFTER_SECONDS)).toBeLessThanOrEqual(13 * 86_400);
    }
  });

  test("every consumer may mark what it works, and nobody else's table", () => {
    const table = { "Fn::GetAtt": ["FleetStateTable", "Arn"] };
    for (const { worker } of consumers()) {
      expect(worker.Environment.Variables.FLEET_STATE_TABLE).toEqual({ Ref: "FleetStateTable" });
      expect(statementsOf(worker.Role["Fn::GetAtt"][0])).toContainEqual({
        Effect: "Allow",
        Action: ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
        Resource: table,
      });
    }
  });

  test("every event of the fleet is kept for 7 days, to be replayed", () => {
    const archives = ofType("AWS::Events::Archive").map(([, { SourceArn, RetentionDays, EventPattern }]) => {
      return { bus: SourceArn["Fn::GetAtt"][0], RetentionDays, EventPattern };
    });
    expect(archives).toEqual([{ bus: "FleetBus", RetentionDays: 7, EventPattern: undefined }]);
  });

  test("the reconciler runs every minute, so that what is due waits no longer", () => {
    const schedules = ofType("AWS::Events::Rule").filter(([, { ScheduleExpression, Targets }]) => {
      return ScheduleExpression && Targets[0].Arn["Fn::GetAtt"][0] === "ReconcileQueue";
    });
    expect(schedules).toMatchObject([[expect.any(String), { ScheduleExpression: "rate(1 minute)", State: "ENABLED" }]]);
  });

  test("every table and bucket says what becomes of it with the stack, and tables can be brought back", () => {
    for (const [id] of [...ofType("AWS::S3::Bucket"), ...ofType("AWS::DynamoDB::Table")])
      if (id !== "ServerlessDeploymentBucket")
        expect(resources[id]).toMatchObject({ DeletionPolicy: "Delete", UpdateReplacePolicy: "Delete" });
    for (const [, properties] of ofType("AWS::DynamoDB::Table")) {
      expect(properties.DeletionProtectionEnabled).toBe(false);
      expect(properties.PointInTimeRecoverySpecification).toEqual({ PointInTimeRecoveryEnabled: true });
    }
  });
});

describe("a message that ends every run of its consumer", () => {
  const LONGEST_WINDOW = 30;
  let table: Awaited<ReturnType<typeof startTable>>;

  beforeAll(async () => {
    table = await startTable("fleet-state", "key");
  });
  afterAll(() => table.close());

  test("is parked within 15 minutes, whichever consumer it is and wherever it is in the largest batch", async () => {
    for (const { id, worker, queue, mapping } of consumers()) {
      const declared = {
        timeout: worker.Timeout,
        window: LONGEST_WINDOW,
        batchSize: mapping.BatchSize,
        visibility: queue.VisibilityTimeout,
      };
      const world = new SimulatedConsumer(id, declared, (now) =>
        createStateTable("fleet-state", { client: table.client, now }),
      );
      const begin = world.now;
      world.isFatal = (message) => message === "poison";
      world.send([...Array.from({ length: Math.max(1, mapping.BatchSize - 1) }, (_, n) => `m${n}`), "poison"]);
      for (let n = 0; n < 15; n += 1) {
        world.send([`later-${n}`]);
        await world.work(60);
      }
      expect([id, [...world.parked.keys()]]).toEqual([id, ["poison"]]);
      expect((world.parked.get("poison")?.at ?? 0) - begin).toBeLessThanOrEqual(15 * 60_000);
      const late = [...world.done].filter(([message, at]) => message.startsWith("m") && at - begin > 15 * 60_000);
      expect([id, late]).toEqual([id, []]);
    }
  }, 120_000);
});
