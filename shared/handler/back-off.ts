const FIRST_SECONDS = 5;
const FACTOR = 3;
const JITTER = 0.25;
const LONGEST_SECONDS = 300;

/**
 * Seconds until a message that failed for now is handed out again: 5, 15, 45, 135, and then five minutes. Up to a
 * quarter is taken off by chance, so that batches which failed together do not come back together. What ends the tries is
 * for how long the message has failed (`verdict.ts`), not their number.
 * @param receives how often the queue has handed the message out, at least once
 * @param random 0 to 1
 */
export function backOffSeconds(receives: number, random: number): number {
  const longest = Math.min(LONGEST_SECONDS, FIRST_SECONDS * FACTOR ** (receives - 1));
  return longest * (1 - JITTER * random);
}
