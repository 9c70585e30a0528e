import type { Measure } from "./measures.ts";

export const MINUTE = 60;
export const FIVE_MINUTES = 300;

/** One alarm: over one measure, or over several by metric math. */
export interface AlarmSpec {
  /** Logical id without `Alarm`. */
  readonly id: string;
  /** Name without service and stage. */
  readonly name: string;
  /** Anchor of its line in docs/operations.md, without `alarm-`. */
  readonly runbook: string;
  /** One sentence: what is wrong. */
  readonly says: string;
  readonly measures: readonly [Measure, ...Measure[]];
  /** Metric math over `m1`, `m2`, …; absent with one measure. */
  readonly expression?: string;
  readonly statistic: "Sum" | "Maximum";
  /** Seconds. */
  readonly period: number;
  readonly periods: number;
  /** How many of the periods must breach. */
  readonly breaching: number;
  readonly threshold: number;
  readonly comparison?: "LessThanOrEqualToThreshold";
  /** What no data mean: that all is well, unless they are `bad`, or the alarm `stays` as it is. */
  readonly missing?: "bad" | "stays";
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html */
export const MAX_MEASURES = 10;

/** Anything above none, of all of these together. */
export function sumOf(measures: readonly Measure[]) {
  const filled = measures.map((_, index) => `FILL(m${index + 1},0)`);
  return {
    measures: atLeastOne(measures),
    ...(measures.length > 1 ? { expression: `SUM([${filled.join(",")}])` } : {}),
    statistic: "Sum" as const,
    threshold: 0,
  };
}

/** As few groups as CloudWatch allows, for `each` metrics of every item. */
export function groups<T>(items: readonly T[], each: number): readonly (readonly T[])[] {
  const size = Math.floor(MAX_MEASURES / each);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** A list that is known not to be empty. */
export function atLeastOne<T>(items: readonly T[]): readonly [T, ...T[]] {
  return items as unknown as readonly [T, ...T[]];
}

/** `one, other`, for a description. */
export function namesOf(some: readonly { readonly name: string }[]): string {
  return some.map(({ name }) => name).join(", ");
}

/** `SlackNotify` of `slack-notify`, for logical ids. */
export function pascal(name: string): string {
  return name.replace(/(?:^|[^a-zA-Z0-9])([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
