import { describe, expect, test } from "@jest/globals";
import { salesforceConnectionSchema } from "../../functions/salesforce/org/connection.ts";
import { buildAlarms } from "./alarms.ts";
import { buildDashboard } from "./dashboard.ts";
import { type Inventory, takeInventory } from "./inventory.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

const TOPIC = ["arn:aws:sns:us-east-1:123456789012:alarms"];
const arnOf = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });
const lambda = (name: string, Timeout = 20) => ({
  Type: "AWS::Lambda::Function",
  Properties: {
    FunctionName: `fleet-test-${name}`,
    Timeout,
    Environment: { Variables: { POWERTOOLS_SERVICE_NAME: name.replace("-", "/") } },
  },
});
const queue = (name: string, dead?: string) => ({
  Type: "AWS::SQS::Queue",
  Properties: {
    QueueName: `fleet-test-${name}`,
    VisibilityTimeout: 1800,
    ...(dead ? { RedrivePolicy: { deadLetterTargetArn: arnOf(dead), maxReceiveCount: 3 } } : {}),
  },
});
const machine = (name: string, StateMachineType: string) => ({
  Type: "AWS::StepFunctions::StateMachine",
  Properties: { StateMachineName: `fleet-test-${name}`, StateMachineType },
});
const mapping = (from: string, to: string) => ({
  Type: "AWS::Lambda::EventSourceMapping",
  Properties: { EventSourceArn: arnOf(from), FunctionName: arnOf(to) },
});
const TEMPLATE = {
  SlackDashnotify: lambda("slack-notify"),
  BillingDashupsert: lambda("billing-upsert", 30),
  NoticesQueue: queue("notices", "NoticesDeadLetterQueue"),
  NoticesDeadLetterQueue: queue("notices-dead"),
  SalesforceChangesQueue: queue("salesforce-changes"),
  Mapping: mapping("NoticesQueue", "SlackDashnotify"),
  CustomerSync: machine("customer-sync", "EXPRESS"),
  Backfill: machine("backfill", "STANDARD"),
};
const SETTINGS = {
  stage: "test",
  prefix: "fleet-test",
  actions: TOPIC,
  feedSilentHours: 24,
  staleAfter: new Map([["NoticesQueue", 900]]),
};
const alarmsOf = (template: object, settings: object = {}): Record<string, Json> =>
  buildAlarms(takeInventory(template as Json, "fleet-test"), { ...SETTINGS, ...settings });
const properties = (id: string, settings: object = {}): Json => alarmsOf(TEMPLATE, settings)[id].Properties;
const watched = (id: string): string[] => {
  const { Metrics, Namespace, MetricName } = properties(id);
  if (!Metrics) return [`${Namespace} ${MetricName}`];
  return Metrics.flatMap(({ MetricStat }: Json) =>
    MetricStat ? [`${MetricStat.Metric.Namespace} ${MetricStat.Metric.MetricName}`] : [],
  );
};

describe("every alarm", () => {
  test("says what is wrong and where to look, and acts when it fires and when it clears", () => {
    for (const { Properties } of Object.values(alarmsOf(TEMPLATE))) {
      expect(Properties.AlarmName).toMatch(/^fleet-test-[a-z0-9-]+$/);
      expect(Properties.AlarmDescription).toMatch(/[.] What to do: docs\/operations[.]md#alarm-[a-z-]+$/);
      expect([Properties.AlarmActions, Properties.OKActions]).toEqual([TOPIC, TOPIC]);
    }
  });

  test("is there once, however many organisations send changes", () => {
    const rule = { Type: "AWS::Events::Rule", Properties: { Targets: [{ Arn: arnOf("SalesforceChangesQueue") }] } };
    const bus = { Type: "AWS::Events::EventBus", Properties: { Name: "other" } };
    const secret = { Type: "AWS::SecretsManager::Secret", Properties: { Name: "other" } };
    expect(alarmsOf({ ...TEMPLATE, rule, bus, secret })).toEqual(alarmsOf(TEMPLATE));
  });

  test("hears its own stage alone, though several share an account", () => {
    const other = JSON.stringify(alarmsOf(TEMPLATE, { stage: "prod", prefix: "fleet-prod" }));
    expect(other).toContain("ConnectorFleet/prod");
    expect(other).toContain('"fleet/prod"');
    expect(other).not.toMatch(/(ConnectorFleet|fleet)[/-]test/);
  });

  test("stays within CloudWatch's metrics of one alarm, however many resources there are", () => {
    const many = Object.fromEntries(
      Array.from({ length: 41 }, (_, n) => [
        [`F${n}`, lambda(`f-${n}`)],
        [`Q${n}Queue`, queue(`q${n}`, `Q${n}Dead`)],
        [`Q${n}Dead`, queue(`q${n}-dead`)],
        [`M${n}`, mapping(`Q${n}Queue`, `F${n}`)],
      ]).flat(),
    );
    const sizes = Object.values(alarmsOf(many)).map(
      ({ Properties: { Metrics = [1] } }) => Metrics.filter((one: Json) => one === 1 || one.MetricStat).length,
    );
    expect(Math.max(...sizes)).toBe(10);
  });
});

describe("a function", () => {
  test("that a queue feeds alarms on errors, as long apart as the queue hands out again", () => {
    expect(properties("SlackNotifyErrorsAlarm")).toMatchObject({
      Namespace: "AWS/Lambda",
      MetricName: "Errors",
      Dimensions: [{ Name: "FunctionName", Value: { "Fn::Sub": "$" + "{SlackDashnotify}" } }],
      Period: 300,
      EvaluationPeriods: 8,
      DatapointsToAlarm: 2,
    });
  });

  test("that somebody calls alarms only on errors that it did not name", () => {
    const { Metrics, EvaluationPeriods, Threshold } = properties("BillingUpsertErrorsAlarm");
    expect([Metrics[0].Expression, EvaluationPeriods, Threshold]).toEqual(["m1-FILL(m2,0)", 1, 1]);
    expect(Metrics[2].MetricStat.Metric).toEqual({
      Namespace: "ConnectorFleet/test",
      MetricName: "RunsFailed",
      Dimensions: [{ Name: "service", Value: "billing/upsert" }],
    });
  });

  test("alarms on throttles, and on runs near its own time-out", () => {
    expect(watched("FunctionThrottles1Alarm")).toEqual(["AWS/Lambda Throttles", "AWS/Lambda Throttles"]);
    const { Metrics, Threshold } = properties("FunctionDurations1Alarm");
    expect([Metrics[0].Expression, Threshold]).toEqual(["MAX([m1/20000,m2/30000])", 0.9]);
  });
});

describe("a queue", () => {
  test("alarms on messages that wait longer than its consumer allows, tried again or not", () => {
    const { Metrics, Threshold } = properties("NoticesStaleAlarm");
    expect([Metrics[0].Expression, Threshold]).toEqual(["MAX([m1,m2])", 900]);
    expect(watched("NoticesStaleAlarm")).toEqual([
      "AWS/SQS ApproximateAgeOfOldestMessage",
      "ConnectorFleet/test OldestRetriedSeconds",
    ]);
    expect(properties("SalesforceChangesStaleAlarm").Threshold).toBe(300);
  });

  test("of dead letters alarms on any that stays, visible or not", () => {
    expect(watched("DeadLetters1Alarm")).toEqual([
      "AWS/SQS ApproximateNumberOfMessagesVisible",
      "AWS/SQS ApproximateNumberOfMessagesNotVisible",
    ]);
    expect(alarmsOf(TEMPLATE)).not.toHaveProperty("NoticesDeadLetterStaleAlarm");
  });
});

describe("a state machine", () => {
  test("alarms on failed and timed-out runs: once for one that nobody repeats, on and on for one that the queue does", () => {
    expect(watched("BackfillFailedAlarm")).toEqual(["AWS/States ExecutionsFailed", "AWS/States ExecutionsTimedOut"]);
    expect(properties("BackfillFailedAlarm")).toMatchObject({ EvaluationPeriods: 1, DatapointsToAlarm: 1 });
    expect(properties("CustomerSyncFailedAlarm")).toMatchObject({ EvaluationPeriods: 3, DatapointsToAlarm: 2 });
    // A run that has parked its work ends as failed too.
    expect(properties("CustomerSyncFailedAlarm").AlarmDescription).toContain("parked its work for a person, or left");
  });
});

test("API calls are low where the reserve that a connection has by default begins", () => {
  const { apiReserve } = salesforceConnectionSchema.parse({
    ...{ loginUrl: "https://a.example", clientId: "a", clientSecret: "b", orgId: "00D5f0000000001EAA" },
    ...{ apiVersion: "66.0", integrationClientName: "a" },
  });
  expect(properties("ApiBudgetLowAlarm").Threshold).toBe(100 * (1 - apiReserve));
});

describe("the feed", () => {
  test("is silent after the hours of the parameter", () => {
    expect(properties("FeedSilentAlarm", { feedSilentHours: 60 })).toMatchObject({
      MetricName: "ChangesByLiveFeed",
      ...{ Period: 3600, EvaluationPeriods: 60, DatapointsToAlarm: 60 },
      ...{ ComparisonOperator: "LessThanOrEqualToThreshold", Threshold: 0, TreatMissingData: "breaching" },
    });
    expect(alarmsOf(TEMPLATE, { feedSilentHours: 0 })).not.toHaveProperty("FeedSilentAlarm");
  });
});

describe("the dashboard", () => {
  const bodyOf = (inventory: Inventory, alarms: string[] = []): Json =>
    JSON.parse(
      (buildDashboard(inventory, { name: "fleet", stage: "test" }, alarms) as Json).Properties.DashboardBody["Fn::Sub"],
    );
  const inventory = takeInventory(TEMPLATE, "fleet-test");

  test("shows alarms, targets, queues, state machines and functions, each once and beside one another", () => {
    const { widgets } = bodyOf(inventory, ["FeedSilentAlarm"]);
    expect(widgets[0].properties.alarms).toEqual(["$" + "{FeedSilentAlarm.Arn}"]);
    const text = JSON.stringify(widgets);
    for (const id of ["SlackDashnotify", "NoticesDeadLetterQueue.QueueName", "CustomerSync", "billing", "BreakerOpen"])
      expect(text).toContain(id);
    const places = widgets.map(({ x, y }: Json) => `${x} ${y}`);
    expect(new Set(places).size).toBe(places.length);
    for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(24);
  });

  test("shows whatever an alarm looks at", () => {
    const rows = bodyOf(inventory).widgets.flatMap(({ properties }: Json) => properties.metrics ?? []);
    const shown = new Set(rows.map((row: Json) => row.join(" ")));
    const looked = Object.values(alarmsOf(TEMPLATE)).flatMap(({ Properties }) =>
      Properties.Metrics ? Properties.Metrics.flatMap((one: Json) => one.MetricStat?.Metric ?? []) : [Properties],
    );
    const rowOf = ({ Namespace, MetricName, Dimensions }: Json) =>
      [Namespace, MetricName, ...Dimensions.flatMap(({ Name, Value }: Json) => [Name, Value["Fn::Sub"] ?? Value])].join(
        " ",
      );
    expect(looked.map(rowOf).filter((row) => !shown.has(row))).toEqual([]);
    expect(looked.length).toBeGreaterThan(20);
  });

  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
  test("keeps to CloudWatch's limits", () => {
    const functions = Array.from({ length: 600 }, (_, n) => ({ ...inventory.functions[0], id: `F${n}` }) as Json);
    const { widgets } = bodyOf({ ...inventory, functions });
    expect(widgets.length).toBeLessThanOrEqual(500);
    for (const {
      properties: { metrics = [] },
    } of widgets)
      expect(metrics.length).toBeLessThanOrEqual(500);
  });

  test("has no empty graph", () => {
    const { widgets } = bodyOf({ functions: [], queues: [], machines: [] });
    for (const {
      type,
      properties: { metrics },
    } of widgets)
      if (type === "metric") expect(metrics.length).toBeGreaterThan(0);
  });
});
