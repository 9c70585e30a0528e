import { AwsError } from "../kernel/errors.ts";

/** The finest grain kept; high-resolution metrics are summed up to it. */
const BUCKET_SECONDS = 60;
/** Minutes kept per metric, and metrics kept in all. */
const MAX_BUCKETS = 24 * 60;
const MAX_METRICS = 10_000;
/** Values kept per minute for percentiles. */
const MAX_SAMPLES = 1000;

export interface Dimension {
  readonly Name: string;
  readonly Value: string;
}

export interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly Dimension[];
}

/** One entry of PutMetricData; `Timestamp` in epoch seconds. */
export interface MetricDatum {
  readonly MetricName: string;
  readonly Dimensions?: readonly Dimension[];
  readonly Timestamp?: number;
  readonly Value?: number;
  readonly Values?: readonly number[];
  readonly Counts?: readonly number[];
  readonly StatisticValues?: {
    readonly SampleCount: number;
    readonly Sum: number;
    readonly Minimum: number;
    readonly Maximum: number;
  };
}

interface Bucket {
  count: number;
  sum: number;
  minimum: number;
  maximum: number;
  readonly samples: number[];
}

/** A value of a statistic for the period that begins at `timestamp` (epoch seconds). */
export interface Point {
  readonly timestamp: number;
  readonly value: number;
}

/** Metrics in memory, by minute, for a day. */
export class MetricStore {
  readonly #series = new Map<string, { metric: Required<Metric>; buckets: Map<number, Bucket> }>();

  put(namespace: string, datum: MetricDatum, now: number): void {
    const metric = { Namespace: namespace, MetricName: datum.MetricName, Dimensions: sorted(datum.Dimensions) };
    const key = keyOf(metric);
    const series = this.#series.get(key) ?? { metric, buckets: new Map<number, Bucket>() };
    if (!this.#series.has(key) && this.#series.size >= MAX_METRICS)
      throw new AwsError("LimitExceeded", `The twin keeps ${MAX_METRICS} metrics; dimensions should have few values.`);
    this.#series.set(key, series);
    const seconds = datum.Timestamp ?? now / 1000;
    const start = Math.floor(seconds / BUCKET_SECONDS) * BUCKET_SECONDS;
    const bucket = series.buckets.get(start) ?? {
      count: 0,
      sum: 0,
      minimum: Infinity,
      maximum: -Infinity,
      samples: [],
    };
    add(bucket, datum);
    series.buckets.set(start, bucket);
    if (series.buckets.size > MAX_BUCKETS) series.buckets.delete(Math.min(...series.buckets.keys()));
  }

  list(): readonly Required<Metric>[] {
    return [...this.#series.values()].map(({ metric }) => metric);
  }

  /**
   * A statistic over whole periods, oldest first; periods without data are absent. Times in epoch seconds.
   * @throws AwsError `InvalidParameterValue` for an unknown statistic
   */
  read(metric: Metric, statistic: string, period: number, from: number, to: number): Point[] {
    const compute = statisticOf(statistic);
    const periods = new Map<number, Bucket[]>();
    for (const [start, bucket] of this.#series.get(keyOf(metric))?.buckets ?? []) {
      if (start < Math.floor(from / BUCKET_SECONDS) * BUCKET_SECONDS || start >= to) continue;
      const begin = Math.floor(start / period) * period;
      periods.set(begin, [...(periods.get(begin) ?? []), bucket]);
    }
    return [...periods]
      .sort(([a], [b]) => a - b)
      .map(([timestamp, buckets]) => ({ timestamp, value: compute(merge(buckets)) }));
  }
}

function keyOf({ Namespace, MetricName, Dimensions }: Metric): string {
  return JSON.stringify({ Namespace, MetricName, Dimensions: sorted(Dimensions) });
}

function sorted(dimensions: readonly Dimension[] = []): Dimension[] {
  return dimensions.map(({ Name, Value }) => ({ Name, Value })).sort((a, b) => a.Name.localeCompare(b.Name));
}

function add(bucket: Bucket, datum: MetricDatum): void {
  const { StatisticValues: set, Values = datum.Value === undefined ? [] : [datum.Value], Counts = [] } = datum;
  if (set) {
    bucket.count += set.SampleCount;
    bucket.sum += set.Sum;
    bucket.minimum = Math.min(bucket.minimum, set.Minimum);
    bucket.maximum = Math.max(bucket.maximum, set.Maximum);
    return;
  }
  if (Values.length === 0)
    throw new AwsError("MissingParameter", `The metric ${datum.MetricName} needs Value, Values or StatisticValues.`, {
      queryCode: "MissingParameter",
    });
  for (const [index, value] of Values.entries()) {
    const count = Counts[index] ?? 1;
    bucket.count += count;
    bucket.sum += value * count;
    bucket.minimum = Math.min(bucket.minimum, value);
    bucket.maximum = Math.max(bucket.maximum, value);
    for (let n = 0; n < count && bucket.samples.length < MAX_SAMPLES; n += 1) bucket.samples.push(value);
  }
}

function merge(buckets: readonly Bucket[]): Bucket {
  return {
    count: buckets.reduce((sum, { count }) => sum + count, 0),
    sum: buckets.reduce((sum, bucket) => sum + bucket.sum, 0),
    minimum: Math.min(...buckets.map(({ minimum }) => minimum)),
    maximum: Math.max(...buckets.map(({ maximum }) => maximum)),
    samples: buckets.flatMap(({ samples }) => samples),
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html */
function statisticOf(name: string): (bucket: Bucket) => number {
  if (name === "Sum") return ({ sum }) => sum;
  if (name === "SampleCount") return ({ count }) => count;
  if (name === "Average") return ({ sum, count }) => sum / count;
  if (name === "Minimum") return ({ minimum }) => minimum;
  if (name === "Maximum") return ({ maximum }) => maximum;
  const percentile = Number(/^p(\d{1,2}(?:\.\d+)?|100)$/.exec(name)?.[1] ?? Number.NaN);
  if (Number.isNaN(percentile))
    throw new AwsError("InvalidParameterValue", `The twin does not have the statistic '${name}'.`, {
      queryCode: "InvalidParameterValue",
    });
  return ({ samples }) => {
    const ordered = [...samples].sort((a, b) => a - b);
    return ordered[Math.max(0, Math.ceil((percentile / 100) * ordered.length) - 1)] ?? 0;
  };
}
