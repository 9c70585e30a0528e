import { type AlarmSpec, MAX_MEASURES } from "./alarm-spec.ts";
import { fleetAlarms } from "./fleet-alarms.ts";
import type { Inventory } from "./inventory.ts";
import { inStage, type Measure } from "./measures.ts";
import { resourceAlarms } from "./resource-alarms.ts";

/** How alarms are made. */
export interface AlarmSettings {
  /** Service and stage, in front of every name. */
  readonly prefix: string;
  readonly stage: string;
  /** What an alarm does when it fires, and when it clears. */
  readonly actions: unknown;
  /** Hours without any change of Salesforce after which the feed counts as silent; 0 switches the alarm off. */
  readonly feedSilentHours: number;
  /** Seconds that a message may wait, by the logical id of its queue. */
  readonly staleAfter: ReadonlyMap<string, number>;
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html */
const MISSING = { well: "notBreaching", bad: "breaching", stays: "ignore" } as const;

/** The alarms of everything that the template contains, and of the fleet as a whole, by logical id. */
export function buildAlarms(inventory: Inventory, settings: AlarmSettings): Record<string, unknown> {
  const specs = [
    ...resourceAlarms(inventory, settings.staleAfter),
    ...fleetAlarms(inventory, settings.feedSilentHours),
  ];
  return Object.fromEntries(specs.map((spec) => [`${spec.id}Alarm`, toResource(spec, settings)]));
}

/** A text that may name resources: `Fn::Sub` only where it does. */
export function substituted(text: string): unknown {
  return text.includes("$" + "{") ? { "Fn::Sub": text } : text;
}

function toResource(spec: AlarmSpec, { prefix, stage, actions }: AlarmSettings): unknown {
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmName: `${prefix}-${spec.name}`,
      AlarmDescription: `${spec.says} What to do: docs/operations.md#alarm-${spec.runbook}`,
      ...watched(spec, stage),
      EvaluationPeriods: spec.periods,
      DatapointsToAlarm: spec.breaching,
      Threshold: spec.threshold,
      ComparisonOperator: spec.comparison ?? "GreaterThanThreshold",
      TreatMissingData: MISSING[spec.missing ?? "well"],
      AlarmActions: actions,
      OKActions: actions,
    },
  };
}

function watched({ id, measures, expression, statistic, period }: AlarmSpec, stage: string): object {
  if (measures.length > MAX_MEASURES)
    throw new Error(`The alarm ${id} watches ${measures.length} metrics; CloudWatch takes ${MAX_MEASURES}.`);
  if (expression === undefined) return { ...metricOf(measures[0], stage), Statistic: statistic, Period: period };
  return {
    Metrics: [
      { Id: "result", Expression: expression, Label: id, ReturnData: true },
      ...measures.map((measure, index) => ({
        Id: `m${index + 1}`,
        MetricStat: { Metric: metricOf(measure, stage), Stat: statistic, Period: period },
        ReturnData: false,
      })),
    ],
  };
}

function metricOf(measure: Measure, stage: string) {
  const { namespace, name, dimensions } = inStage(measure, stage);
  return {
    Namespace: namespace,
    MetricName: name,
    Dimensions: Object.entries(dimensions).map(([Name, value]) => ({ Name, Value: substituted(value) })),
  };
}
