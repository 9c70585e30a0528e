import { TemplateError } from "../kernel/errors.ts";
import { arn, physicalName } from "../kernel/names.ts";
import type { ResourceProvider, TemplateResource } from "../kernel/service.ts";
import { COMPARE } from "./comparison.ts";
import { type DataQuery, Queries } from "./queries.ts";
import { evaluateRule } from "./rule.ts";

interface Named {
  readonly AlarmName: string;
  readonly AlarmArn: string;
  readonly properties: TemplateResource["properties"];
}

/** What a metric alarm looks at: one query among those that it is worked out from. */
interface Watched {
  readonly id: string;
  readonly queries: Queries;
}

/** An alarm of the template. */
export type Alarm =
  | (Named & { readonly kind: "metric"; readonly watched: Watched })
  | (Named & { readonly kind: "composite" });

const COMMON = ["AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "Tags"];
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html */
const MAX_METRICS = 10;

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
      const named = nameOf(resource);
      alarms.set(named.AlarmName, { ...named, kind: "metric", watched: watchedBy(resource) });
      return { ref: named.AlarmName, attributes: { Arn: named.AlarmArn } };
    },
    ...removal(alarms),
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
      const named = nameOf(resource);
      alarms.set(named.AlarmName, { ...named, kind: "composite" });
      return { ref: named.AlarmName, attributes: { Arn: named.AlarmArn } };
    },
    ...removal(alarms),
  };
}

function removal(alarms: Map<string, Alarm>): Pick<ResourceProvider, "taken" | "delete"> {
  return {
    taken: (resource) => alarms.get(nameOf(resource).AlarmName)?.AlarmName,
    delete: ({ ref }) => void alarms.delete(ref),
  };
}

function nameOf(resource: TemplateResource): Named {
  const AlarmName: string = resource.properties.AlarmName ?? physicalName(resource, 255);
  return { AlarmName, AlarmArn: arn("cloudwatch", `alarm:${AlarmName}`), properties: resource.properties };
}

/** @throws TemplateError for metric math that the twin does not work out */
function watchedBy({ logicalId, properties }: TemplateResource): Watched {
  const given: readonly DataQuery[] | undefined = properties.Metrics;
  if (!given) return { id: "metric", queries: new Queries([singleQuery(properties)]) };
  const refuse = (reason: string) => new TemplateError(logicalId, "Properties.Metrics", reason);
  const returned = given.filter(({ ReturnData }) => String(ReturnData ?? true) === "true");
  const [result] = returned;
  if (!result || returned.length > 1) throw refuse("exactly one entry must return data");
  if (given.filter(({ MetricStat }) => MetricStat).length > MAX_METRICS)
    throw refuse(`an alarm takes at most ${MAX_METRICS} metrics`);
  try {
    return { id: result.Id, queries: new Queries(given) };
  } catch (cause) {
    throw refuse((cause as Error).message);
  }
}

function singleQuery(properties: TemplateResource["properties"]): DataQuery {
  const { Namespace, MetricName, Dimensions = [], Statistic, ExtendedStatistic, Period = 300 } = properties;
  const Stat = Statistic ?? ExtendedStatistic ?? "Average";
  return { Id: "metric", MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Stat, Period: Number(Period) } };
}
