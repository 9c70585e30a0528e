const FIRST_SECONDS = 5;
const FACTOR = 3;
const JITTER = 0.25;

/**
 * Seconds until a message that failed for now is handed out again: 5, 15, 45, 135, … and at last the queue's visibility
 * timeout, which it never exceeds. Up to a quarter is taken off by chance, so that batches which failed together do not
 * come back together.
 *
 * With 12 receives, a consumer's default, an outage of the other side is waited out for 18 to 25 minutes at a visibility
 * timeout of 3 minutes, 1 to 1.4 hours at 12 minutes, 2.4 to 3.3 hours at 33 minutes.
 * @param receives how often the queue has handed the message out, at least once
 * @param random 0 to 1
 */
export function backOffSeconds(receives: number, visibilitySeconds: number, random: number): number {
  const longest = Math.min(visibilitySeconds, FIRST_SECONDS * FACTOR ** (receives - 1));
  return longest * (1 - JITTER * random);
}
