import { parseSchedule } from "../../local/aws/events/schedule.ts";
import { LIMITS, type Limit, OF_ALL, OF_TEMPLATE, TOGETHER } from "./limit-table.ts";
import { isIntrinsic, type Json, propertiesOf, quoted, type Resources, resolve, type Template } from "./resolve.ts";

/**
 * Everything in a template that AWS would refuse by its names, sizes and numbers: a sentence each, with the logical id, the
 * property, what to do, and where AWS says so. Sizes are those in the region and partition with the longest names.
 */
export function overLimits(template: Template): string[] {
  const { Resources } = template;
  return [
    ...wholeTemplate(template),
    ...crowdedBuses(Resources),
    ...Object.keys(Resources).flatMap((id) => {
      const { Type = "" } = Resources[id] ?? {};
      const limits = [...(LIMITS[Type] ?? []), ...OF_ALL];
      const single = limits.flatMap((limit) => {
        const places = placesOf(propertiesOf(Resources, id), limit.path.split("."), id);
        return places.flatMap(([place, found]) => beyond(limit, place, found, Resources));
      });
      return [...single, ...(JOINT[Type]?.(propertiesOf(Resources, id), id, Resources) ?? [])];
    }),
  ];
}

function wholeTemplate(template: Template): string[] {
  const { resources, outputs, name, bytes, link } = OF_TEMPLATE;
  const { Resources, Outputs = {} } = template;
  const over = (count: number, most: number, what: string, advice: string) =>
    count > most ? [`The template has ${count} ${what}, ${most} are allowed: ${advice} (${link}).`] : [];
  const ids = [...Object.keys(Resources), ...Object.keys(Outputs)];
  return [
    ...over(Object.keys(Resources).length, resources, "resources", "deploy some organisations as another stage"),
    ...over(Object.keys(Outputs).length, outputs, "outputs", "tell fewer things"),
    ...over(JSON.stringify(template).length, bytes, "bytes", "deploy some organisations as another stage"),
    ...ids
      .filter((id) => !/^[a-z0-9]+$/i.test(id) || id.length > name)
      .map((id) => `${id} is no logical id: use letters and digits, at most ${name} (${link}).`),
  ];
}

/** Every place that a path means, and what is there. What CloudFormation fills in has no members to look at. */
function placesOf(value: Json, [step, ...path]: readonly string[], at: string): [string, Json][] {
  if (value === undefined || value === null) return [];
  if (step === undefined) return [[at, value]];
  if (typeof value !== "object" || isIntrinsic(value)) return [];
  if (step !== "*") return placesOf(value[step], path, `${at}.${step}`);
  return Array.isArray(value) ? value.flatMap((one, index) => placesOf(one, path, `${at}.${index}`)) : [];
}

function beyond(
  { of, least = 0, most, pattern, allowed, link }: Limit,
  place: string,
  found: Json,
  all: Resources,
): string[] {
  if (of === "value") {
    const number = Number(found);
    return isIntrinsic(found) || Number.isNaN(number) || (number >= least && number <= most)
      ? []
      : [`${place} is ${number}, ${least} to ${most} are allowed: change it (${link}).`];
  }
  if (of === "entries" && isIntrinsic(found)) return [];
  const filled = resolve(found, all);
  if (allowed)
    return typeof found !== "string" || allowed.includes(found)
      ? []
      : [`${place} is ${quoted(found)}: write one of ${allowed.join(", ")} (${link}).`];
  const size = of === "entries" ? Object.keys(found).length : sizeOf(filled, of);
  if (size > most)
    return [`${place} has ${size} ${of}, ${most} are allowed: shorten it, or give it fewer parts (${link}).`];
  if (size < least) return [`${place} has ${size} ${of}, ${least} are needed: write a longer one (${link}).`];
  return pattern && typeof filled === "string" && !pattern.test(filled)
    ? [`${place} is '${filled}', which is no name for AWS: use letters, digits and hyphens (${link}).`]
    : [];
}

function sizeOf(filled: Json, of: "characters" | "bytes"): number {
  const text = typeof filled === "string" ? filled : JSON.stringify(filled ?? {});
  return of === "bytes" ? Buffer.byteLength(text) : text.length;
}

/** The entries of a list; none of what CloudFormation fills in, or of what should be a list and is not. */
function listOf(value: Json): Json[] {
  return Array.isArray(value) ? value.filter((one) => one !== null && !isIntrinsic(one)) : [];
}

/** What must fit together, by type. */
const JOINT: Readonly<Record<string, (properties: Json, id: string, all: Resources) => string[]>> = {
  "AWS::IAM::Role": ({ Policies }, id, all) => {
    const { most, link } = TOGETHER.inlinePolicies;
    const documents = listOf(Policies).map((policy: Json) => sizeOf(resolve(policy.PolicyDocument, all), "characters"));
    const size = documents.reduce((sum: number, one: number) => sum + one, 0);
    return size > most
      ? [`${id}.Policies has ${size} characters, ${most} are allowed: name resources by a pattern (${link}).`]
      : [];
  },

  "AWS::Lambda::EventSourceMapping": (properties, id, all) => {
    const { BatchSize = 10, MaximumBatchingWindowInSeconds: window = 0, EventSourceArn, FunctionName } = properties;
    const { most, link } = TOGETHER.batchWithoutWindow;
    const [queue, worker] = [EventSourceArn, FunctionName].map((to) => to?.["Fn::GetAtt"]?.[0] ?? "");
    const hidden = propertiesOf(all, queue).VisibilityTimeout ?? 30;
    const timeout = propertiesOf(all, worker).Timeout ?? 3;
    const isQueue = all[queue]?.Type === "AWS::SQS::Queue";
    return [
      ...(BatchSize > most && window < 1
        ? [`${id}.MaximumBatchingWindowInSeconds must be 1 or more for a BatchSize of ${BatchSize}: add it (${link}).`]
        : []),
      ...(isQueue && hidden < timeout
        ? [
            `${queue}.VisibilityTimeout is ${hidden}, less than the ${timeout} seconds of ${worker}: make it six times as long (${TOGETHER.visibility}).`,
          ]
        : []),
    ];
  },

  "AWS::Events::Rule": ({ ScheduleExpression: text }, id) =>
    typeof text !== "string" || parseSchedule(text)
      ? []
      : [
          `${id}.ScheduleExpression is ${quoted(text)}: write rate(15 minutes) or cron(15 3 * * ? *) (${TOGETHER.schedule}).`,
        ],

  "AWS::DynamoDB::Table": (table, id) => {
    const { most, link } = TOGETHER.projected;
    const indexes = [table.GlobalSecondaryIndexes, table.LocalSecondaryIndexes].flatMap(listOf);
    const namesOf = (some: Json) => listOf(some).map(({ AttributeName }) => String(AttributeName));
    const defined = namesOf(table.AttributeDefinitions);
    const keys = [table, ...indexes].flatMap(({ KeySchema }) => namesOf(KeySchema));
    const projected = indexes.flatMap(({ Projection }) => listOf(Projection?.NonKeyAttributes)).length;
    const sentence = (what: string) => `${id}.AttributeDefinitions ${what} (${TOGETHER.keys}).`;
    return [
      ...[...new Set(keys)]
        .filter((key) => !defined.includes(key))
        .map((key) => sentence(`lacks the key '${key}': add it`)),
      ...defined
        .filter((one) => !keys.includes(one))
        .map((one) => sentence(`has '${one}', which is no key: remove it`)),
      ...(projected > most
        ? [`${id} projects ${projected} attributes into its indexes, ${most} are allowed: project fewer (${link}).`]
        : []),
    ];
  },

  "AWS::CloudWatch::Alarm": ({ Period = 0, Metrics, EvaluationPeriods = 1, DatapointsToAlarm = 1 }, id) => {
    const { longPeriods, shortPeriods, link } = TOGETHER.lookBack;
    const period = Math.max(Period, ...listOf(Metrics).map(({ MetricStat }) => MetricStat?.Period ?? 0));
    const most = period < 3_600 ? shortPeriods : longPeriods;
    return [
      ...(period * EvaluationPeriods > most
        ? [
            `${id}.EvaluationPeriods looks ${period * EvaluationPeriods} seconds back, ${most} are allowed: use fewer (${link}).`,
          ]
        : []),
      ...(DatapointsToAlarm > EvaluationPeriods
        ? [`${id}.DatapointsToAlarm is more than the ${EvaluationPeriods} EvaluationPeriods: lower it (${link}).`]
        : []),
    ];
  },
};

function crowdedBuses(resources: Resources): string[] {
  const { most, link } = TOGETHER.rulesOfBus;
  const rules = Object.keys(resources).filter((id) => resources[id]?.Type === "AWS::Events::Rule");
  const buses = Map.groupBy(rules, (id) => JSON.stringify(propertiesOf(resources, id).EventBusName ?? "default"));
  return [...buses]
    .filter(([, { length }]) => length > most)
    .map(([bus, { length }]) => `The bus ${bus} has ${length} rules, ${most} are allowed: ask AWS for more (${link}).`);
}
