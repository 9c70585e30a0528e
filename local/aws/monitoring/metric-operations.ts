import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { page } from "../kernel/page.ts";
import type { Operation } from "../kernel/service.ts";
import type { Dimension, Metric, MetricDatum, MetricStore, Point } from "./metrics.ts";
import { type DataQuery, Queries } from "./queries.ts";
import type { Watch } from "./watch.ts";

const MAX_DATA = 1000;
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html */
const MAX_DATAPOINTS = 1440;

interface GetInput {
  readonly MetricDataQueries?: readonly DataQuery[];
  readonly StartTime: number;
  readonly EndTime: number;
  readonly ScanBy?: "TimestampDescending" | "TimestampAscending";
}

interface StatisticsInput extends Metric {
  readonly StartTime: number;
  readonly EndTime: number;
  readonly Period: number;
  readonly Statistics?: readonly string[];
  readonly ExtendedStatistics?: readonly string[];
}

interface ListInput {
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly Dimensions?: readonly Partial<Dimension>[];
  readonly NextToken?: string;
}

/** Writing, reading and listing metrics; what is read is up to date, gauges included. */
export function metricOperations(kernel: Kernel, metrics: MetricStore, watch: Watch): Record<string, Operation> {
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
      run: (input: GetInput) => {
        watch.sample();
        return { MetricDataResults: readQueries(metrics, input), Messages: [] };
      },
    },
    GetMetricStatistics: {
      access: () => [{ action: "cloudwatch:GetMetricStatistics", resource: "*" }],
      run: (input: StatisticsInput) => {
        watch.sample();
        return { Label: input.MetricName, Datapoints: readStatistics(metrics, input) };
      },
    },
    ListMetrics: {
      access: () => [{ action: "cloudwatch:ListMetrics", resource: "*" }],
      run: (input: ListInput) => {
        watch.sample();
        const { items, nextToken } = page(listed(metrics, input), 500, input.NextToken);
        return { Metrics: items, ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
  };
}

function listed(metrics: MetricStore, { Namespace, MetricName, Dimensions = [] }: ListInput) {
  return metrics
    .list()
    .filter(
      (metric) =>
        (Namespace === undefined || metric.Namespace === Namespace) &&
        (MetricName === undefined || metric.MetricName === MetricName) &&
        Dimensions.every(({ Name, Value }) =>
          metric.Dimensions.some((one) => one.Name === Name && (Value === undefined || one.Value === Value)),
        ),
    );
}

function readQueries(
  metrics: MetricStore,
  { MetricDataQueries = [], StartTime, EndTime, ScanBy }: GetInput,
): unknown[] {
  const queries = parsed(MetricDataQueries);
  return MetricDataQueries.filter(({ ReturnData }) => ReturnData !== false).map(({ Id, Label, MetricStat }) => {
    const period = queries.periodOf(Id);
    const first = metrics.startOf(StartTime, period);
    const count = Math.max(0, (metrics.startOf(EndTime, 1) - first) / period);
    const series = queries.evaluate(Id, metrics, first, Math.ceil(count));
    const points = [...series].sort(([a], [b]) => (ScanBy === "TimestampAscending" ? a - b : b - a));
    return {
      Id,
      Label: Label ?? MetricStat?.Metric.MetricName ?? Id,
      Timestamps: points.map(([start]) => metrics.timeOf(start)),
      Values: points.map(([, value]) => value),
      StatusCode: "Complete",
    };
  });
}

function parsed(queries: readonly DataQuery[]): Queries {
  try {
    return new Queries(queries);
  } catch (cause) {
    throw refused("ValidationError", `Error in expression: ${(cause as Error).message}.`);
  }
}

function readStatistics(metrics: MetricStore, input: StatisticsInput): unknown[] {
  const { StartTime, EndTime, Period, Statistics = [], ExtendedStatistics = [] } = input;
  if (Statistics.length + ExtendedStatistics.length === 0)
    throw refused("InvalidParameterCombination", "At least one statistic must be asked for.");
  const byTime = new Map<number, Record<string, unknown>>();
  const add = (point: Point, member: (datapoint: Record<string, unknown>) => void) => {
    const datapoint = byTime.get(point.timestamp) ?? { Timestamp: point.timestamp, Unit: metrics.unitOf(input) };
    member(datapoint);
    byTime.set(point.timestamp, datapoint);
  };
  for (const statistic of Statistics)
    for (const point of metrics.read(input, statistic, Period, StartTime, EndTime))
      add(point, (datapoint) => {
        datapoint[statistic] = point.value;
      });
  for (const statistic of ExtendedStatistics)
    for (const point of metrics.read(input, statistic, Period, StartTime, EndTime))
      add(point, (datapoint) => {
        datapoint.ExtendedStatistics = { ...(datapoint.ExtendedStatistics as object), [statistic]: point.value };
      });
  if (byTime.size > MAX_DATAPOINTS)
    throw refused("InvalidParameterCombination", `A call gives at most ${MAX_DATAPOINTS} datapoints.`);
  return [...byTime.values()];
}

function refused(code: string, message: string): AwsError {
  return new AwsError(code, message, { queryCode: code });
}
