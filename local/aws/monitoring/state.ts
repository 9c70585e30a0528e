import type { Alarm } from "./alarms.ts";
import { type AlarmState, COMPARE } from "./comparison.ts";
import type { MetricStore } from "./metrics.ts";
import { evaluateRule } from "./rule.ts";

/** How an alarm stands, and why. */
export interface Standing {
  readonly state: AlarmState;
  readonly reason: string;
}

/**
 * The state of an alarm at `now` (epoch milliseconds).
 * @param last its state until now, kept where missing data are ignored
 */
export function stateOf(
  alarm: Alarm,
  alarms: ReadonlyMap<string, Alarm>,
  metrics: MetricStore,
  now: number,
  last: AlarmState = "INSUFFICIENT_DATA",
): Standing {
  if (alarm.kind === "metric") return metricState(alarm, metrics, now, last);
  const rule = String(alarm.properties.AlarmRule);
  const holds = evaluateRule(rule, (nameOrArn) => {
    const other = alarms.get(nameOrArn.split(":alarm:").at(-1) ?? nameOrArn);
    return other && other !== alarm ? stateOf(other, alarms, metrics, now).state : "INSUFFICIENT_DATA";
  });
  return { state: holds ? "ALARM" : "OK", reason: `The rule ${rule} is ${holds}.` };
}

/**
 * Looks at the last whole periods, and at those up to now once the period under way has data: an alarm fires at the first
 * bad value, and stays until whole periods are good.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
function metricState(
  { properties, watched }: Extract<Alarm, { kind: "metric" }>,
  metrics: MetricStore,
  now: number,
  last: AlarmState,
): Standing {
  const threshold = Number(properties.Threshold);
  const periods = Number(properties.EvaluationPeriods);
  const needed = Number(properties.DatapointsToAlarm ?? periods);
  const treat = properties.TreatMissingData ?? "missing";
  const breaches = COMPARE[properties.ComparisonOperator] ?? (() => false);
  const period = watched.queries.periodOf(watched.id);
  const current = metrics.startOf(now / 1000, period);
  const series = watched.queries.evaluate(watched.id, metrics, current - periods * period, periods + 1);
  const points = Array.from({ length: periods + 1 }, (_, n) => series.get(current - (periods - n) * period));
  const windows = [points.slice(0, -1), ...(points.at(-1) === undefined ? [] : [points.slice(1)])];
  const bad = windows.map(
    (window) =>
      window.filter((value) => (value === undefined ? treat === "breaching" : breaches(value, threshold))).length,
  );
  const most = Math.max(...bad);
  const reason = `${most} of ${periods} periods breach ${threshold}.`;
  if (most >= needed) return { state: "ALARM", reason };
  if (points.some((value) => value !== undefined)) return { state: "OK", reason };
  const none = `No data in the last ${periods} periods.`;
  if (treat === "missing") return { state: "INSUFFICIENT_DATA", reason: none };
  return { state: treat === "ignore" ? last : "OK", reason: none };
}
