import type { Clock } from "../kernel/clock.ts";
import { AwsError } from "../kernel/errors.ts";

/** The finest grain kept; high-resolution metrics are summed up to it. */
const BUCKET_SECONDS = 60;
const HOUR_SECONDS = 3600;
/** Minutes kept per metric; older ones are summed up to hours, without percentiles, for the longest alarm (a week). */
const MAX_MINUTES = 24 * 60;
const MAX_HOURS = 8 * 24;
/** Metrics kept in all. */
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
  readonly Unit?: string;
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

interface Series {
  readonly metric: Required<Metric>;
  readonly unit: string;
  readonly minutes: Map<number, Bucket>;
  readonly hours: Map<number, Bucket>;
}

/**
 * Metrics in memory: a day by minute, a week by hour. Periods are waits, so they pass as fast as the clock's scale says;
 * time stamps stay real. Inside, all is in seconds as the clock counts them.
 */
export class MetricStore {
  readonly #clock: Pick<Clock, "counted" | "stampOf">;
  readonly #series = new Map<string, Series>();

  constructor(clock: Pick<Clock, "counted" | "stampOf">) {
    this.#clock = clock;
  }

  /** @param now epoch milliseconds, for a datum without a time of its own */
  put(namespace: string, datum: MetricDatum, now: number): void {
    const metric = { Namespace: namespace, MetricName: datum.MetricName, Dimensions: sorted(datum.Dimensions) };
    const key = keyOf(metric);
    const known = this.#series.get(key);
    if (!known && this.#series.size >= MAX_METRICS)
      throw new AwsError("LimitExceeded", `The twin keeps ${MAX_METRICS} metrics; dimensions should have few values.`);
    const series = known ?? { metric, unit: datum.Unit ?? "None", minutes: new Map(), hours: new Map() };
    this.#series.set(key, series);
    const start = this.startOf(datum.Timestamp ?? now / 1000, BUCKET_SECONDS);
    const bucket = series.minutes.get(start) ?? emptyBucket();
    add(bucket, datum);
    series.minutes.set(start, bucket);
    if (series.minutes.size > MAX_MINUTES) rollUp(series);
  }

  list(): readonly Required<Metric>[] {
    return [...this.#series.values()].map(({ metric }) => metric);
  }

  unitOf(metric: Metric): string {
    return this.#series.get(keyOf(metric))?.unit ?? "None";
  }

  /** The counted second at which the period begins that holds a real time (epoch seconds). */
  startOf(seconds: number, period: number): number {
    return Math.floor(this.#clock.counted(seconds * 1000) / 1000 / period) * period;
  }

  /** The real time (epoch seconds) of a counted second. */
  timeOf(start: number): number {
    return this.#clock.stampOf(start * 1000) / 1000;
  }

  /**
   * A statistic over whole periods, oldest first; periods without data are absent. Times in epoch seconds.
   * @throws AwsError `InvalidParameterValue` for an unknown statistic
   */
  read(metric: Metric, statistic: string, period: number, from: number, to: number): Point[] {
    const first = this.startOf(from, period);
    return [...this.values(metric, statistic, period, first, this.#clock.counted(to * 1000) / 1000)]
      .sort(([a], [b]) => a - b)
      .map(([start, value]) => ({ timestamp: this.timeOf(start), value }));
  }

  /**
   * The same between two counted seconds, by the start of each period.
   * @throws AwsError `InvalidParameterValue` for an unknown statistic
   */
  values(metric: Metric, statistic: string, period: number, from: number, to: number): Map<number, number> {
    const compute = statisticOf(statistic);
    const periods = new Map<number, Bucket[]>();
    const series = this.#series.get(keyOf(metric));
    for (const [start, bucket] of series ? bucketsBetween(series, from, to) : []) {
      const begin = Math.floor(start / period) * period;
      const buckets = periods.get(begin);
      if (buckets) buckets.push(bucket);
      else periods.set(begin, [bucket]);
    }
    return new Map([...periods].map(([begin, buckets]) => [begin, compute(merge(buckets))]));
  }
}

function emptyBucket(): Bucket {
  return { count: 0, sum: 0, minimum: Infinity, maximum: -Infinity, samples: [] };
}

/** Moves the first minute into its hour; minutes come in nearly in order. */
function rollUp({ minutes, hours }: Series): void {
  const [first] = minutes;
  if (!first) return;
  const [start, bucket] = first;
  minutes.delete(start);
  const hour = Math.floor(start / HOUR_SECONDS) * HOUR_SECONDS;
  const { samples: _, ...sums } = merge([hours.get(hour) ?? emptyBucket(), bucket]);
  hours.set(hour, { ...sums, samples: [] });
  const [oldest] = hours.keys();
  if (hours.size > MAX_HOURS && oldest !== undefined) hours.delete(oldest);
}

/** Looks the minutes up where the time between is short: alarms ask for little, and often. */
function* bucketsBetween({ minutes, hours }: Series, from: number, to: number): Generator<[number, Bucket]> {
  for (const [start, bucket] of hours) if (start + HOUR_SECONDS > from && start < to) yield [start, bucket];
  const first = Math.floor(from / BUCKET_SECONDS) * BUCKET_SECONDS;
  if ((to - first) / BUCKET_SECONDS < minutes.size) {
    for (let start = first; start < to; start += BUCKET_SECONDS) {
      const bucket = minutes.get(start);
      if (bucket) yield [start, bucket];
    }
    return;
  }
  for (const [start, bucket] of minutes) if (start >= first && start < to) yield [start, bucket];
}

function keyOf({ Namespace, MetricName, Dimensions }: Metric): string {
  return JSON.stringify({ Namespace, MetricName, Dimensions: sorted(Dimensions) });
}

function sorted(dimensions: readonly Dimension[] = []): Dimension[] {
  return dimensions.map(({ Name, Value }) => ({ Name, Value })).sort((a, b) => (a.Name < b.Name ? -1 : 1));
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
