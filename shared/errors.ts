import { bareCopy, bareMessage, Facts } from "./bare-error.ts";
import { nameIn } from "./words.ts";

/** A guess for who does not know when a target will be there again. */
const UNAVAILABLE_SECONDS = 30;

/**
 * Every failure of the fleet is one of these classes. `name` is the literal that Retry and Catch of the state machines
 * match on, so it survives bundling; `retryable` is what a queue consumer goes by.
 *
 * | class                 | when                                                            | retried |
 * | --------------------- | --------------------------------------------------------------- | ------- |
 * | TransientError        | the other side or the network failed and may recover             | yes     |
 * | RateLimitedError      | the other side names a time to wait, or asks us to slow down     | yes     |
 * | TargetUnavailableError| no call was made: the breaker is open, or a budget is used up    | yes     |
 * | InvalidInputError     | the work itself is wrong and will be wrong again                 | no      |
 * | RejectedByTargetError | the target understood and refused                                | no      |
 * | NotAuthorizedError    | credentials or permissions are missing                           | no      |
 * | ContractError         | an event or answer does not have the agreed shape                | no      |
 */
export abstract class FleetError extends Error {
  abstract override readonly name: string;
  abstract readonly retryable: boolean;
  /** The vendor's or our own short code, such as `UNABLE_TO_LOCK_ROW`. */
  readonly code: string;
  /** Set by the gate: the call only looked whether a target that is away is there again, so it says nothing of the work. */
  wasProbe = false;

  /** @param options.cause what is beneath it; unless it is one of ours, a copy without data is kept */
  constructor(code: string, message: string, { cause }: { cause?: unknown } = {}) {
    super(message, cause === undefined ? {} : { cause: isOurs(cause) ? cause : bareCopy(cause) });
    this.code = code;
  }

  /** What the other side calls the request that failed, when it said so. */
  get requestId(): string | undefined {
    return (this.cause as { requestId?: string } | undefined)?.requestId;
  }
}

function isOurs(cause: unknown): cause is FleetError | Facts {
  return cause instanceof FleetError || cause instanceof Facts;
}

export class TransientError extends FleetError {
  override readonly name = "TransientError";
  override readonly retryable = true;
}

export class RateLimitedError extends FleetError {
  override readonly name = "RateLimitedError";
  override readonly retryable = true;
  /** Seconds after which the target will answer again, when it said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number | undefined } = {},
  ) {
    super(code, message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/**
 * No call was made: the target's circuit breaker is open, or its rate budget or daily reserve is used up. Waiting is no try,
 * so nothing is counted for the item.
 */
export class TargetUnavailableError extends FleetError {
  override readonly name = "TargetUnavailableError";
  override readonly retryable = true;
  /** Seconds after which asking again makes sense. */
  readonly retryAfterSeconds: number;

  constructor(code: string, message: string, options: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    super(code, message, options);
    this.retryAfterSeconds = options.retryAfterSeconds ?? UNAVAILABLE_SECONDS;
  }
}

export class InvalidInputError extends FleetError {
  override readonly name = "InvalidInputError";
  override readonly retryable = false;
}

export class RejectedByTargetError extends FleetError {
  override readonly name = "RejectedByTargetError";
  override readonly retryable = false;
}

export class NotAuthorizedError extends FleetError {
  override readonly name = "NotAuthorizedError";
  override readonly retryable = false;
  /** A permission for this call is missing, while the key or login is good for others: no reason to make none. */
  readonly onlyThisCall: boolean;

  constructor(code: string, message: string, options: { cause?: unknown; onlyThisCall?: boolean } = {}) {
    super(code, message, options);
    this.onlyThisCall = options.onlyThisCall ?? false;
  }
}

export class ContractError extends FleetError {
  override readonly name = "ContractError";
  override readonly retryable = false;
}

/** Whether trying the same work again can help. An error that is not ours counts as retryable: it may be a bad moment. */
export function isRetryable(error: unknown): boolean {
  return error instanceof FleetError ? error.retryable : true;
}

/** Whether the work waits for a target that is away: no call was made, or only the one that looks whether it is back. */
export function isAwaitingTarget(error: unknown): boolean {
  return error instanceof TargetUnavailableError || (error instanceof FleetError && error.retryable && error.wasProbe);
}

/** An error as logs and people have it: never a stack, and of an error that is not ours only words that hold no data. */
export function describeError(error: unknown): { name: string; message: string; requestId?: string } {
  if (!(error instanceof FleetError))
    return { name: nameIn((error as Partial<Error> | undefined)?.name), message: bareMessage(error) };
  const { name, message, requestId } = error;
  return { name, message, ...(requestId ? { requestId } : {}) };
}
