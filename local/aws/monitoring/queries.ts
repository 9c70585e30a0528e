import { type Expression, parseExpression, type Series } from "./math.ts";
import type { Metric, MetricStore } from "./metrics.ts";

/** An entry of GetMetricData and of an alarm's `Metrics`. */
export interface DataQuery {
  readonly Id: string;
  readonly Label?: string;
  readonly Expression?: string;
  readonly Period?: number;
  readonly ReturnData?: boolean;
  readonly MetricStat?: { readonly Metric: Metric; readonly Period: number; readonly Stat: string };
}

/** Queries that were read, to be worked out over and over. */
export class Queries {
  readonly #byId = new Map<string, { readonly query: DataQuery; readonly expression?: Expression }>();

  readonly #periods = new Map<string, number>();

  /** @throws Error of one sentence for an expression that cannot be read or names an unknown id */
  constructor(queries: readonly DataQuery[]) {
    for (const query of queries)
      this.#byId.set(query.Id, {
        query,
        ...(query.Expression === undefined ? {} : { expression: parseExpression(query.Expression) }),
      });
    for (const { query, expression } of this.#byId.values()) {
      for (const id of expression?.ids ?? [])
        if (!this.#byId.has(id)) throw new Error(`the expression ${query.Expression} names ${id}, which is no query`);
      this.#refuseCircle(query.Id, []);
    }
  }

  /** Seconds of a query's periods: the longest of the metrics it is worked out from. */
  periodOf(id: string): number {
    const known = this.#periods.get(id) ?? this.#longestOf(id);
    this.#periods.set(id, known);
    return known;
  }

  #longestOf(id: string): number {
    const { query, expression } = this.#get(id);
    if (query.MetricStat) return Number(query.MetricStat.Period);
    return (
      Math.max(Number(query.Period ?? 0), ...[...(expression?.ids ?? [])].map((other) => this.periodOf(other))) || 300
    );
  }

  /**
   * The values of a query in the periods from `first` on, by their start in counted seconds.
   * @throws AwsError `InvalidParameterValue` for an unknown statistic
   */
  evaluate(id: string, metrics: MetricStore, first: number, count: number): Series {
    const period = this.periodOf(id);
    const starts = Array.from({ length: count }, (_, n) => first + n * period);
    const work = (one: string): Series => {
      const { query, expression } = this.#get(one);
      if (expression) return expression.evaluate({ starts, series: work });
      if (!query.MetricStat) return new Map();
      return metrics.values(query.MetricStat.Metric, query.MetricStat.Stat, period, first, first + count * period);
    };
    return work(id);
  }

  #get(id: string) {
    const found = this.#byId.get(id);
    if (!found) throw new Error(`there is no query ${id}`);
    return found;
  }

  #refuseCircle(id: string, path: readonly string[]): void {
    if (path.includes(id)) throw new Error(`the expressions ${path.join(", ")} name one another`);
    for (const other of this.#get(id).expression?.ids ?? []) this.#refuseCircle(other, [...path, id]);
  }
}
