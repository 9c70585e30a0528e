const FIRST_SECONDS = 10;
const LONGEST_SECONDS = 1_800;
const JITTER = 0.25;

/**
 * Seconds until a customer is brought to a target again: 10, 20, 40, … up to half an hour, or exactly what the target
 * asked for. Up to a quarter is taken off by chance, so that what failed together does not come back together.
 * @param tries tries that failed, at least one
 * @param named seconds that the target named
 * @param random 0 to 1
 */
export function retryAfter(tries: number, named: number | undefined, random: number): number {
  if (named !== undefined) return named;
  const longest = Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (Math.max(1, tries) - 1));
  return longest * (1 - JITTER * random);
}
