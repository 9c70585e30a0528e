import { AwsError, TemplateError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { physicalName } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { Operation, ResourceProvider, Service } from "../kernel/service.ts";
import { type Alarm, alarmProvider, compositeAlarmProvider, stateOf } from "./alarms.ts";
import { type Dimension, type Metric, type MetricDatum, MetricStore } from "./metrics.ts";

const MAX_DATA = 1000;

interface DataQuery {
  readonly Id: string;
  readonly Label?: string;
  readonly Expression?: string;
  readonly ReturnData?: boolean;
  readonly MetricStat?: { readonly Metric: Metric; readonly Period: number; readonly Stat: string };
}

interface GetInput {
  readonly MetricDataQueries?: readonly DataQuery[];
  readonly StartTime: number;
  readonly EndTime: number;
  readonly ScanBy?: "TimestampDescending" | "TimestampAscending";
}

interface ListInput {
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly Dimensions?: readonly Partial<Dimension>[];
  readonly NextToken?: string;
}

interface AlarmsInput {
  readonly AlarmNames?: readonly string[];
  readonly AlarmNamePrefix?: string;
  readonly AlarmTypes?: readonly string[];
  readonly StateValue?: string;
  readonly MaxRecords?: number;
  readonly NextToken?: string;
}

/** CloudWatch metrics, alarms and dashboards. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/Welcome.html */
export function createMonitoring(kernel: Kernel): Service {
  const metrics = new MetricStore();
  const alarms = new Map<string, Alarm>();
  return {
    name: "monitoring",
    wire: { kind: "json", version: "1.0", targetPrefix: "GraniteServiceVersion20100801." },
    operations: { ...metricOperations(kernel, metrics), DescribeAlarms: describeAlarms(kernel, metrics, alarms) },
    resources: [alarmProvider(alarms), compositeAlarmProvider(alarms), dashboardProvider()],
  };
}

function metricOperations(kernel: Kernel, metrics: MetricStore): Record<string, Operation> {
  return {
    PutMetricData: {
      access: ({ Namespace = "" }: { Namespace?: string }) => [
        { action: "cloudwatch:PutMetricData", resource: "*", conditions: { "cloudwatch:namespace": Namespace } },
      ],
      run: ({ Namespace, MetricData = [] }: { Namespace?: string; MetricData?: readonly MetricDatum[] }) => {
        if (!Namespace) throw refused("MissingParameter", "The parameter Namespace is required.");
        if (MetricData.length > MAX_DATA)
          throw refused("InvalidParameterValue", `A call takes at most ${MAX_DATA} metrics, not ${MetricData.length}.`);
        for (const datum of MetricData) metrics.put(Namespace, datum, kernel.clock.now());
      },
    },
    GetMetricData: {
      access: () => [{ action: "cloudwatch:GetMetricData", resource: "*" }],
      run: (input: GetInput) => ({
        MetricDataResults: (input.MetricDataQueries ?? [])
          .filter(({ ReturnData }) => ReturnData !== false)
          .map((query) => readQuery(metrics, query, input)),
        Messages: [],
      }),
    },
    ListMetrics: {
      access: () => [{ action: "cloudwatch:ListMetrics", resource: "*" }],
      run: ({ Namespace, MetricName, Dimensions = [], NextToken }: ListInput) => {
        const found = metrics
          .list()
          .filter(
            (metric) =>
              (Namespace === undefined || metric.Namespace === Namespace) &&
              (MetricName === undefined || metric.MetricName === MetricName) &&
              Dimensions.every(({ Name, Value }) =>
                metric.Dimensions.some((one) => one.Name === Name && (Value === undefined || one.Value === Value)),
              ),
          );
        const { items, nextToken } = page(found, 500, NextToken);
        return { Metrics: items, ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
  };
}

function readQuery(metrics: MetricStore, query: DataQuery, { StartTime, EndTime, ScanBy }: GetInput): unknown {
  if (!query.MetricStat)
    throw refused("ValidationError", `The twin does not work out the expression of the query '${query.Id}'.`);
  const { Metric, Stat, Period } = query.MetricStat;
  const points = metrics.read(Metric, Stat, Period, StartTime, EndTime);
  const ordered = ScanBy === "TimestampAscending" ? points : points.reverse();
  return {
    Id: query.Id,
    Label: query.Label ?? Metric.MetricName,
    Timestamps: ordered.map(({ timestamp }) => timestamp),
    Values: ordered.map(({ value }) => value),
    StatusCode: "Complete",
  };
}

function describeAlarms(kernel: Kernel, metrics: MetricStore, alarms: ReadonlyMap<string, Alarm>): Operation {
  return {
    access: () => [{ action: "cloudwatch:DescribeAlarms", resource: "*" }],
    run: (input: AlarmsInput) => {
      const now = kernel.clock.now();
      const { AlarmNames, AlarmNamePrefix = "", AlarmTypes = ["MetricAlarm"], StateValue, MaxRecords = 50 } = input;
      const found = [...alarms.values()]
        .filter(
          ({ AlarmName, kind }) =>
            (AlarmNames?.includes(AlarmName) ?? true) &&
            AlarmName.startsWith(AlarmNamePrefix) &&
            AlarmTypes.includes(kind === "composite" ? "CompositeAlarm" : "MetricAlarm"),
        )
        .map((alarm) => ({ alarm, ...stateOf(alarm, alarms, metrics, now) }))
        .filter(({ state }) => StateValue === undefined || state === StateValue);
      const { items, nextToken } = page(found, MaxRecords, input.NextToken);
      const described = items.map(({ alarm, state, reason }) => ({
        kind: alarm.kind,
        entry: {
          ...numbers(alarm.properties),
          AlarmName: alarm.AlarmName,
          AlarmArn: alarm.AlarmArn,
          StateValue: state,
          StateReason: reason,
          StateUpdatedTimestamp: now / 1000,
        },
      }));
      return {
        MetricAlarms: described.filter(({ kind }) => kind === "metric").map(({ entry }) => entry),
        CompositeAlarms: described.filter(({ kind }) => kind === "composite").map(({ entry }) => entry),
        ...(nextToken ? { NextToken: nextToken } : {}),
      };
    },
  };
}

/** Templates may write numbers as text; the API answers numbers. */
function numbers(properties: Alarm["properties"]): Record<string, unknown> {
  const numeric = ["Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold"];
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([member]) => member !== "Tags")
      .map(([member, value]) => [member, numeric.includes(member) ? Number(value) : value]),
  );
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-dashboard.html */
function dashboardProvider(): ResourceProvider {
  return {
    type: "AWS::CloudWatch::Dashboard",
    properties: ["DashboardName", "DashboardBody"],
    create({ logicalId, properties, stackName }) {
      try {
        const body: unknown = JSON.parse(properties.DashboardBody);
        if (!Array.isArray((body as { widgets?: unknown }).widgets)) throw new Error("it has no list of widgets");
      } catch (cause) {
        throw new TemplateError(logicalId, "Properties.DashboardBody", `is no dashboard: ${(cause as Error).message}`);
      }
      return { ref: properties.DashboardName ?? physicalName(stackName, logicalId, 255), attributes: {} };
    },
  };
}

function refused(code: string, message: string): AwsError {
  return new AwsError(code, message, { queryCode: code });
}
