import { describe, expect, test } from "@jest/globals";
import { buildConsumer, type ConsumerDeclaration } from "./consumer.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

const context = {
  prefix: "fleet-test",
  timeoutSeconds: 30,
  fleetBus: { Ref: "FleetBus" },
  alarmActions: ["arn:aws:sns:us-east-1:123456789012:alarms"],
};
const build = (members: Partial<ConsumerDeclaration> = {}) =>
  buildConsumer({ queue: "slack-notices", consumes: ["customer.synced"], ...members }, context);
const properties = (id: string, members?: Partial<ConsumerDeclaration>): Json =>
  (build(members).resources[id] as Json).Properties;
const arnOf = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });

describe("a consumer", () => {
  test("is a queue, its dead-letter queue, their policy, a rule and two alarms, all named after it", () => {
    const { resources, deadLetterQueue } = build();
    const types = Object.fromEntries(Object.entries(resources).map(([id, resource]) => [id, (resource as Json).Type]));
    expect(types).toEqual({
      SlackNoticesQueue: "AWS::SQS::Queue",
      SlackNoticesDeadLetterQueue: "AWS::SQS::Queue",
      SlackNoticesQueuePolicy: "AWS::SQS::QueuePolicy",
      SlackNoticesRule: "AWS::Events::Rule",
      SlackNoticesStaleAlarm: "AWS::CloudWatch::Alarm",
      SlackNoticesDeadLettersAlarm: "AWS::CloudWatch::Alarm",
    });
    expect(deadLetterQueue).toBe("SlackNoticesDeadLetterQueue");
    expect(properties("SlackNoticesQueue").QueueName).toBe("fleet-test-slack-notices");
    expect(properties("SlackNoticesDeadLetterQueue").QueueName).toBe("fleet-test-slack-notices-dead");
    expect(properties("SlackNoticesRule").Name).toBe("fleet-test-slack-notices");
    expect(properties("SlackNoticesStaleAlarm").AlarmName).toBe("fleet-test-slack-notices-stale");
  });

  test.each([
    ["a", "AQueue"],
    ["audit2-v3", "Audit2V3Queue"],
    ["x-9-y", "X9YQueue"],
  ])("of the queue '%s' has ids that CloudFormation takes", (queue, id) => {
    expect(build({ queue }).resources).toHaveProperty(id);
  });

  test("counts itself, and the queue gives up only after it", () => {
    expect(build().environment).toEqual({
      QUEUE_URL: { Ref: "SlackNoticesQueue" },
      DEAD_LETTER_QUEUE_URL: { Ref: "SlackNoticesDeadLetterQueue" },
      MAX_RECEIVES: "5",
    });
    const redrive = { deadLetterTargetArn: arnOf("SlackNoticesDeadLetterQueue"), maxReceiveCount: 6 };
    expect(properties("SlackNoticesQueue").RedrivePolicy).toEqual(redrive);
    expect(build({ maxReceives: 1 }).environment.MAX_RECEIVES).toBe("1");
    expect(properties("SlackNoticesQueue", { maxReceives: 1 }).RedrivePolicy.maxReceiveCount).toBe(2);
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  test("hides a batch for six time-outs and the window", () => {
    expect(properties("SlackNoticesQueue").VisibilityTimeout).toBe(180);
    expect(properties("SlackNoticesQueue", { window: 30 }).VisibilityTimeout).toBe(210);
  });

  test("keeps dead letters longer than messages", () => {
    const days = (id: string) => properties(id).MessageRetentionPeriod / 86_400;
    expect([days("SlackNoticesQueue"), days("SlackNoticesDeadLetterQueue")]).toEqual([4, 14]);
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
    ]);
  });

  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
  test("lets its own rule, and nobody else, write to both queues", () => {
    const { Queues, PolicyDocument } = properties("SlackNoticesQueuePolicy");
    expect(Queues).toEqual([{ Ref: "SlackNoticesQueue" }, { Ref: "SlackNoticesDeadLetterQueue" }]);
    expect(PolicyDocument.Statement).toEqual(
      ["SlackNoticesQueue", "SlackNoticesDeadLetterQueue"].map((queue) => ({
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: arnOf(queue),
        Condition: { ArnEquals: { "aws:SourceArn": arnOf("SlackNoticesRule") } },
      })),
    );
  });

  test("alarms on messages that wait and on dead letters", () => {
    expect(properties("SlackNoticesStaleAlarm")).toMatchObject({
      MetricName: "ApproximateAgeOfOldestMessage",
      Dimensions: [{ Name: "QueueName", Value: { "Fn::GetAtt": ["SlackNoticesQueue", "QueueName"] } }],
      Threshold: 300,
      AlarmActions: context.alarmActions,
    });
    expect(properties("SlackNoticesDeadLettersAlarm")).toMatchObject({
      MetricName: "ApproximateNumberOfMessagesVisible",
      Dimensions: [{ Name: "QueueName", Value: { "Fn::GetAtt": ["SlackNoticesDeadLetterQueue", "QueueName"] } }],
      Threshold: 0,
      AlarmActions: context.alarmActions,
    });
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
    });
  });

  test("may listen to another bus with a pattern of its own", () => {
    const declaration = {
      queue: "changes",
      bus: { Ref: "PartnerBus" },
      pattern: { source: [{ prefix: "aws.partner" }] },
    };
    const rule = (buildConsumer(declaration, context).resources.ChangesRule as Json).Properties;
    expect([rule.EventBusName, rule.EventPattern]).toEqual([declaration.bus, declaration.pattern]);
  });
});

describe("a declaration that cannot be", () => {
  test("an event that nobody knows is named, with the consumer and where to look", () => {
    expect(() => build({ consumes: ["customer.synced", "customer.synct"] })).toThrow(
      "Consumer 'slack-notices' wants 'customer.synct', which is no event of shared/contracts/events.ts.",
    );
  });

  test.each<[string, Partial<ConsumerDeclaration>]>([
    ["an empty list", { consumes: [] }],
    ["another bus alone", { consumes: [], bus: { Ref: "PartnerBus" } }],
  ])("%s says what is missing", (_what, members) => {
    expect(() => build(members)).toThrow("Consumer 'slack-notices' needs 'consumes' or a 'pattern' of its own.");
  });

  test("events and a pattern at once are refused, as only one can be meant", () => {
    expect(() => build({ pattern: { source: ["x"] } })).toThrow(
      "Consumer 'slack-notices' has both 'consumes' and a 'pattern'; only one can be meant.",
    );
  });

  // https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
  test("a batch above ten without a window is refused, as Lambda would in the middle of a deploy", () => {
    expect(() => build({ batchSize: 11 })).toThrow(
      "Consumer 'slack-notices' has a batchSize of 11, which needs a window of at least 1 second.",
    );
    expect(() => build({ batchSize: 11, window: 1 })).not.toThrow();
  });
});
