import type { SQSRecord } from "aws-lambda";
import { isDenied } from "../aws-errors.ts";
import { isAwaitingTarget, isRetryable, RateLimitedError, TargetUnavailableError } from "../errors.ts";
import { type Failing, failedAgain } from "../failing.ts";
import { backOffSeconds } from "./back-off.ts";

/** What becomes of a message that failed: handed out again after so many seconds, or parked. */
export type Verdict = { readonly again: true; readonly seconds: number; readonly denied: boolean } | { again: false };

const DAY_SECONDS = 86_400;
/** A day before the queue would drop a message, it is parked, whatever it waited for. */
export const LAST_AGE_SECONDS = 13 * DAY_SECONDS;
/**
 * A message stays hidden for at most 12 hours from its receipt, of which a slow batch may have used the first.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
 */
const LONGEST_WAIT_SECONDS = 11 * 3_600;

/** After so many receives, whatever was named, waits grow with the age of the message: the queue counts to a thousand. */
const MANY_RECEIVES = 100;
const SHARE_OF_AGE = 1 / 50;
const LONGEST_BY_AGE_SECONDS = 3_600;

/**
 * Judges by the error and by the time for which the message has failed by its own fault. What may pass is tried again
 * until that is `giveUpAfter`; what waits for a target that is away, or for a permission that a person has to give, waits
 * as long as the queue keeps messages. A wait that the target names is kept to the second, as long as a hundred of them last.
 * @param ageSeconds since the message was sent
 * @param failingSeconds since it fails, without what it waited for
 * @param random 0 to 1
 */
export function judge(
  error: unknown,
  { ageSeconds, receives, failingSeconds }: { ageSeconds: number; receives: number; failingSeconds: number },
  giveUpAfterSeconds: number,
  random: number,
): Verdict {
  const denied = isDenied(error);
  if (!denied && !isRetryable(error)) return { again: false };
  if (isOwn(error) && failingSeconds >= giveUpAfterSeconds) return { again: false };
  if (ageSeconds >= Math.max(LAST_AGE_SECONDS, giveUpAfterSeconds)) return { again: false };
  const byAge = Math.min(LONGEST_BY_AGE_SECONDS, ageSeconds * SHARE_OF_AGE);
  const least = receives > MANY_RECEIVES ? byAge : 0;
  const seconds = Math.max(least, namedWait(error) ?? backOffSeconds(receives, random));
  return { again: true, seconds: Math.min(LONGEST_WAIT_SECONDS, seconds), denied };
}

/** Whether a failure that may pass may be the message's own: nobody says that it waits for a target or for a person. */
function isOwn(error: unknown): boolean {
  return isRetryable(error) && !isDenied(error) && !isAwaitingTarget(error);
}

/** Since when a message fails, after one more failure; undefined when it never did by its own fault. */
export function failingAfter(error: unknown, known: Failing | undefined, now: number): Failing | undefined {
  return isOwn(error) ? failedAgain(known, now) : known;
}

/** Seconds since a message was sent; a replayed or redriven one counts from its own sending. */
export function ageOf({ attributes: { SentTimestamp } }: SQSRecord, now: number): number {
  return SentTimestamp ? Math.max(0, (now - Number(SentTimestamp)) / 1000) : 0;
}

function namedWait(error: unknown): number | undefined {
  if (error instanceof RateLimitedError || error instanceof TargetUnavailableError)
    return error.retryAfterSeconds || undefined;
  return undefined;
}
