import { z } from "zod";
import { FleetError, NotAuthorizedError, RateLimitedError, TransientError } from "../errors.ts";

/**
 * Why a breaker is open: the target named a time to wait, refuses our key or login (a person is needed), or fails for
 * several customers.
 */
export type Reason = "asked-to-wait" | "refused" | "failing";

/** Times are epoch milliseconds. */
export type Breaker = z.infer<typeof breakerSchema>;

const outageSchema = z.object({
  since: z.number(),
  reason: z.enum(["asked-to-wait", "refused", "failing"]),
  /** The code of the error that opened it, such as `rate_limit`. */
  code: z.string(),
  /** The wait before the last probe, from which the next one grows. */
  delayMs: z.number(),
  /** When people were told that it began. */
  toldAt: z.number().optional(),
});

const openSchema = outageSchema.extend({
  /** No call is made before. */
  until: z.number(),
  /** The one call that tries; a prober that crashed blocks the next one no longer than this lease. */
  probe: z.object({ id: z.string(), until: z.number() }).optional(),
});

export const breakerSchema = z.object({
  open: openSchema.optional(),
  /** What became of the last calls, kept only in troubled times. */
  recent: z.array(z.object({ at: z.number(), subject: z.string(), failed: z.boolean() })).optional(),
  /** The outage that ended last. */
  closed: outageSchema.extend({ at: z.number(), endToldAt: z.number().optional() }).optional(),
});

export type Open = z.infer<typeof openSchema>;

/** What a call's end says of the target: `nothing` when no call was made, or when the failure is of our own code. */
export type Answer =
  | { readonly kind: "answered" }
  | { readonly kind: "nothing" }
  | { readonly kind: "failed"; readonly code: string }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "asked-to-wait"; readonly code: string; readonly waitMs: number };

/** A call that has ended. */
export interface Ended {
  readonly answer: Answer;
  /** Whom the call was for; failures of one subject alone never open the breaker. */
  readonly subject: string;
  readonly startedAt: number;
  /** Set when the call was the probe. */
  readonly probeId?: string | undefined;
}

const MIN_CALLS = 5;
const MIN_SUBJECTS = 3;
const WINDOW_MS = 60_000;
/** So that a row stays small at 25 calls a second; fifty calls decide as well as a whole minute of them. */
const MAX_RECENT = 50;
/** First and longest wait before a probe. */
const WAITS: Record<Reason, { first: number; longest: number }> = {
  "asked-to-wait": { first: 5_000, longest: 60_000 },
  failing: { first: 5_000, longest: 60_000 },
  refused: { first: 60_000, longest: 300_000 },
};
/** A target that fails again so soon has one outage, not two. */
export const FLAP_MS = 120_000;
/**
 * The wait has been over for so long without a probe that no work can be waiting for it: twice as long as an old message
 * waits between its tries (`verdict.ts`), and for a refused key as long as queues keep one.
 */
const IDLE_MS: Record<Reason, number> = {
  "asked-to-wait": 7_200_000,
  failing: 7_200_000,
  refused: 14 * 86_400_000,
};
/** No probe has this id: the lease stays, but its call no longer decides. */
const VOID = "void";

/** What the end of a call says of the target; `error` is undefined when it went well. */
export function answerOf(error?: unknown): Answer {
  if (error === undefined) return { kind: "answered" };
  if (error instanceof RateLimitedError && error.retryAfterSeconds !== undefined)
    return { kind: "asked-to-wait", code: error.code, waitMs: error.retryAfterSeconds * 1000 };
  if (error instanceof RateLimitedError || error instanceof TransientError) return { kind: "failed", code: error.code };
  if (error instanceof NotAuthorizedError && !error.onlyThisCall) return { kind: "refused", code: error.code };
  // A target that understood and refused is there; anything else did not come from it.
  return error instanceof FleetError && !error.retryable ? { kind: "answered" } : { kind: "nothing" };
}

/** Whether calls failed lately, so that successes must be counted as well. */
export function isTroubled({ recent = [] }: Breaker, now: number): boolean {
  return recent.some(({ at, failed }) => failed && now - at < WINDOW_MS);
}

/**
 * The breaker after a call has ended; undefined when it stays as it is. Only the probe's success closes, and not once a
 * target has named a time meanwhile.
 */
export function afterCall(breaker: Breaker, call: Ended, now: number): Breaker | undefined {
  const { answer, probeId } = call;
  const { open } = breaker;
  const isProbe = open?.probe !== undefined && open.probe.id === probeId;
  if (answer.kind === "asked-to-wait") return afterNamedWait(breaker, answer, isProbe, now);
  if (open && isProbe) return afterProbe(open, answer, now);
  if (open) return answer.kind === "refused" ? afterLateRefusal(open, answer.code, now) : undefined;
  if (answer.kind === "nothing") return undefined;
  if (answer.kind === "answered") return isTroubled(breaker, now) ? counted(breaker, call, now) : undefined;
  // What was sent before the target recovered says nothing of it now.
  if (breaker.closed && call.startedAt < breaker.closed.at) return undefined;
  if (answer.kind === "refused") return opened(breaker, "refused", answer.code, now);
  const next = counted(breaker, call, now);
  return isTripped(next) ? opened(breaker, "failing", answer.code, now) : next;
}

function afterNamedWait(
  breaker: Breaker,
  { code, waitMs }: { code: string; waitMs: number },
  isProbe: boolean,
  now: number,
): Breaker | undefined {
  const until = now + waitMs;
  const { open } = breaker;
  if (!open) {
    const begun = opened(breaker, "asked-to-wait", code, now);
    return { ...begun, open: { ...begun.open, until } };
  }
  if (!isProbe && until <= open.until) return undefined;
  const { probe, ...rest } = open;
  const keepsReason = open.reason === "refused" && !isProbe;
  const why = keepsReason ? {} : { reason: "asked-to-wait" as const, code, delayMs: WAITS["asked-to-wait"].first };
  // A probe under way may still run, but began before this wait was named.
  const left = probe && !isProbe ? { probe: { ...probe, id: VOID } } : {};
  return { open: { ...rest, ...why, ...left, until: Math.max(until, open.until) } };
}

function afterProbe(open: Open, answer: Answer, now: number): Breaker {
  const { probe, until, ...outage } = open;
  if (answer.kind === "answered") return { closed: { ...outage, at: now } };
  if (answer.kind !== "failed" && answer.kind !== "refused") return { open: { ...outage, until } };
  const reason = answer.kind === "refused" ? "refused" : "failing";
  const { first, longest } = WAITS[reason];
  const delayMs = open.reason === reason ? Math.min(open.delayMs * 2, longest) : first;
  return { open: { ...anew(outage, reason), reason, code: answer.code, delayMs, until: now + delayMs } };
}

/** That a person is needed is news to those who were told that nothing is to be done. */
function anew<T extends { readonly reason: Reason; readonly toldAt?: number | undefined }>(
  outage: T,
  reason: Reason,
): T {
  if (reason !== "refused" || outage.reason === "refused") return outage;
  const { toldAt: _, ...rest } = outage;
  return rest as T;
}

function afterLateRefusal(open: Open, code: string, now: number): Breaker | undefined {
  if (open.reason === "refused") return undefined;
  const delayMs = WAITS.refused.first;
  return {
    open: { ...anew(open, "refused"), reason: "refused", code, delayMs, until: Math.max(open.until, now + delayMs) },
  };
}

function opened({ closed }: Breaker, reason: Reason, code: string, now: number): { open: Open } {
  const again = closed && !closed.endToldAt && now - closed.at < FLAP_MS ? closed : undefined;
  const { first, longest } = WAITS[reason];
  const delayMs = again?.reason === reason ? Math.min(again.delayMs * 2, longest) : first;
  const told = again?.toldAt === undefined ? {} : { toldAt: again.toldAt };
  return { open: { since: again?.since ?? now, reason, code, delayMs, until: now + delayMs, ...told } };
}

function counted({ recent = [], ...breaker }: Breaker, { answer, subject }: Ended, now: number): Breaker {
  const outcome = { at: now, subject, failed: answer.kind === "failed" };
  const young = recent.filter(({ at }) => now - at < WINDOW_MS);
  return { ...breaker, recent: [...young, outcome].slice(-MAX_RECENT) };
}

function isTripped({ recent = [] }: Breaker): boolean {
  const failures = recent.filter(({ failed }) => failed);
  const subjects = new Set(failures.map(({ subject }) => subject));
  return recent.length >= MIN_CALLS && failures.length * 2 > recent.length && subjects.size >= MIN_SUBJECTS;
}

/** The breaker with the right to probe given to `id`; undefined while it is not open, or nobody may probe. */
export function claimProbe({ open }: Breaker, id: string, leaseMs: number, now: number): Breaker | undefined {
  return open && waitOf(open, now) <= 0 ? { open: { ...open, probe: { id, until: now + leaseMs } } } : undefined;
}

/** Milliseconds until somebody may probe; 0 or less when it may be now. */
export function waitOf({ until, probe }: Open, now: number): number {
  return Math.max(until, probe?.until ?? 0) - now;
}

/** Whether a call is trying right now. */
export function isProbing({ probe }: Open, now: number): boolean {
  return probe !== undefined && probe.until > now;
}

/**
 * Closes a breaker that nobody has probed for long after its wait: the work that felt the outage went another way, and
 * the next call tells. That a key is accepted again nobody knows then, so it is not told. Undefined when it is not so.
 */
export function closeIdle({ open }: Breaker, now: number): Breaker | undefined {
  if (!open || waitOf(open, now) > -IDLE_MS[open.reason]) return undefined;
  const { probe: _, until: __, ...outage } = open;
  return { closed: { ...outage, at: now, ...(open.reason === "refused" ? { endToldAt: now } : {}) } };
}

/** Notes that people were told of the outage since `since`: that it began, or that it ended; undefined when they were. */
export function told(breaker: Breaker, what: "began" | "ended", since: number, now: number): Breaker | undefined {
  const { open, closed } = breaker;
  if (what === "began")
    return open?.since === since && !open.toldAt ? { ...breaker, open: { ...open, toldAt: now } } : undefined;
  return closed?.since === since && !closed.endToldAt
    ? { ...breaker, closed: { ...closed, endToldAt: now } }
    : undefined;
}

/** Takes back that people were told, because it did not reach them; undefined when that was of another outage. */
export function untold(breaker: Breaker, what: "began" | "ended", since: number): Breaker | undefined {
  const { open, closed } = breaker;
  if (what === "began" && open?.since === since) {
    const { toldAt: _, ...rest } = open;
    return { ...breaker, open: rest };
  }
  if (closed?.since !== since) return undefined;
  const { toldAt, endToldAt, ...rest } = closed;
  return { ...breaker, closed: what === "began" ? rest : { ...rest, ...(toldAt === undefined ? {} : { toldAt }) } };
}
