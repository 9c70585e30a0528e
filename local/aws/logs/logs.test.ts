import { beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import { createMonitoring } from "../monitoring/index.ts";
import { deploy } from "../template/index.ts";
import { testKernel } from "../testing.ts";
import { createLogs } from "./index.ts";
import { parseFilterPattern } from "./pattern.ts";

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
describe("filter patterns", () => {
  const line = JSON.stringify({
    level: "ERROR",
    ms: 120,
    ok: false,
    none: null,
    user: { id: "001", tags: ["a", "b"] },
    items: [{ n: 1 }, { n: 7 }],
    "dash-ed": "x y",
  });

  test.each<[string, string, boolean]>([
    ["", "anything", true],
    ["ERROR", "an ERROR here", true],
    ["ERROR", "an error here", false],
    ["ERROR timeout", "timeout then ERROR", true],
    ["ERROR timeout", "only ERROR", false],
    ['"not found"', "was not found", true],
    ['"not found"', "found not", false],
    ['"a \\"quoted\\" word"', 'see a "quoted" word', true],
    ["?WARN ?ERROR", "a WARN", true],
    ["?WARN ?ERROR", "INFO", false],
    ["ERROR -retry", "ERROR", true],
    ["ERROR -retry", "ERROR retry", false],
    ["%4[0-9]{2}%", "status 404", true],
    ["%4[0-9]{2}%", "status 503", false],
    ['{ $.level = "ERROR" }', line, true],
    ['{$.level="ERR*"}', line, true],
    ['{ $.level != "ERROR" }', line, false],
    ["{ $.level = ERROR }", line, true],
    ["{ $.ms > 100 && $.ms <= 120 }", line, true],
    ["{ $.ms = 120 }", line, true],
    ['{ $.level = "INFO" || ($.user.id = "001" && $.ms >= 1) }', line, true],
    ['{ $.level = "INFO" || $.user.id = "001" && $.ms < 1 }', line, false],
    ["{ $.ok IS FALSE }", line, true],
    ["{ $.none IS NULL }", line, true],
    ["{ $.missing NOT EXISTS }", line, true],
    ["{ $.level NOT EXISTS }", line, false],
    ['{ $.user.tags[1] = "b" }', line, true],
    ["{ $.items[*].n = 7 }", line, true],
    ["{ $['dash-ed'] = \"x y\" }", line, true],
    ["{ $.dash-ed = %x .% }", line, true],
    ['{ $.missing = "x" }', line, false],
    ['{ $.level = "ERROR" }', "no json", false],
  ])("%s on %s is %s", (pattern, message, expected) => {
    expect(parseFilterPattern(pattern)(message)).toBe(expected);
  });

  test.each(["{ level = 1 }", "{ $.a = }", "{ $.a > word }", "{ $.a = 1", "{ $.a ~ 1 }", "[ip, user]", "%[%"])(
    "%s is refused",
    (pattern) => {
      expect(() => parseFilterPattern(pattern)).toThrow(expect.objectContaining({ code: "InvalidParameterException" }));
    },
  );

  test("a quoted word matches exactly the lines that hold it", () => {
    const word = fc.stringMatching(/^[a-z ]{1,6}$/);
    fc.assert(
      fc.property(word, fc.string(), (text, message) => {
        expect(parseFilterPattern(`"${text}"`)(message)).toBe(message.includes(text));
        expect(parseFilterPattern(`"${text}"`)(`${message}${text}`)).toBe(true);
      }),
    );
  });

  test("an equality on a JSON field holds exactly for that value", () => {
    const safe = fc.stringMatching(/^[\w .:-]{1,10}$/);
    fc.assert(
      fc.property(safe, safe, (a, b) => {
        expect(parseFilterPattern(`{ $.f = "${a}" }`)(JSON.stringify({ f: b }))).toBe(a === b);
      }),
    );
  });
});

describe("log groups", () => {
  let kernel: Kernel;
  const call = (operation: string, input: object) =>
    kernel.call("logs", operation, input, { principal: ADMINISTRATOR });
  const base = { logGroupName: "/aws/lambda/fn", logStreamName: "s1" };
  const put = (messages: string[], at = 1000, stream = "s1") =>
    call("PutLogEvents", {
      ...base,
      logStreamName: stream,
      logEvents: messages.map((message, index) => ({ message, timestamp: at + index })),
    });

  beforeEach(async () => {
    kernel = testKernel();
    kernel.register(createLogs(kernel));
    kernel.register(createMonitoring(kernel));
    await call("CreateLogGroup", base);
    await call("CreateLogStream", base);
  });

  test("lines come back filtered, over streams, in order of time, page by page", async () => {
    await call("CreateLogStream", { ...base, logStreamName: "s2" });
    await put(["one ERROR", "two", "three ERROR"], 1000);
    await put(["four ERROR"], 1001, "s2");
    const filter = { logGroupName: base.logGroupName, filterPattern: "ERROR", limit: 2 };
    const first = await call("FilterLogEvents", filter);
    expect(first.events.map(({ message }: { message: string }) => message)).toEqual(["one ERROR", "four ERROR"]);
    await put(["late ERROR"], 900);
    const second = await call("FilterLogEvents", { ...filter, nextToken: first.nextToken });
    expect(second.events).toEqual([
      expect.objectContaining({ message: "three ERROR", logStreamName: "s1", timestamp: 1002 }),
    ]);
    expect(second.nextToken).toBeUndefined();
  });

  test("time and stream narrow the search", async () => {
    await put(["a", "b", "c"], 10);
    const found = await call("FilterLogEvents", { logGroupName: base.logGroupName, startTime: 11, endTime: 11 });
    expect(found.events.map(({ message }: { message: string }) => message)).toEqual(["b"]);
    const other = await call("FilterLogEvents", { logGroupName: base.logGroupName, logStreamNamePrefix: "x" });
    expect(other.events).toEqual([]);
  });

  test("GetLogEvents pages to both ends and stays there", async () => {
    await put(["a", "b", "c", "d", "e"]);
    const messages = ({ events }: { events: { message: string }[] }) => events.map(({ message }) => message);
    const last = await call("GetLogEvents", { ...base, limit: 2 });
    expect(messages(last)).toEqual(["d", "e"]);
    const before = await call("GetLogEvents", { ...base, limit: 2, nextToken: last.nextBackwardToken });
    expect(messages(before)).toEqual(["b", "c"]);
    const end = await call("GetLogEvents", { ...base, nextToken: last.nextForwardToken });
    expect(messages(end)).toEqual([]);
    expect(end.nextForwardToken).toBe(last.nextForwardToken);
    const head = await call("GetLogEvents", { ...base, limit: 2, startFromHead: true });
    expect(messages(head)).toEqual(["a", "b"]);
  });

  test("keeps the newest 20,000 lines", async () => {
    for (let batch = 0; batch < 3; batch += 1)
      await put(
        Array.from({ length: 9000 }, (_, n) => `${batch}-${n}`),
        batch * 10_000,
      );
    const { events } = await call("FilterLogEvents", { logGroupName: base.logGroupName, limit: 30_000 });
    expect(events.length).toBeLessThanOrEqual(20_000);
    expect(events.at(-1).message).toBe("2-8999");
  });

  test.each<[string, string, object, string]>([
    [
      "a missing group",
      "PutLogEvents",
      { ...base, logGroupName: "/none", logEvents: [{ timestamp: 1, message: "x" }] },
      "ResourceNotFoundException",
    ],
    ["a missing stream", "GetLogEvents", { ...base, logStreamName: "none" }, "ResourceNotFoundException"],
    ["a group that is there", "CreateLogGroup", base, "ResourceAlreadyExistsException"],
    ["a stream that is there", "CreateLogStream", base, "ResourceAlreadyExistsException"],
    [
      "lines out of order",
      "PutLogEvents",
      {
        ...base,
        logEvents: [
          { timestamp: 2, message: "x" },
          { timestamp: 1, message: "y" },
        ],
      },
      "InvalidParameterException",
    ],
    [
      "more than a day at once",
      "PutLogEvents",
      {
        ...base,
        logEvents: [
          { timestamp: 0, message: "x" },
          { timestamp: 86_400_001, message: "y" },
        ],
      },
      "InvalidParameterException",
    ],
    [
      "a foreign token",
      "FilterLogEvents",
      { logGroupName: base.logGroupName, nextToken: "zzz" },
      "InvalidParameterException",
    ],
  ])("%s is an error", async (_, operation, input, code) => {
    await expect(call(operation, input)).rejects.toMatchObject({ code });
  });

  test("groups and streams are listed", async () => {
    await put(["a", "b"], 5);
    await expect(call("DescribeLogGroups", { logGroupNamePrefix: "/aws" })).resolves.toMatchObject({
      logGroups: [
        { logGroupName: "/aws/lambda/fn", arn: "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/fn:*" },
      ],
    });
    await expect(
      call("DescribeLogStreams", { ...base, orderBy: "LastEventTime", descending: true }),
    ).resolves.toMatchObject({
      logStreams: [{ logStreamName: "s1", firstEventTimestamp: 5, lastEventTimestamp: 6 }],
    });
  });

  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
  test("metrics inside lines, and metric filters, reach CloudWatch", async () => {
    const now = Date.now();
    await deploy(
      kernel,
      {
        Resources: {
          Group: { Type: "AWS::Logs::LogGroup", Properties: { LogGroupName: base.logGroupName, RetentionInDays: 7 } },
          Errors: {
            Type: "AWS::Logs::MetricFilter",
            Properties: {
              LogGroupName: { Ref: "Group" },
              FilterPattern: "ERROR",
              MetricTransformations: [{ MetricName: "Errors", MetricNamespace: "Fleet", MetricValue: "1" }],
            },
          },
        },
      },
      { stackName: "s", artifacts: "." },
    );
    const emf = {
      _aws: {
        Timestamp: now,
        CloudWatchMetrics: [
          { Namespace: "Fleet", Dimensions: [["connector"]], Metrics: [{ Name: "Synced", Unit: "Count" }] },
        ],
      },
      connector: "billing",
      Synced: [2, 3],
    };
    await put([JSON.stringify(emf), "ERROR one", "ERROR two", "fine", '{"_aws": broken'], now);
    const read = (MetricName: string, Dimensions: object[]) => ({
      Id: MetricName.toLowerCase(),
      MetricStat: { Metric: { Namespace: "Fleet", MetricName, Dimensions }, Period: 3600, Stat: "Sum" },
    });
    const { MetricDataResults } = await kernel.call(
      "monitoring",
      "GetMetricData",
      {
        StartTime: now / 1000 - 3600,
        EndTime: now / 1000 + 60,
        MetricDataQueries: [read("Synced", [{ Name: "connector", Value: "billing" }]), read("Errors", [])],
      },
      { principal: ADMINISTRATOR },
    );
    const sums = MetricDataResults.map(({ Values }: { Values: number[] }) => Values.reduce((a, b) => a + b, 0));
    expect(sums).toEqual([5, 2]);
  });
});
