import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createIam, createIdentities } from "../local/aws/iam/index.ts";
import type { Clock } from "../local/aws/kernel/clock.ts";
import { ADMINISTRATOR, Kernel } from "../local/aws/kernel/kernel.ts";
import { defaultServices } from "../local/aws/services.ts";
import { deploy, type Stack } from "../local/aws/template/index.ts";
import { manualClock } from "../local/aws/testing.ts";
import { packageFleet } from "../local/packaging.ts";
import { packagedTemplate } from "./support/fleet.ts";

// The packaged alarms on the twin, whose clock a test moves: each kind is seen to fire and to clear.
const TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms";
const MINUTE_MS = 60_000;
const HOUR = 60;

let clock: Clock;
let kernel: Kernel;
let stack: Stack;
let healthy = true;

beforeAll(async () => {
  const template = await packagedTemplate();
  for (const { Type, Properties } of Object.values<Resource>(template.Resources))
    if (Type === "AWS::CloudWatch::Alarm") Object.assign(Properties, { AlarmActions: [TOPIC], OKActions: [TOPIC] });
  const artifacts = dirname((await packageFleet("local")).template);
  clock = manualClock(Date.UTC(2026, 0, 5, 12));
  const identities = createIdentities();
  kernel = new Kernel(clock, identities);
  kernel.register(createIam(identities));
  for (const create of defaultServices) kernel.register(create(kernel, { artifacts }));
  stack = await deploy(kernel, template, { stackName: "fleet", artifacts });
  await kernel.service("monitoring").start?.();
}, 120_000);

afterAll(async () => {
  for (const service of kernel.services().toReversed()) await service.stop?.();
});

interface Resource {
  readonly Type: string;
  readonly Properties: object;
}

function ref(logicalId: string): string {
  const resource = stack.resources.get(logicalId);
  if (!resource) throw new Error(`The template has no resource '${logicalId}'.`);
  return resource.ref;
}

// biome-ignore lint/suspicious/noExplicitAny: AWS's answers have no types of their own here
const aws = (service: string, operation: string, input: object): Promise<any> =>
  kernel.call(service, operation, input, { principal: ADMINISTRATOR });

/** Publishes a metric of the fleet, as a function's log line does. */
async function publish(
  MetricName: string,
  Value: number,
  dimensions: Record<string, string>,
  Namespace = "ConnectorFleet/local",
): Promise<void> {
  const Dimensions = Object.entries(dimensions).map(([Name, Text]) => ({ Name, Value: Text }));
  const MetricData = [{ MetricName, Value, Dimensions, Timestamp: clock.now() / 1000 }];
  await aws("monitoring", "PutMetricData", { Namespace, MetricData });
}

/** Lets minutes pass; in each the reconciler tells that nothing is behind, and `each` happens. */
async function pass(minutes: number, each: () => unknown = () => undefined): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    if (healthy)
      for (const target of ["billing", "salesforce"])
        await publish("OldestBehindSeconds", 0, { service: "flows/reconcile", target });
    await each();
    clock.advance(MINUTE_MS);
  }
}

async function stateOf(alarmId: string): Promise<string> {
  const { MetricAlarms } = await aws("monitoring", "DescribeAlarms", { AlarmNames: [ref(alarmId)] });
  return MetricAlarms[0].StateValue;
}

async function historyOf(alarmId: string): Promise<string[]> {
  const { AlarmHistoryItems } = await aws("monitoring", "DescribeAlarmHistory", {
    AlarmName: ref(alarmId),
    ScanBy: "TimestampAscending",
  });
  return AlarmHistoryItems.map(({ HistorySummary }: { HistorySummary: string }) => HistorySummary);
}

const lambda = (id: string, values: Record<string, number>) => () =>
  kernel.measure("AWS/Lambda", { FunctionName: ref(`${id}LambdaFunction`) }, { Invocations: 1, ...values });
const run = (machine: string, values: Record<string, number>) => () =>
  kernel.measure("AWS/States", { StateMachineArn: ref(machine) }, values);
const fleet =
  (metric: string, value: number, service: string, more: Record<string, string> = {}) =>
  () =>
    publish(metric, value, { service, ...more });
const whole = (metric: string, value: number) => () =>
  publish(metric, value, { service: "fleet/local" }, "ConnectorFleet");
const target = (metric: string, value: number, name: string) =>
  fleet(metric, value, "flows/reconcile", { target: name });
const send = (queue: string) => () => aws("sqs", "SendMessage", { QueueUrl: ref(queue), MessageBody: "{}" });
const purge = (queue: string) => () => aws("sqs", "PurgeQueue", { QueueUrl: ref(queue) });
const once = (act: () => unknown) => {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
};

interface Kind {
  readonly alarm: string;
  /** What happens every minute. */
  readonly trouble: () => unknown;
  /** Minutes of it until the alarm. */
  readonly fires: number;
  readonly mend?: () => unknown;
  /** Minutes without it in which it still calls, where the time is promised. */
  readonly holds?: number;
  /** Minutes without it until all is well. */
  readonly clears: number;
}

describe("it fires, tells, clears and tells again:", () => {
  test.each<[string, Kind]>([
    [
      "a consumer that crashes",
      { alarm: "SlackNotifyErrorsAlarm", trouble: lambda("SlackDashnotify", { Errors: 1 }), fires: 10, clears: 20 },
    ],
    [
      "a task that crashes",
      {
        alarm: "CustomersUpsertErrorsAlarm",
        trouble: lambda("CustomersDashupsert", { Errors: 1 }),
        fires: 10,
        clears: 30,
      },
    ],
    [
      "throttles",
      {
        alarm: "FunctionThrottles1Alarm",
        trouble: lambda("SalesforceDashsweep", { Throttles: 1 }),
        fires: 20,
        clears: 20,
      },
    ],
    [
      "runs near their time-out",
      {
        ...{ alarm: "FunctionDurations1Alarm", trouble: lambda("SalesforceDashsweep", { Duration: 271_000 }) },
        ...{ fires: 10, clears: 20 },
      },
    ],
    [
      "messages that nobody takes",
      {
        ...{ alarm: "SlackNoticesStaleAlarm", trouble: once(send("SlackNoticesQueue")), fires: 7 },
        ...{ mend: purge("SlackNoticesQueue"), holds: 13, clears: 16 },
      },
    ],
    [
      "messages tried over and over",
      {
        ...{ alarm: "CatchUpStaleAlarm", trouble: fleet("OldestRetriedSeconds", 7300, "salesforce/catch-up") },
        ...{ fires: 1, holds: 13, clears: 16 },
      },
    ],
    [
      "dead letters that stay",
      {
        ...{ alarm: "DeadLetters1Alarm", trouble: once(send("CatchUpDeadLetterQueue")), fires: 4 },
        ...{ mend: purge("CatchUpDeadLetterQueue"), clears: 2 },
      },
    ],
    ["denied messages", { alarm: "MessagesDeniedAlarm", trouble: whole("MessagesDenied", 1), fires: 1, clears: 10 }],
    [
      "a run that failed",
      { alarm: "BackfillFailedAlarm", trouble: run("Backfill", { ExecutionsFailed: 1 }), fires: 1, clears: 10 },
    ],
    [
      "a run that timed out",
      { alarm: "BackfillFailedAlarm", trouble: run("Backfill", { ExecutionsTimedOut: 1 }), fires: 1, clears: 10 },
    ],
    [
      "runs that keep failing",
      {
        alarm: "CustomerSyncFailedAlarm",
        trouble: run("CustomerSync", { ExecutionsFailed: 1 }),
        fires: 10,
        clears: 20,
      },
    ],
    [
      "throttled runs",
      {
        ...{ alarm: "ExecutionsThrottled1Alarm", trouble: run("CustomerSync", { ExecutionThrottled: 1 }) },
        ...{ fires: 20, clears: 20 },
      },
    ],
    [
      "a feed that loses changes",
      {
        ...{ alarm: "FeedMissesAlarm", trouble: fleet("ChangesMissedByLiveFeed", 1, "salesforce/catch-up") },
        ...{ fires: 50, clears: 75 },
      },
    ],
    [
      "an open breaker",
      { alarm: "BillingBreakerOpenAlarm", trouble: target("BreakerOpen", 1, "billing"), fires: 5, clears: 2 },
    ],
    [
      "a refused key",
      { alarm: "SlackKeyRefusedAlarm", trouble: target("TargetRefusesKey", 1, "slack"), fires: 1, clears: 2 },
    ],
    ["parked work", { alarm: "WorkParkedAlarm", trouble: whole("WorkParked", 1), fires: 1, clears: 10 }],
    [
      "a lost position",
      {
        ...{ alarm: "ReplayPositionLostAlarm", trouble: fleet("ReplayPositionsLost", 1, "salesforce/catch-up") },
        ...{ fires: 1, clears: 10 },
      },
    ],
  ])("%s", async (_what, { alarm, trouble, fires, mend, holds = 0, clears }) => {
    await pass(1);
    const before = (await historyOf(alarm)).length;
    expect(await stateOf(alarm)).toBe("OK");
    await pass(fires, trouble);
    expect(await stateOf(alarm)).toBe("ALARM");
    await mend?.();
    await pass(holds);
    expect(await stateOf(alarm)).toBe("ALARM");
    await pass(clears - holds);
    expect(await stateOf(alarm)).toBe("OK");
    const action = `Successfully executed action ${TOPIC}`;
    expect((await historyOf(alarm)).slice(before)).toEqual([
      "Alarm updated from OK to ALARM",
      action,
      "Alarm updated from ALARM to OK",
      action,
    ]);
  });
});

describe("a target that is behind", () => {
  test("alarms after a quarter of an hour, and no more once it has caught up", async () => {
    await pass(6);
    expect(await stateOf("BillingBehindAlarm")).toBe("OK");
    healthy = false;
    await pass(6, async () => {
      await target("OldestBehindSeconds", 901, "billing")();
      await target("OldestBehindSeconds", 899, "salesforce")();
    });
    expect([await stateOf("BillingBehindAlarm"), await stateOf("SalesforceBehindAlarm")]).toEqual(["ALARM", "OK"]);
    healthy = true;
    await pass(2);
    expect(await stateOf("BillingBehindAlarm")).toBe("OK");
  });

  test("alarms as well when the reconciler says nothing", async () => {
    healthy = false;
    await pass(6);
    expect([await stateOf("BillingBehindAlarm"), await stateOf("SalesforceBehindAlarm")]).toEqual(["ALARM", "ALARM"]);
    healthy = true;
    await pass(6);
    expect(await stateOf("SalesforceBehindAlarm")).toBe("OK");
  });
});

describe("the feed", () => {
  test("is silent after 24 hours without a change, and not with one a day", async () => {
    const live = fleet("ChangesByLiveFeed", 1, "salesforce/capture");
    await live();
    await pass(HOUR + 1);
    expect(await stateOf("FeedSilentAlarm")).toBe("OK");
    await pass(22 * HOUR);
    expect(await stateOf("FeedSilentAlarm")).toBe("OK");
    // What the catch-up puts on the queue is no life of the feed.
    await pass(2 * HOUR, send("SalesforceChangesQueue"));
    expect(await stateOf("FeedSilentAlarm")).toBe("ALARM");
    await live();
    await pass(HOUR + 1);
    expect(await stateOf("FeedSilentAlarm")).toBe("OK");
  });

  test("of an organisation is dead until a run of the catch-up says otherwise", async () => {
    const runs = (dead: number) => fleet("LiveFeedsDead", dead, "salesforce/catch-up");
    await pass(HOUR + 1, runs(0));
    expect(await stateOf("FeedDeadAlarm")).toBe("OK");
    await runs(1)();
    await pass(3 * HOUR);
    expect(await stateOf("FeedDeadAlarm")).toBe("ALARM");
    await pass(2 * HOUR, runs(0));
    expect(await stateOf("FeedDeadAlarm")).toBe("OK");
  });
});

describe("a low API budget", () => {
  test("alarms until calls say otherwise", async () => {
    const calls = (percent: number) => whole("SalesforceApiUsedPercent", percent);
    await pass(1, calls(80));
    expect(await stateOf("ApiBudgetLowAlarm")).toBe("OK");
    await pass(1, calls(81));
    await pass(5 * HOUR);
    expect(await stateOf("ApiBudgetLowAlarm")).toBe("ALARM");
    await pass(3 * HOUR, calls(79));
    expect(await stateOf("ApiBudgetLowAlarm")).toBe("OK");
  });
});

describe("no alarm", () => {
  test.each<[string, string, () => unknown]>([
    [
      "for errors that the function named, as in an outage",
      "BillingUpsertCustomerErrorsAlarm",
      async () => {
        lambda("BillingDashupsertDashcustomer", { Errors: 3 })();
        await fleet("RunsFailed", 3, "billing/upsert-customer")();
      },
    ],
    ["for one crash alone", "SlackNotifyErrorsAlarm", once(lambda("SlackDashnotify", { Errors: 1 }))],
    [
      "for one failed run that the queue repeats",
      "CustomerSyncFailedAlarm",
      once(run("CustomerSync", { ExecutionsFailed: 1 })),
    ],
    [
      "for a wait of a minute that a target asked for",
      "BillingBreakerOpenAlarm",
      once(target("BreakerOpen", 1, "billing")),
    ],
  ])("%s", async (_why, alarm, trouble) => {
    await pass(30, async () => {
      await trouble();
      expect(await stateOf(alarm)).toBe("OK");
    });
  });
});
