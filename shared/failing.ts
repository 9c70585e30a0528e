/** Since when something fails by its own fault, and when it did so last; epoch milliseconds. */
export interface Failing {
  readonly since: number;
  readonly at: number;
}

/** The longest back-off: what lay between two failures beyond it was waiting, for a target or for a person, and is no failing. */
const LONGEST_GAP_MS = 3_600_000;

/** One more failure of its own, after `known`: the time in which nobody tried moves its beginning on. */
export function failedAgain(known: Failing | undefined, now: number): Failing {
  if (!known) return { since: now, at: now };
  const idle = Math.max(0, now - known.at - LONGEST_GAP_MS);
  return { since: known.since + idle, at: now };
}
