import type { Failing } from "../failing.ts";

/**
 * What is remembered of a message while it is worked, so that a run which ends without an answer is noticed when the
 * message comes again. Times in epoch milliseconds.
 */
export interface Mark {
  /** When the first run began that is known to have ended without an answer. */
  readonly firstAt: number;
  /** When the last run began. */
  readonly at: number;
  /** Runs without an answer, one after the other. */
  readonly runs: number;
  /** Messages that the last run worked together. */
  readonly size: number;
  /** Those of the runs in which it was alone. */
  readonly alone: number;
  /** Whether it was alone in a run that began after other messages succeeded, later than its own first failure. */
  readonly proven: boolean;
}

/** A message that ended a run alone. */
export interface Strike {
  readonly messageId: string;
  readonly at: number;
}

/** What a consumer remembers of its messages and of itself. */
export interface Known {
  /** Messages whose last run ended without an answer, by message id. */
  readonly marks: ReadonlyMap<string, Mark>;
  /** Messages that failed by their own fault before, by message id. */
  readonly failing: ReadonlyMap<string, Failing>;
  /** When a message was last worked with success; 0 when nobody knows. */
  readonly lastSuccess: number;
  /** Some of the messages that ended a run alone. */
  readonly strikes: readonly Strike[];
}

export const NOTHING_KNOWN: Known = { marks: new Map(), failing: new Map(), lastSuccess: 0, strikes: [] };

const RUNS_ALONE = 2;
/** So many different messages that end runs are no coincidence: the consumer itself is broken. */
const MASS = 4;
/** A batch that ended a run is worked in parts of this share, so that 500 messages are told apart in three further runs. */
const SHARE = 8;
/** Up to so many runs are enough to find a poison message in the largest batch; after them it waits longer and longer. */
const QUICK_RUNS = 6;
const LONGEST_SECONDS = 1_800;

/** The mark of a message at the beginning of a run of `size` messages. */
export function nextMark(previous: Mark | undefined, size: number, lastSuccess: number, now: number): Mark {
  const isAlone = size === 1;
  const provesIt = previous !== undefined && isAlone && lastSuccess > previous.firstAt;
  return {
    firstAt: previous?.firstAt ?? now,
    at: now,
    runs: (previous?.runs ?? 0) + 1,
    size,
    alone: (previous?.alone ?? 0) + (isAlone ? 1 : 0),
    proven: provesIt || (previous?.proven ?? false),
  };
}

/**
 * Whether a message is at fault for the runs that it ended: twice alone, the last time while the consumer was known to
 * work, and without others that do the same. When everything crashes, nothing succeeds in between; and after the mend
 * every message gets a run before anybody judges it.
 */
export function isPoison(messageId: string, { alone, proven }: Mark, { strikes, lastSuccess }: Known): boolean {
  if (alone < RUNS_ALONE || !proven) return false;
  const others = strikes.filter((strike) => strike.messageId !== messageId && strike.at > lastSuccess);
  return others.length < MASS;
}

/**
 * How many messages may be worked together with this one after it ended a run. A process that has survived a whole
 * group's worth of suspects, however small the parts, is past a trouble that was not theirs: its groups grow quickly.
 * @param survived groups of suspects that this process has worked lately
 */
export function groupSize({ size }: Mark, survived: number): number {
  const growth = 4 ** Math.min(6, Math.max(0, survived - 2 * SHARE + 1));
  return Math.max(1, Math.floor(size / SHARE)) * growth;
}

/** The most suspicious first: they decide how small the first group of a run is. */
export function bySuspicion(a: Mark, b: Mark): number {
  return Number(b.proven) - Number(a.proven) || a.size - b.size || b.alone - a.alone;
}

/** Seconds after which a message comes again when its run ends without an answer. @param runSeconds longest life of a run */
export function hiddenSeconds({ runs }: Mark, runSeconds: number): number {
  return Math.max(runSeconds, Math.min(LONGEST_SECONDS, runSeconds * 2 ** Math.max(0, runs - QUICK_RUNS)));
}
