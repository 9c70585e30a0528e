import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { packagedTemplate } from "./support/fleet.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

/** List prices in us-east-1, dollars a month: an alarm costs as much for every metric it looks at. https://aws.amazon.com/cloudwatch/pricing/ */
const [ALARM_METRIC, DASHBOARD] = [0.1, 3];
const MOST_ALARMS = 60;

const page = readFileSync(new URL("../docs/operations.md", import.meta.url), "utf8");
const section = /^## Alarms\n(.*?)(?=^## |$(?![\s\S]))/ms.exec(page)?.[1] ?? "";
const rows = section.split("\n").filter((line) => line.startsWith("| <a id"));
const lines = rows.map((row) => /<a id="(alarm-[a-z-]+)"><\/a>`([^`]+)`/.exec(row)?.slice(1) ?? [row, ""]);

let alarms: Json[];

beforeAll(async () => {
  const { Resources } = await packagedTemplate();
  alarms = Object.values<Json>(Resources)
    .filter(({ Type }) => Type === "AWS::CloudWatch::Alarm")
    .map(({ Properties }) => Properties);
}, 120_000);

const anchorOf = ({ AlarmDescription }: Json) => /docs\/operations[.]md#(\S+)$/.exec(AlarmDescription)?.[1];

describe("docs/operations.md", () => {
  test("has a line for every alarm, under its name", () => {
    const missing = alarms.filter((alarm) => {
      const named = lines.find(([anchor]) => anchor === anchorOf(alarm))?.[1] ?? "";
      const pattern = new RegExp(`^connector-fleet-local-${named.replace(/<[a-z ]+>/, "[a-z0-9-]+")}$`);
      return !named || !pattern.test(alarm.AlarmName);
    });
    expect(missing.map(({ AlarmName }) => AlarmName)).toEqual([]);
  });

  test("has no line without an alarm, each once, and each with something to do", () => {
    expect([...new Set(alarms.map(anchorOf))].sort()).toEqual(lines.map(([anchor]) => anchor).sort());
    for (const row of rows) expect(row.split(" | ").filter((cell) => cell.length > 5)).toHaveLength(3);
  });

  test("says how many alarms there are and what they cost", () => {
    const metrics = alarms.flatMap(({ Metrics }) => (Metrics ? Metrics.filter((one: Json) => one.MetricStat) : [1]));
    const price = (metrics.length * ALARM_METRIC).toFixed(2);
    expect(section.split("\n").find((line) => line.includes(" a month"))).toBe(
      `${alarms.length} alarms over ${metrics.length} metrics cost $${price} a month, the dashboard $${DASHBOARD.toFixed(2)}, ` +
        "at list prices in us-east-1 and however many organisations there are.",
    );
  });
});

test("the alarms are few enough to be known", () => {
  expect(alarms.length).toBeLessThanOrEqual(MOST_ALARMS);
});
