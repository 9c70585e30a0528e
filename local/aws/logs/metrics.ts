import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { Matcher } from "./matcher.ts";

const MAX_METRICS = 100;
const MAX_DIMENSIONS = 30;

/** A metric filter of the template: matching lines of a group count for a metric. */
export interface MetricFilter {
  readonly logGroupName: string;
  readonly matches: Matcher;
  readonly namespace: string;
  readonly name: string;
  readonly value: number;
  readonly defaultValue?: number;
}

/** One datum of PutMetricData. */
interface Datum {
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
  readonly Timestamp: number;
  readonly Unit?: string;
  readonly Values: readonly number[];
}

/**
 * Hands CloudWatch the metrics inside log lines: those in embedded metric format, and those of metric filters.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export async function publishMetrics(
  kernel: Kernel,
  filters: readonly MetricFilter[],
  lines: readonly { readonly timestamp: number; readonly message: string }[],
): Promise<void> {
  if (!kernel.services().some(({ name }) => name === "monitoring")) return;
  const byNamespace = new Map<string, Datum[]>();
  const add = (namespace: string, datum: Datum) =>
    byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), datum]);
  for (const { message, timestamp } of lines) {
    for (const [namespace, datum] of embeddedMetrics(message)) add(namespace, datum);
    for (const { matches, namespace, name, value, defaultValue } of filters) {
      const counted = matches(message) ? value : defaultValue;
      if (counted !== undefined)
        add(namespace, { MetricName: name, Dimensions: [], Timestamp: timestamp / 1000, Values: [counted] });
    }
  }
  for (const [Namespace, MetricData] of byNamespace)
    await kernel.call("monitoring", "PutMetricData", { Namespace, MetricData }, { principal: ADMINISTRATOR });
}

/** The metrics of a line in embedded metric format; a line that is not valid is just a line. */
export function embeddedMetrics(message: string): (readonly [namespace: string, datum: Datum])[] {
  if (!message.trimStart().startsWith("{") || !message.includes('"_aws"')) return [];
  const root = parse(message);
  const directives = root?._aws?.CloudWatchMetrics;
  if (!root || !Array.isArray(directives)) return [];
  return directives.flatMap(({ Namespace, Dimensions = [[]], Metrics = [] }: Directive) =>
    Metrics.slice(0, MAX_METRICS).flatMap(({ Name, Unit }) =>
      Dimensions.filter((set) => set.length <= MAX_DIMENSIONS).flatMap((set) => {
        const Values = [root[Name]].flat().filter((value): value is number => typeof value === "number");
        const datum: Datum = {
          MetricName: Name,
          Dimensions: set.map((name) => ({ Name: name, Value: String(root[name]) })),
          Timestamp: Number(root._aws?.Timestamp) / 1000,
          ...(Unit ? { Unit } : {}),
          Values,
        };
        return Namespace && Values.length > 0 ? [[Namespace, datum] as const] : [];
      }),
    ),
  );
}

interface Directive {
  readonly Namespace?: string;
  readonly Dimensions?: readonly (readonly string[])[];
  readonly Metrics?: readonly { readonly Name: string; readonly Unit?: string }[];
}

type Embedded = Record<string, unknown> & { _aws?: { Timestamp?: number; CloudWatchMetrics?: unknown } };

function parse(message: string): Embedded | undefined {
  try {
    return JSON.parse(message) as Embedded;
  } catch {
    return undefined;
  }
}
