import { describe, expect, test } from "@jest/globals";
import { reconciliationRequested } from "../../shared/contracts/events.ts";
import { NO_ORG } from "../../shared/contracts/metadata.ts";
import { asRequest } from "../../shared/handler/tick.ts";
import { buildConsumer, type ConsumerDeclaration } from "./consumer.ts";
import { parseOrgs } from "./orgs.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

const [ORG, OTHER_ORG] = ["00D5f000005KcCnEAK", "00D000000000002EAA"];
const RELAY = `aws.partner/salesforce.com/${ORG}/0YL5f0000000001GAA`;
const OTHER_RELAY = `aws.partner/salesforce.com/${OTHER_ORG}/0YL5f0000000002GAA`;
const context = {
  prefix: "fleet-test",
  timeoutSeconds: 30,
  fleetBus: { Ref: "FleetBus" },
  stateTable: { Ref: "FleetStateTable" },
  giveUpAfterSeconds: 86_400,
  orgs: parseOrgs(`${RELAY},${OTHER_RELAY}`),
};
const build = (members: Partial<ConsumerDeclaration> = {}) =>
  buildConsumer({ queue: "slack-notices", consumes: ["customer.synced"], ...members }, context);
const properties = (id: string, members?: Partial<ConsumerDeclaration>): Json =>
  (build(members).resources[id] as Json).Properties;
const NIGHTLY = {
  rate: "rate(1 day)",
  request: "reconciliation.requested",
  data: ["Account", "Contact"].map((entity) => ({ entity, reason: "schedule", full: false })),
  enabled: "true" as const,
};
/** The ARN of a rule, for CloudFormation to fill. */
const ruleArn = (path: string) => ({
  "Fn::Sub": `arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/${path}`,
});
const arnOf = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });

describe("a consumer", () => {
  test("is a queue, its dead-letter queue, their policy and a rule, all named after it", () => {
    const { resources, deadLetterQueue } = build();
    const types = Object.fromEntries(Object.entries(resources).map(([id, resource]) => [id, (resource as Json).Type]));
    expect(types).toEqual({
      SlackNoticesQueue: "AWS::SQS::Queue",
      SlackNoticesDeadLetterQueue: "AWS::SQS::Queue",
      SlackNoticesQueuePolicy: "AWS::SQS::QueuePolicy",
      SlackNoticesRule: "AWS::Events::Rule",
    });
    expect(deadLetterQueue).toBe("SlackNoticesDeadLetterQueue");
    expect(properties("SlackNoticesQueue").QueueName).toBe("fleet-test-slack-notices");
    expect(properties("SlackNoticesDeadLetterQueue").QueueName).toBe("fleet-test-slack-notices-dead");
    expect(properties("SlackNoticesRule").Name).toBe("fleet-test-slack-notices");
  });

  test.each([
    ["a", "AQueue"],
    ["audit2-v3", "Audit2V3Queue"],
    ["x-9-y", "X9YQueue"],
  ])("of the queue '%s' has ids that CloudFormation takes", (queue, id) => {
    expect(build({ queue }).resources).toHaveProperty(id);
  });

  test("gives up by age, and the queue by receives only when nobody did", () => {
    expect(build().environment).toEqual({
      QUEUE_URL: { Ref: "SlackNoticesQueue" },
      DEAD_LETTER_QUEUE_URL: { Ref: "SlackNoticesDeadLetterQueue" },
      GIVE_UP_AFTER_SECONDS: "86400",
      VISIBILITY_SECONDS: "180",
      RUN_SECONDS: "45",
      FLEET_STATE_TABLE: { Ref: "FleetStateTable" },
    });
    const redrive = { deadLetterTargetArn: arnOf("SlackNoticesDeadLetterQueue"), maxReceiveCount: 1_000 };
    expect(properties("SlackNoticesQueue").RedrivePolicy).toEqual(redrive);
    expect(build({ giveUpAfter: 3_600 }).environment.GIVE_UP_AFTER_SECONDS).toBe("3600");
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  test("hides a batch for six time-outs and the window", () => {
    expect(properties("SlackNoticesQueue").VisibilityTimeout).toBe(180);
    expect(properties("SlackNoticesQueue", { window: 30 }).VisibilityTimeout).toBe(210);
    expect(build({ window: 30 }).environment.VISIBILITY_SECONDS).toBe("210");
  });

  test("keeps messages and dead letters as long as SQS does", () => {
    const days = (id: string) => properties(id).MessageRetentionPeriod / 86_400;
    expect([days("SlackNoticesQueue"), days("SlackNoticesDeadLetterQueue")]).toEqual([14, 14]);
  });

  test("gets its function a batch with partial failures, and defaults that wait for nothing", () => {
    expect(build().event).toEqual({
      sqs: { arn: arnOf("SlackNoticesQueue"), batchSize: 10, functionResponseType: "ReportBatchItemFailures" },
    });
    expect(build({ batchSize: 50, window: 30, maximumConcurrency: 2 }).event).toEqual({
      sqs: {
        arn: arnOf("SlackNoticesQueue"),
        batchSize: 50,
        maximumBatchingWindow: 30,
        maximumConcurrency: 2,
        functionResponseType: "ReportBatchItemFailures",
      },
    });
  });

  test("may do to its own queues what it needs, and no more", () => {
    expect(build().statements).toEqual([
      { Effect: "Allow", Action: "sqs:ChangeMessageVisibility", Resource: arnOf("SlackNoticesQueue") },
      { Effect: "Allow", Action: "sqs:SendMessage", Resource: arnOf("SlackNoticesDeadLetterQueue") },
      {
        Effect: "Allow",
        Action: ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
        Resource: arnOf("FleetStateTable"),
      },
    ]);
  });

  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
  test("lets its own rule, and nobody else, write to both queues, and the rule wait for that", () => {
    const { Properties } = build().resources.SlackNoticesQueuePolicy as Json;
    expect(Properties.Queues).toEqual([{ Ref: "SlackNoticesQueue" }, { Ref: "SlackNoticesDeadLetterQueue" }]);
    const [allowed, denied] = ["Allow", "Deny"].map((effect) =>
      Properties.PolicyDocument.Statement.filter(({ Effect }: Json) => Effect === effect),
    );
    expect(denied).toEqual(
      ["SlackNoticesQueue", "SlackNoticesDeadLetterQueue"].map((queue) => ({
        Effect: "Deny",
        Principal: "*",
        Action: "sqs:*",
        Resource: arnOf(queue),
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      })),
    );
    expect(allowed).toEqual(
      ["SlackNoticesQueue", "SlackNoticesDeadLetterQueue"].map((queue) => ({
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: arnOf(queue),
        Condition: {
          StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } },
          ArnLike: { "aws:SourceArn": [ruleArn(`\${FleetBus}/fleet-test-slack-notices`)] },
        },
      })),
    );
    expect((build().resources.SlackNoticesRule as Json).DependsOn).toBe("SlackNoticesQueuePolicy");
  });

  test("has names that AWS takes, however long the stage's and its own are", () => {
    const queue = `a-queue-of-40-letters-${"x".repeat(18)}`;
    const prefix = "connector-fleet-a-stage-of-20-letter";
    const { resources } = buildConsumer(
      { queue, consumes: ["customer.synced"], schedule: NIGHTLY },
      { ...context, prefix },
    );
    const lengths = Object.values(resources).flatMap(({ Properties: { QueueName, Name } }: Json) =>
      QueueName ? [80 - QueueName.length] : Name ? [64 - Name.length] : [],
    );
    expect(lengths).toHaveLength(5);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(0);
  });
});

describe("its rule", () => {
  test("takes the named fleet events from the fleet bus and loses none", () => {
    expect(properties("SlackNoticesRule")).toMatchObject({
      EventBusName: context.fleetBus,
      State: "ENABLED",
      EventPattern: { source: ["fleet.customer-sync"], "detail-type": ["customer.synced"] },
      Targets: [
        {
          Arn: arnOf("SlackNoticesQueue"),
          DeadLetterConfig: { Arn: arnOf("SlackNoticesDeadLetterQueue") },
          RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
        },
      ],
    });
  });

  test("names each source once", () => {
    const consumes = ["customer.changed", "customer.deleted", "customer.sync-failed"];
    expect(properties("SlackNoticesRule", { consumes }).EventPattern).toEqual({
      source: ["fleet.salesforce", "fleet.customer-sync"],
      "detail-type": consumes,
      "replay-name": [{ exists: false }],
    });
  });

  test("sees events of an archive again only when it says so", () => {
    const pattern = (members: Partial<ConsumerDeclaration>) => properties("SlackNoticesRule", members).EventPattern;
    expect(pattern({ lane: "live" })["replay-name"]).toEqual([{ exists: false }]);
    expect(pattern({ replays: true })).not.toHaveProperty("replay-name");
  });

  test.each([
    ["live", [{ exists: false }]],
    ["bulk", ["bulk"]],
  ] as const)("of the %s lane leaves the other to others", (lane, expected) => {
    expect(properties("SlackNoticesRule", { lane }).EventPattern.detail).toEqual({ metadata: { lane: expected } });
  });

  test("of the partner buses listens to the bus of every organisation", () => {
    const { resources } = buildConsumer({ queue: "changes", partnerBuses: true }, context);
    const rules = Object.entries(resources).filter(([, { Type }]: Json) => Type === "AWS::Events::Rule");
    expect(rules.map(([id, { Properties }]: Json) => [id, Properties.EventBusName, Properties.EventPattern])).toEqual(
      [ORG, OTHER_ORG].map((org) => [
        `Changes${org}Rule`,
        { Ref: `Salesforce${org}Bus` },
        { source: [{ prefix: "aws.partner/" }] },
      ]),
    );
    const [allowed] = (resources.ChangesQueuePolicy as Json).Properties.PolicyDocument.Statement;
    expect(allowed.Condition.ArnLike["aws:SourceArn"]).toEqual([ruleArn("aws.partner/*/fleet-test-changes")]);
  });

  test("with a schedule gets requests from a clock, one for every entry, that name no organisation", () => {
    const { resources } = build({ schedule: NIGHTLY });
    const ids = Object.keys(resources).filter((id) => id.includes("Schedule"));
    expect(ids).toEqual(["SlackNoticesSchedule0", "SlackNoticesSchedule1"]);
    const { Name, ScheduleExpression, State, Targets } = properties(ids[1] as string, { schedule: NIGHTLY });
    expect([Name, ScheduleExpression, State, Targets]).toEqual([
      "fleet-test-slack-notices-schedule-1",
      "rate(1 day)",
      "ENABLED",
      [
        {
          Id: "queue",
          Arn: arnOf("SlackNoticesQueue"),
          DeadLetterConfig: { Arn: arnOf("SlackNoticesDeadLetterQueue") },
        },
      ],
    ]);
    const tick = {
      ...{ version: "0", id: "event-1", "detail-type": "Scheduled Event", source: "aws.events" },
      ...{ time: "2026-01-01T00:00:00Z", detail: {} },
      resources: [`arn:aws:events:us-east-1:123456789012:rule/${Name}`],
    };
    const request = asRequest(tick, build({ schedule: NIGHTLY }).environment.SCHEDULE as string) as Json;
    expect(request["detail-type"]).toBe("reconciliation.requested");
    expect(reconciliationRequested.detail.safeParse(request.detail).success).toBe(true);
    expect(request.detail).toMatchObject({
      metadata: { orgId: NO_ORG, eventId: "event-1", actor: "system:schedule", occurredAt: tick.time },
      data: NIGHTLY.data[1],
    });
    expect(asRequest(tick, "[]")).toBe(tick);
  });

  test("of work that may wait says how long", () => {
    expect([build().staleAfter, build({ staleAfter: 86_400 }).staleAfter]).toEqual([300, 86_400]);
    expect(build().queue).toBe("SlackNoticesQueue");
  });

  test("keeps a schedule that is switched off, for an operator to switch on", () => {
    const schedule = { rate: "rate(1 day)", request: "catch-up.requested", data: [{}], enabled: "false" as const };
    expect(properties("SlackNoticesSchedule0", { schedule }).State).toBe("DISABLED");
  });
});

describe("a declaration that cannot be", () => {
  test("an event that nobody knows is named, with the consumer and where to look", () => {
    expect(() => build({ consumes: ["customer.synced", "customer.synct"] })).toThrow(
      "Consumer 'slack-notices' wants 'customer.synct', which is no event of shared/contracts/events.ts.",
    );
  });

  test.each<[string, Partial<ConsumerDeclaration>]>([["an empty list", { consumes: [] }]])(
    "%s says what is missing",
    (_what, members) => {
      expect(() => build(members)).toThrow("Consumer 'slack-notices' needs 'consumes' or 'partnerBuses'.");
    },
  );

  test("events and partner buses at once are refused, as only one can be meant", () => {
    expect(() => build({ partnerBuses: true })).toThrow(
      "Consumer 'slack-notices' has both 'consumes' and 'partnerBuses'; only one can be meant.",
    );
  });

  test.each([
    ["an event that nobody knows", { request: "sweep.wanted", data: [{}] }, "asks for 'sweep.wanted'"],
    ["data that do not fit", { request: "reconciliation.requested", data: [{}] }, "do not fit"],
  ])("a schedule with %s says so", (_what, schedule, text) => {
    expect(() => build({ schedule: { rate: "rate(1 day)", enabled: true, ...schedule } })).toThrow(text);
  });

  // https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
  test("a batch above ten without a window is refused, as Lambda would in the middle of a deploy", () => {
    expect(() => build({ batchSize: 11 })).toThrow(
      "Consumer 'slack-notices' has a batchSize of 11, which needs a window of at least 1 second.",
    );
    expect(() => build({ batchSize: 11, window: 1 })).not.toThrow();
  });
});
