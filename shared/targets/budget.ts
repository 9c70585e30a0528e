import { z } from "zod";

/** So many tokens in every window. */
export interface Budget {
  readonly tokens: number;
  readonly windowMs: number;
  /** What the bulk lane may take of a window while live work waits. */
  readonly bulkShare: number;
  /** For so long it counts that live work found nothing left. */
  readonly liveMs: number;
}

/** What was taken of one window; times are epoch milliseconds. */
export type Spent = z.infer<typeof spentSchema>;

export const spentSchema = z.object({
  /** When the window began. */
  windowAt: z.number().optional(),
  used: z.number().default(0),
  /** How much of `used` the bulk lane took. */
  bulk: z.number().default(0),
  /** When live work last found the budget used up. */
  liveAt: z.number().optional(),
});

/** Who asks for a token, and when. */
export interface Ask {
  readonly bulk: boolean;
  readonly now: number;
}

/** What to do for a token: begin a new window, take one of the present window, or wait for the next. */
export type Step = "begin" | "take" | "wait";

/** A clock ahead of ours by more is broken: its window is not waited for. */
export const AHEAD_MS = 2_000;

/**
 * Windows of a second for whole rates; longer ones for rates below one a second, so that each has a token.
 * @param ratePerSecond above 0
 */
export function budgetOf(ratePerSecond: number, bulkShare: number): Budget {
  const tokens = Math.max(1, Math.floor(ratePerSecond));
  const windowMs = Math.ceil((1000 * tokens) / ratePerSecond);
  return { tokens, windowMs, bulkShare, liveMs: 2 * Math.max(1000, windowMs) };
}

/** When the window of this moment began. Windows are counted from the epoch, so all functions have the same ones. */
export function windowAt({ windowMs }: Budget, now: number): number {
  return Math.floor(now / windowMs) * windowMs;
}

/**
 * Whether the window that others began is the one to take from. It may be ahead of our clock, never behind: a window is
 * never begun twice, so clocks that differ a little share one budget.
 */
function isPresent({ windowAt: begun }: Spent, mine: number): boolean {
  return begun !== undefined && begun >= mine && begun <= mine + AHEAD_MS;
}

/** What to do for a token, as far as `spent` is still true. */
export function nextStep(budget: Budget, spent: Spent, ask: Ask): Step {
  const mine = windowAt(budget, ask.now);
  const present = isPresent(spent, mine);
  const { used, bulk } = present ? spent : { used: 0, bulk: 0 };
  if (used >= budget.tokens) return "wait";
  const limited = ask.bulk && isLiveWaiting(budget, spent, ask.now);
  if (limited && bulk >= bulkTokens(budget, present ? (spent.windowAt ?? mine) : mine)) return "wait";
  return present ? "take" : "begin";
}

/** The counters after the step. */
export function spend(budget: Budget, spent: Spent, ask: Ask, step: "begin" | "take"): Spent {
  const bulk = ask.bulk ? 1 : 0;
  if (step === "take") return { ...spent, used: spent.used + 1, bulk: spent.bulk + bulk };
  return { ...spent, windowAt: windowAt(budget, ask.now), used: 1, bulk };
}

/** Whether live work found the budget used up a moment ago. */
export function isLiveWaiting({ liveMs }: Budget, { liveAt }: Spent, now: number): boolean {
  return liveAt !== undefined && now - liveAt < liveMs;
}

/** Whether live work that finds nothing left must say so, because nobody did a moment ago. */
export function mustMark({ liveMs }: Budget, { liveAt }: Spent, { bulk, now }: Ask): boolean {
  return !bulk && (liveAt === undefined || now - liveAt >= liveMs / 4);
}

/** Milliseconds until the next window begins. */
export function untilNext(budget: Budget, now: number): number {
  return windowAt(budget, now) + budget.windowMs - now;
}

/**
 * How many tokens of a window the bulk lane may take while live work waits. Where its share is less than one token it
 * gets one every few windows.
 */
export function bulkTokens({ tokens, windowMs, bulkShare }: Budget, begun: number): number {
  const share = tokens * bulkShare;
  if (share >= 1) return Math.floor(share);
  return Math.floor(begun / windowMs) % Math.ceil(1 / share) === 0 ? 1 : 0;
}
