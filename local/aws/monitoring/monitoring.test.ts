// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Fn::Sub texts are written like this
import { beforeEach, describe, expect, test } from "@jest/globals";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import { deploy } from "../template/index.ts";
import { testKernel } from "../testing.ts";
import { createMonitoring } from "./index.ts";
import { evaluateRule } from "./rule.ts";

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html
let kernel: Kernel;
const call = (operation: string, input: object) =>
  kernel.call("monitoring", operation, input, { principal: ADMINISTRATOR });
const now = () => Date.now() / 1000;
const put = (MetricName: string, more: object) =>
  call("PutMetricData", { Namespace: "Fleet", MetricData: [{ MetricName, ...more }] });
const read = async (MetricName: string, Stat: string) => {
  const { MetricDataResults } = await call("GetMetricData", {
    StartTime: now() - 3600,
    EndTime: now() + 60,
    MetricDataQueries: [{ Id: "q", MetricStat: { Metric: { Namespace: "Fleet", MetricName }, Period: 86_400, Stat } }],
  });
  return MetricDataResults[0].Values[0];
};

beforeEach(() => {
  kernel = testKernel();
  kernel.register(createMonitoring(kernel));
});

describe("metrics", () => {
  test.each([
    ["Sum", 15],
    ["Average", 3],
    ["Minimum", 1],
    ["Maximum", 5],
    ["SampleCount", 5],
    ["p50", 3],
    ["p99", 5],
  ])("%s", async (statistic, expected) => {
    await put("Latency", { Values: [1, 2, 3], Counts: [1, 1, 1] });
    await put("Latency", { Value: 4 });
    await put("Latency", { Value: 5 });
    expect(await read("Latency", statistic)).toBe(expected);
  });

  test("statistic sets and counts are summed", async () => {
    await put("Size", { StatisticValues: { SampleCount: 3, Sum: 30, Minimum: 5, Maximum: 15 } });
    await put("Size", { Values: [2], Counts: [5] });
    expect([await read("Size", "Sum"), await read("Size", "SampleCount"), await read("Size", "Minimum")]).toEqual([
      40, 8, 2,
    ]);
  });

  test("dimensions make metrics of their own, in any order, and can be listed", async () => {
    const a = { Name: "a", Value: "1" };
    const b = { Name: "b", Value: "2" };
    await put("Count", { Value: 1, Dimensions: [a, b] });
    await put("Count", { Value: 1, Dimensions: [b, a] });
    await put("Count", { Value: 1 });
    const { Metrics } = await call("ListMetrics", { Namespace: "Fleet", Dimensions: [{ Name: "a" }] });
    expect(Metrics).toEqual([{ Namespace: "Fleet", MetricName: "Count", Dimensions: [a, b] }]);
    expect((await call("ListMetrics", {})).Metrics).toHaveLength(2);
  });

  test.each([
    ["PutMetricData", { MetricData: [] }, "MissingParameter"],
    ["PutMetricData", { Namespace: "Fleet", MetricData: [{ MetricName: "Empty" }] }, "MissingParameter"],
    [
      "GetMetricData",
      { StartTime: 0, EndTime: 1, MetricDataQueries: [{ Id: "m", Expression: "a + b" }] },
      "ValidationError",
    ],
    [
      "GetMetricData",
      {
        StartTime: 0,
        EndTime: 1,
        MetricDataQueries: [{ Id: "m", MetricStat: { Metric: {}, Period: 60, Stat: "wm(5%:95%)" } }],
      },
      "InvalidParameterValue",
    ],
  ])("%s refuses %j", async (operation, input, code) => {
    await expect(call(operation, input)).rejects.toMatchObject({ code, queryCode: code });
  });
});

describe("alarms", () => {
  const alarm = (more: object = {}) => ({
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmName: "errors",
      Namespace: "Fleet",
      MetricName: "Errors",
      Statistic: "Sum",
      Period: 300,
      EvaluationPeriods: "1",
      Threshold: 2,
      ComparisonOperator: "GreaterThanThreshold",
      ...more,
    },
  });
  const make = (Resources: object) => deploy(kernel, { Resources }, { stackName: "s", artifacts: "." });
  const states = async (input: object = {}) => {
    const { MetricAlarms, CompositeAlarms } = await call("DescribeAlarms", {
      AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
      ...input,
    });
    return Object.fromEntries([...MetricAlarms, ...CompositeAlarms].map((a) => [a.AlarmName, a.StateValue]));
  };

  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
  test("go from no data over alarm, and composite alarms follow", async () => {
    const stack = await make({
      Errors: alarm(),
      Any: {
        Type: "AWS::CloudWatch::CompositeAlarm",
        Properties: { AlarmName: "any", AlarmRule: { "Fn::Sub": "ALARM(${Errors}) OR FALSE" } },
      },
    });
    expect(stack.resources.get("Errors")?.attributes.Arn).toBe(
      "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors",
    );
    expect(await states()).toEqual({ errors: "INSUFFICIENT_DATA", any: "OK" });
    await put("Errors", { Value: 3 });
    expect(await states()).toEqual({ errors: "ALARM", any: "ALARM" });
    expect(await states({ StateValue: "OK" })).toEqual({});
  });

  test.each([
    ["notBreaching", "OK"],
    ["breaching", "ALARM"],
    ["missing", "INSUFFICIENT_DATA"],
  ])("without data, treated as %s: %s", async (TreatMissingData, state) => {
    await make({ Errors: alarm({ TreatMissingData }) });
    expect(await states()).toEqual({ errors: state });
  });

  test.each<[string, boolean]>([
    ['ALARM("a") AND NOT ALARM(b)', true],
    ["ALARM(b) OR (OK(b) AND TRUE)", true],
    ["NOT (ALARM(a) OR ALARM(b))", false],
    ["FALSE OR INSUFFICIENT_DATA(c)", true],
  ])("the rule %s is %s", (rule, expected) => {
    const known: Record<string, "ALARM" | "OK"> = { a: "ALARM", b: "OK" };
    expect(evaluateRule(rule, (name) => known[name] ?? "INSUFFICIENT_DATA")).toBe(expected);
  });

  test.each([
    [
      "a rule that cannot be read",
      { A: { Type: "AWS::CloudWatch::CompositeAlarm", Properties: { AlarmRule: "ALARM(a" } } },
      "A: Properties.AlarmRule",
    ],
    [
      "an operator of anomaly detection",
      { A: alarm({ ComparisonOperator: "LessThanLowerThreshold" }) },
      "A: Properties.ComparisonOperator: the twin does not support this operator",
    ],
    [
      "a dashboard that is no JSON",
      { A: { Type: "AWS::CloudWatch::Dashboard", Properties: { DashboardBody: "{widgets" } } },
      "A: Properties.DashboardBody: is no dashboard",
    ],
  ])("%s stops the boot", async (_, resources, message) => {
    await expect(make(resources)).rejects.toThrow(message);
  });

  test("a dashboard is known by its name", async () => {
    const stack = await make({
      A: {
        Type: "AWS::CloudWatch::Dashboard",
        Properties: { DashboardName: "fleet", DashboardBody: '{"widgets":[]}' },
      },
    });
    expect(stack.resources.get("A")?.ref).toBe("fleet");
  });
});
