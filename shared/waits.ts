import { AWS_ATTEMPTS, AWS_TIMEOUT_MS } from "./aws.ts";

/** What one invocation of a function waits for at most, one after the other; what runs side by side counts once. */
export interface Waits {
  /** How often, and for how long each time (milliseconds), by what is waited for. */
  readonly calls: Readonly<Record<string, readonly [times: number, timeoutMs: number]>>;
  /** Calls to AWS itself. */
  readonly awsCalls: number;
}

/** Pauses that the SDK makes between its attempts. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
const AWS_PAUSES_MS = 500;
/** What a call to AWS takes when all is well, and some more. */
const AWS_USUAL_MS = 50;

/**
 * How long an invocation takes at worst, in milliseconds: every call to a vendor is answered just in time. Of the calls to
 * AWS one is not answered at all, which ends the work; the others take what they take when all is well.
 */
export function worstCaseMs({ calls, awsCalls }: Waits): number {
  const vendors = Object.values(calls).reduce((sum, [times, timeoutMs]) => sum + times * timeoutMs, 0);
  return vendors + awsCalls * AWS_USUAL_MS + AWS_ATTEMPTS * AWS_TIMEOUT_MS + AWS_PAUSES_MS;
}
