import { TemplateError } from "../kernel/errors.ts";
import { arn, physicalName } from "../kernel/names.ts";
import type { ResourceProvider, TemplateResource } from "../kernel/service.ts";
import type { Dimension, MetricStore } from "./metrics.ts";

export type AlarmState = "OK" | "ALARM" | "INSUFFICIENT_DATA";

/** An alarm of the template; its state is worked out when it is asked for. */
export interface Alarm {
  readonly AlarmName: string;
  readonly AlarmArn: string;
  readonly kind: "metric" | "composite";
  readonly properties: TemplateResource["properties"];
}

const COMPARE: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanThreshold: (value, threshold) => value > threshold,
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
};
const COMMON = ["AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "Tags"];

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html */
export function alarmProvider(alarms: Map<string, Alarm>): ResourceProvider {
  return {
    type: "AWS::CloudWatch::Alarm",
    properties: [
      ...[...COMMON, "InsufficientDataActions", "Namespace", "MetricName", "Dimensions", "Statistic"],
      ...["ExtendedStatistic", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "Unit"],
      ...["ComparisonOperator", "TreatMissingData", "Metrics"],
    ],
    create(resource) {
      const { properties, logicalId } = resource;
      if (!Object.hasOwn(COMPARE, properties.ComparisonOperator))
        throw new TemplateError(logicalId, "Properties.ComparisonOperator", "the twin does not support this operator");
      for (const required of ["EvaluationPeriods", "Threshold"])
        if (properties[required] === undefined)
          throw new TemplateError(logicalId, `Properties.${required}`, "is missing");
      return record(alarms, resource, "metric");
    },
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html */
export function compositeAlarmProvider(alarms: Map<string, Alarm>): ResourceProvider {
  return {
    type: "AWS::CloudWatch::CompositeAlarm",
    properties: [...COMMON, "InsufficientDataActions", "AlarmRule"],
    create(resource) {
      try {
        evaluateRule(String(resource.properties.AlarmRule ?? ""), () => "OK");
      } catch (cause) {
        throw new TemplateError(resource.logicalId, "Properties.AlarmRule", (cause as Error).message);
      }
      return record(alarms, resource, "composite");
    },
  };
}

function record(alarms: Map<string, Alarm>, resource: TemplateResource, kind: Alarm["kind"]) {
  const { properties, stackName, logicalId } = resource;
  const AlarmName = properties.AlarmName ?? physicalName(stackName, logicalId, 255);
  const AlarmArn = arn("cloudwatch", `alarm:${AlarmName}`);
  alarms.set(AlarmName, { AlarmName, AlarmArn, kind, properties });
  return { ref: AlarmName, attributes: { Arn: AlarmArn } };
}

/**
 * The state of an alarm at `now` (epoch milliseconds), with its reason.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
export function stateOf(
  alarm: Alarm,
  alarms: ReadonlyMap<string, Alarm>,
  metrics: MetricStore,
  now: number,
): { state: AlarmState; reason: string } {
  if (alarm.kind === "composite") {
    const rule = String(alarm.properties.AlarmRule);
    const holds = evaluateRule(rule, (nameOrArn) => {
      const other = alarms.get(nameOrArn.split(":alarm:").at(-1) ?? nameOrArn);
      return other && other !== alarm ? stateOf(other, alarms, metrics, now).state : "INSUFFICIENT_DATA";
    });
    return { state: holds ? "ALARM" : "OK", reason: `The rule ${rule} is ${holds}.` };
  }
  return metricState(alarm, metrics, now);
}

function metricState({ properties }: Alarm, metrics: MetricStore, now: number): { state: AlarmState; reason: string } {
  const source = metricOf(properties);
  if (!source) return { state: "INSUFFICIENT_DATA", reason: "The twin does not work out metric math." };
  const threshold = Number(properties.Threshold);
  const periods = Number(properties.EvaluationPeriods);
  const needed = Number(properties.DatapointsToAlarm ?? periods);
  const end = now / 1000;
  const points = metrics
    .read(source.metric, source.statistic, source.period, end - periods * source.period, end)
    .slice(-periods);
  const breaches = COMPARE[properties.ComparisonOperator] ?? (() => false);
  const missing = periods - points.length;
  const treat = properties.TreatMissingData ?? "missing";
  const breaching =
    points.filter(({ value }) => breaches(value, threshold)).length + (treat === "breaching" ? missing : 0);
  if (breaching >= needed) return { state: "ALARM", reason: `${breaching} of ${periods} periods breach ${threshold}.` };
  if (points.length === 0 && (treat === "missing" || treat === "ignore"))
    return { state: "INSUFFICIENT_DATA", reason: `No data in the last ${periods} periods.` };
  return { state: "OK", reason: `${breaching} of ${periods} periods breach ${threshold}.` };
}

function metricOf(properties: Alarm["properties"]) {
  const only = properties.Metrics?.length === 1 ? properties.Metrics[0]?.MetricStat : undefined;
  if (properties.Metrics && !only) return undefined;
  const { Namespace, MetricName, Dimensions = [] } = only?.Metric ?? properties;
  const statistic = only?.Stat ?? properties.Statistic ?? properties.ExtendedStatistic ?? "Average";
  const period = Number(only?.Period ?? properties.Period ?? 300);
  return { metric: { Namespace, MetricName, Dimensions: Dimensions as Dimension[] }, statistic, period };
}

/** Works out `ALARM("a") AND NOT (OK(b) OR TRUE)`. @throws Error when the rule cannot be read */
export function evaluateRule(rule: string, stateOfAlarm: (nameOrArn: string) => AlarmState): boolean {
  const tokens = rule.match(/\(|\)|"[^"]*"|[^\s()"]+/g) ?? [];
  let at = 0;
  const take = (wanted?: string): string => {
    const token = tokens[at++];
    if (token === undefined || (wanted && token !== wanted))
      throw new Error(`the rule ${rule} cannot be read at ${token ?? "its end"}`);
    return token;
  };
  const either = (): boolean => {
    let value = both();
    while (tokens[at]?.toUpperCase() === "OR") {
      take();
      const right = both();
      value = value || right;
    }
    return value;
  };
  const both = (): boolean => {
    let value = single();
    while (tokens[at]?.toUpperCase() === "AND") {
      take();
      const right = single();
      value = value && right;
    }
    return value;
  };
  const single = (): boolean => {
    const token = take();
    if (token === "(") {
      const value = either();
      take(")");
      return value;
    }
    const word = token.toUpperCase();
    if (word === "NOT") return !single();
    if (word === "TRUE" || word === "FALSE") return word === "TRUE";
    if (!["ALARM", "OK", "INSUFFICIENT_DATA"].includes(word)) throw new Error(`the rule has no function ${token}`);
    take("(");
    const name = take().replaceAll('"', "");
    take(")");
    return stateOfAlarm(name) === word;
  };
  const value = either();
  if (at < tokens.length) throw new Error(`the rule ${rule} cannot be read at ${tokens[at]}`);
  return value;
}
