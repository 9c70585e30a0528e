import { afterEach, expect, test } from "@jest/globals";
import { ADMINISTRATOR, Kernel } from "../../local/aws/kernel/kernel.ts";
import { createMonitoring } from "../../local/aws/monitoring/index.ts";
import { deploy } from "../../local/aws/template/index.ts";
import { allowAll, manualClock } from "../../local/aws/testing.ts";
import { buildAlarms } from "./alarms.ts";
import { takeInventory } from "./inventory.ts";

// Single alarms on the twin, whose clock a test moves; test/alarms.test.ts has those of the packaged template.
const MINUTE_MS = 60_000;
const HOUR = 60;
const TEMPLATE = {
  BillingUpsert: {
    Type: "AWS::Lambda::Function",
    Properties: {
      FunctionName: "fleet-test-billing-upsert",
      Environment: { Variables: { POWERTOOLS_SERVICE_NAME: "b" } },
    },
  },
  SalesforceChangesQueue: { Type: "AWS::SQS::Queue", Properties: { QueueName: "fleet-test-salesforce-changes" } },
};
const SETTINGS = { stage: "test", prefix: "fleet-test", actions: [], feedSilentHours: 24, staleAfter: new Map() };
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** The twin with one of the alarms; `put` says a value of a metric now. */
async function world(alarm: string) {
  const clock = manualClock(Date.UTC(2026, 0, 5, 12));
  const kernel = new Kernel(clock, allowAll());
  const monitoring = createMonitoring(kernel);
  kernel.register(monitoring);
  const { [alarm]: resource } = buildAlarms(takeInventory(TEMPLATE, "fleet-test"), SETTINGS);
  const named = JSON.stringify(resource).replace(/{"Fn::Sub":"\$\{(\w+)\}"}/g, '"$1"');
  await deploy(kernel, { Resources: { Alarm: JSON.parse(named) } }, { stackName: "s", artifacts: "." });
  await monitoring.start?.();
  ends.push(() => monitoring.stop?.());
  const call = (operation: string, input: object) =>
    kernel.call("monitoring", operation, input, { principal: ADMINISTRATOR });
  const put = async (MetricName: string, Value: number, service: string, Namespace = "ConnectorFleet/test") => {
    const Dimensions = [{ Name: "service", Value: service }];
    const MetricData = [{ MetricName, Value, Dimensions, Timestamp: clock.now() / 1000 }];
    await call("PutMetricData", { Namespace, MetricData });
  };
  return {
    put,
    thrown: () => kernel.measure("AWS/Lambda", { FunctionName: "BillingUpsert" }, { Errors: 1 }),
    /** Lets minutes pass, in each of which something happens. */
    async pass(minutes: number, each: (minute: number) => unknown = () => undefined) {
      for (let minute = 0; minute < minutes; minute += 1) {
        await each(minute);
        clock.advance(MINUTE_MS);
      }
    },
    async state() {
      const { MetricAlarms } = (await call("DescribeAlarms", {})) as { MetricAlarms: { StateValue: string }[] };
      return MetricAlarms[0]?.StateValue;
    },
  };
}

test("a feed is silent however many changes the catch-up brings, until it brings one itself", async () => {
  const { put, pass, state } = await world("FeedSilentAlarm");
  await put("ChangesByLiveFeed", 1, "salesforce/capture");
  await pass(26 * HOUR, (minute) => minute % 90 === 0 && put("ChangesMissedByLiveFeed", 1, "salesforce/catch-up"));
  expect(await state()).toBe("ALARM");
  await put("ChangesByLiveFeed", 1, "salesforce/capture");
  await pass(HOUR + 1);
  expect(await state()).toBe("OK");
});

test("the dead feed of one organisation among others alarms, and until a run says otherwise", async () => {
  const { put, pass, state } = await world("FeedDeadAlarm");
  const everyQuarter = (dead: number) => async (minute: number) => {
    if (minute % 15 === 0) await put("LiveFeedsDead", 0, "salesforce/catch-up");
    if (minute % 15 === 1) await put("LiveFeedsDead", dead, "salesforce/catch-up");
  };
  await pass(HOUR, everyQuarter(0));
  expect(await state()).toBe("OK");
  await pass(5, everyQuarter(1));
  expect(await state()).toBe("ALARM");
  await pass(2 * HOUR, everyQuarter(1));
  // The catch-up itself fails.
  await pass(5 * HOUR);
  expect(await state()).toBe("ALARM");
  await pass(2 * HOUR, everyQuarter(0));
  expect(await state()).toBe("OK");
});

test("a used-up API budget alarms until a call says otherwise, though calls have become rare", async () => {
  const { put, pass, state } = await world("ApiBudgetLowAlarm");
  const used = (percent: number) => put("SalesforceApiUsedPercent", percent, "fleet/test", "ConnectorFleet");
  const states = new Set<string | undefined>();
  await used(100);
  await pass(5 * HOUR, async (minute) => minute > 0 && states.add(await state()));
  // Another organisation goes on beside it.
  await pass(5 * HOUR, async (minute) => {
    if (minute % 62 === 0) await used(100);
    await used(10);
    states.add(await state());
  });
  expect([...states]).toEqual(["ALARM"]);
  await used(60);
  await pass(3 * HOUR);
  expect(await state()).toBe("OK");
});

test("errors that a function named are no crashes, wherever its runs begin and end", async () => {
  const { put, pass, thrown, state } = await world("BillingUpsertErrorsAlarm");
  // Lambda dates an error at the start of its run, here just before the end of five minutes, and we at its end.
  await pass(2 * HOUR, async (minute) => {
    if (minute % 10 === 4) thrown();
    if (minute % 10 === 5) await put("RunsFailed", 1, "b");
    expect(await state()).not.toBe("ALARM");
  });
  await pass(15, (minute) => minute % 5 === 0 && thrown());
  expect(await state()).toBe("ALARM");
});
