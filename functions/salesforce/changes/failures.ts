import {
  type FleetError,
  InvalidInputError,
  isAwaitingTarget,
  isRetryable,
  RateLimitedError,
  TargetUnavailableError,
  TransientError,
} from "#shared/errors.ts";

/** Why one of the records that a message names could not be worked. */
export interface FailedRecord {
  readonly recordId: string;
  readonly error: unknown;
}

/**
 * One error for a message: retryable as soon as that of one record is, with every record named.
 * @param failed at least one
 * @param total records that the message names
 */
export function joinErrors(failed: readonly FailedRecord[], total: number): unknown {
  const [first] = failed;
  if (failed.length === 1 && total === 1) return first?.error;
  const retryable = failed.map(({ error }) => error).filter(isRetryable);
  const joined = join(failed, total, retryable);
  joined.wasProbe = retryable.length > 0 && retryable.every(isAwaitingTarget);
  return joined;
}

function join(failed: readonly FailedRecord[], total: number, retryable: readonly unknown[]): FleetError {
  const reasons = failed.map(({ recordId, error }) => `${recordId}: ${error instanceof Error ? error.message : error}`);
  const text = `${failed.length} of ${total} records failed: ${reasons.join("; ")}`;
  const limited = retryable.find((error) => error instanceof RateLimitedError);
  const cause = limited ?? retryable[0] ?? failed[0]?.error;
  if (limited)
    return new RateLimitedError("RECORDS_FAILED", text, { cause, retryAfterSeconds: limited.retryAfterSeconds });
  const unavailable = retryable.filter((error) => error instanceof TargetUnavailableError);
  if (unavailable[0] && unavailable.length === retryable.length)
    return new TargetUnavailableError("RECORDS_FAILED", text, {
      cause,
      retryAfterSeconds: Math.max(...unavailable.map(({ retryAfterSeconds }) => retryAfterSeconds)),
    });
  return retryable.length > 0
    ? new TransientError("RECORDS_FAILED", text, { cause })
    : new InvalidInputError("RECORDS_FAILED", text, { cause });
}
