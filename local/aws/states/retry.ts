import type { Retrier } from "./definition/types.ts";
import type { StateError } from "./errors.ts";

/**
 * Milliseconds before retry number `attempt` (1 for the first) of a retrier.
 * @param random a number in [0, 1), used when the retrier asks for jitter
 */
export function retryDelay(retrier: Retrier, attempt: number, random: number): number {
  const { IntervalSeconds: interval = 1, BackoffRate: rate = 2, MaxDelaySeconds: max = Number.MAX_VALUE } = retrier;
  const seconds = Math.min(interval * rate ** (attempt - 1), max);
  return (retrier.JitterStrategy === "FULL" ? seconds * random : seconds) * 1000;
}

/** The attempt counters of one visit of a state, one for each of its retriers. */
export class RetryCounters {
  readonly #retriers: readonly Retrier[];
  readonly #attempts = new Map<Retrier, number>();

  constructor(retriers: readonly Retrier[]) {
    this.#retriers = retriers;
  }

  /** The delay in milliseconds before the next try, or `undefined` when the error goes on to Catch. */
  next(error: StateError, random: () => number): number | undefined {
    // The first retrier that matches decides, even when it is used up.
    const retrier = this.#retriers.find(({ ErrorEquals }) => matches(ErrorEquals, error));
    if (!retrier) return undefined;
    const attempt = (this.#attempts.get(retrier) ?? 0) + 1;
    if (attempt > (retrier.MaxAttempts ?? 3)) return undefined;
    this.#attempts.set(retrier, attempt);
    return retryDelay(retrier, attempt, random());
  }
}

/**
 * Whether an error has one of these names.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export function matches(names: readonly string[], { error, aliases }: StateError): boolean {
  if (error === "States.Runtime") return false; // never retried, never caught
  return names.some(
    (name) =>
      // The documentation exempts States.DataLimitExceeded; a recorded execution shows that States.ALL catches it.
      name === "States.ALL" ||
      (name === "States.TaskFailed" && error !== "States.Timeout") ||
      name === error ||
      aliases.includes(name),
  );
}
