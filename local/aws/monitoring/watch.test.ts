import { afterEach, describe, expect, test } from "@jest/globals";
import { ADMINISTRATOR, Kernel } from "../kernel/kernel.ts";
import type { Measurement } from "../kernel/service.ts";
import { deploy } from "../template/index.ts";
import { allowAll, eventually, manualClock, testKernel } from "../testing.ts";
import { createMonitoring } from "./index.ts";

const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 5, 12);
const ALARM = {
  AlarmName: "depth",
  Namespace: "Own",
  MetricName: "Depth",
  Statistic: "Maximum",
  Period: 60,
  EvaluationPeriods: 2,
  Threshold: 5,
  ComparisonOperator: "GreaterThanThreshold",
  TreatMissingData: "notBreaching",
  AlarmActions: ["arn:aws:sns:us-east-1:123456789012:fire"],
  OKActions: ["arn:aws:sns:us-east-1:123456789012:calm"],
};
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Monitoring with one alarm, beside a service whose depth a test sets. */
async function world(kernel: Kernel, properties: object = {}) {
  let depth = 0;
  let looks = 0;
  const gauges = (): Measurement[] => {
    looks += 1;
    return [{ namespace: "Own", dimensions: {}, values: { Depth: depth } }];
  };
  const monitoring = createMonitoring(kernel);
  kernel.register(monitoring);
  kernel.register({
    name: "own",
    wire: { kind: "json", version: "1.0", targetPrefix: "Own." },
    operations: {},
    gauges,
  });
  const Resources = { Alarm: { Type: "AWS::CloudWatch::Alarm", Properties: { ...ALARM, ...properties } } };
  await deploy(kernel, { Resources }, { stackName: "s", artifacts: "." });
  // biome-ignore lint/suspicious/noExplicitAny: AWS's answers have no types of their own here
  const call = (operation: string, input: object = {}): Promise<any> =>
    kernel.call("monitoring", operation, input, { principal: ADMINISTRATOR });
  await monitoring.start?.();
  ends.push(() => monitoring.stop?.());
  return {
    call,
    setDepth: (value: number) => {
      depth = value;
    },
    looks: () => looks,
    state: async () => (await call("DescribeAlarms")).MetricAlarms[0].StateValue,
    history: async (input: object = {}) => (await call("DescribeAlarmHistory", input)).AlarmHistoryItems,
  };
}

describe("alarms on a clock of minutes", () => {
  test("are followed though nobody looks, and tell what they did", async () => {
    const clock = manualClock(START);
    const { setDepth, history } = await world(new Kernel(clock, allowAll()));
    clock.advance(2 * MINUTE_MS);
    setDepth(9);
    clock.advance(4 * MINUTE_MS);
    setDepth(0);
    clock.advance(4 * MINUTE_MS);
    const entries = await history({ ScanBy: "TimestampAscending" });
    const minutes = (Timestamp: number) => (Timestamp * 1000 - START) / MINUTE_MS;
    expect(
      // biome-ignore lint/suspicious/noExplicitAny: AWS's answers have no types of their own here
      entries.map(({ Timestamp, HistoryItemType, HistorySummary }: any) => [
        minutes(Timestamp),
        HistoryItemType,
        HistorySummary,
      ]),
    ).toEqual([
      [1, "StateUpdate", "Alarm updated from INSUFFICIENT_DATA to OK"],
      [1, "Action", "Successfully executed action arn:aws:sns:us-east-1:123456789012:calm"],
      [4, "StateUpdate", "Alarm updated from OK to ALARM"],
      [4, "Action", "Successfully executed action arn:aws:sns:us-east-1:123456789012:fire"],
      [8, "StateUpdate", "Alarm updated from ALARM to OK"],
      [8, "Action", "Successfully executed action arn:aws:sns:us-east-1:123456789012:calm"],
    ]);
    expect(await history({ HistoryItemType: "Action", StartDate: START / 1000 + 300 })).toHaveLength(1);
    expect(await history({ AlarmName: "other" })).toEqual([]);
  });

  test("that may not act only change", async () => {
    const clock = manualClock(START);
    const { history } = await world(new Kernel(clock, allowAll()), { ActionsEnabled: false });
    clock.advance(MINUTE_MS);
    expect((await history()).map(({ HistoryItemType }: { HistoryItemType: string }) => HistoryItemType)).toEqual([
      "StateUpdate",
    ]);
  });

  test("fire and clear as much sooner as waits are shorter", async () => {
    const { setDepth, state } = await world(testKernel(6000));
    setDepth(9);
    const is = (wanted: string) => async () => ((await state()) === wanted ? true : undefined);
    await eventually(is("ALARM"));
    setDepth(0);
    await eventually(is("OK"));
  });

  test("see a span that was skipped as passed", async () => {
    const kernel = testKernel(20);
    const { call, state } = await world(kernel, { MetricName: "Other", Period: 3600, EvaluationPeriods: 1 });
    await call("PutMetricData", { Namespace: "Own", MetricData: [{ MetricName: "Other", Value: 9 }] });
    expect(await state()).toBe("ALARM");
    kernel.clock.advance(3 * 3_600_000);
    expect(await state()).toBe("OK");
  });

  test("keep their state where missing data are ignored", async () => {
    const clock = manualClock(START);
    const ignoring = { MetricName: "Other", TreatMissingData: "ignore", EvaluationPeriods: 1 };
    const { call, state } = await world(new Kernel(clock, allowAll()), ignoring);
    await call("PutMetricData", { Namespace: "Own", MetricData: [{ MetricName: "Other", Value: 9 }] });
    expect(await state()).toBe("ALARM");
    clock.advance(10 * MINUTE_MS);
    expect(await state()).toBe("ALARM");
  });
});

describe("gauges", () => {
  test("are taken once a minute, and stand for every minute when the clock runs faster than the twin looks", async () => {
    const clock = manualClock(START);
    const { looks, call } = await world(new Kernel({ ...clock, scale: 1 }, allowAll()));
    clock.advance(10 * MINUTE_MS);
    expect(looks()).toBe(10);
    const fast = await world(testKernel(60_000));
    fast.setDepth(3);
    await eventually(() => (fast.looks() > 2 ? true : undefined));
    const now = Date.now() / 1000;
    const points = { Namespace: "Own", MetricName: "Depth", Period: 60, StartTime: now - 60, EndTime: now + 1 };
    const { Datapoints } = await fast.call("GetMetricStatistics", { ...points, Statistics: ["Maximum"] });
    expect(Datapoints.length).toBeGreaterThan(20);
    expect((await call("GetMetricStatistics", { ...points, Statistics: ["Sum"] })).Label).toBe("Depth");
  });
});

describe("metrics over days", () => {
  test("are kept by the hour for a week, and no longer than eight days", async () => {
    const clock = manualClock(START);
    const { call, setDepth } = await world(new Kernel(clock, allowAll()));
    setDepth(1);
    clock.advance(10 * 24 * 60 * MINUTE_MS);
    const now = clock.now() / 1000;
    const daily = async (day: number) => {
      const [StartTime, EndTime] = [now - day * 86_400, now - (day - 1) * 86_400 - 60];
      const input = { Namespace: "Own", MetricName: "Depth", Period: 3600, StartTime, EndTime };
      const { Datapoints } = await call("GetMetricStatistics", { ...input, Statistics: ["SampleCount"] });
      return Datapoints.reduce((sum: number, one: { SampleCount: number }) => sum + one.SampleCount, 0);
    };
    expect(await daily(1)).toBeGreaterThan(1430);
    expect(await daily(7)).toBeGreaterThan(1430);
    expect(await daily(10)).toBe(0);
  });
});

describe("metric math in the template", () => {
  const metrics = (Expression: string, more: object[] = []) => ({
    Metrics: [
      { Id: "result", Expression },
      {
        Id: "m1",
        ReturnData: false,
        MetricStat: { Metric: { Namespace: "Own", MetricName: "Depth" }, Period: 60, Stat: "Maximum" },
      },
      ...more,
    ],
    ...{ Namespace: undefined, MetricName: undefined, Statistic: undefined, Period: undefined },
  });

  test("is worked out", async () => {
    const clock = manualClock(START);
    const { setDepth, state } = await world(new Kernel(clock, allowAll()), metrics("m1*2"));
    setDepth(3);
    clock.advance(3 * MINUTE_MS);
    expect(await state()).toBe("ALARM");
  });

  test.each<[string, object, string]>([
    [
      "a function that is not reproduced",
      metrics("RATE(m1)"),
      "Alarm: Properties.Metrics: the twin has no metric math",
    ],
    ["an id that is not there", metrics("m1+m2"), "the expression m1+m2 names m2, which is no query"],
    ["a text that is none", metrics("m1 +"), "cannot be read at its end"],
    ["a circle", metrics("m1+e", [{ Id: "e", Expression: "result", ReturnData: false }]), "name one another"],
    ["two results", metrics("m1", [{ Id: "e", Expression: "m1" }]), "exactly one entry must return data"],
  ])("%s stops the boot", async (_what, properties, message) => {
    await expect(world(testKernel(), properties)).rejects.toThrow(message);
  });
});

test("statistics of a metric, with its unit and percentiles", async () => {
  const clock = manualClock(START);
  const { call } = await world(new Kernel(clock, allowAll()));
  const MetricData = [1, 2, 9].map((Value) => ({ MetricName: "Took", Value, Unit: "Milliseconds" }));
  await call("PutMetricData", { Namespace: "Own", MetricData });
  const times = { StartTime: START / 1000 - 60, EndTime: START / 1000 + 60 };
  const input = { Namespace: "Own", MetricName: "Took", Period: 60, ...times };
  const statistics = { Statistics: ["Sum", "Average"], ExtendedStatistics: ["p50"] };
  expect(await call("GetMetricStatistics", { ...input, ...statistics })).toEqual({
    Label: "Took",
    Datapoints: [
      { Timestamp: START / 1000, Unit: "Milliseconds", Sum: 12, Average: 4, ExtendedStatistics: { p50: 2 } },
    ],
  });
  await expect(call("GetMetricStatistics", input)).rejects.toMatchObject({ code: "InvalidParameterCombination" });
});
