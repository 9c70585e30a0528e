import type { Json } from "./json.ts";

/**
 * A named error of a state, as Retry and Catch match it.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export class StateError extends Error {
  override readonly name = "StateError";
  /** Absent when SendTaskFailure gave none. */
  readonly error: string | undefined;
  readonly causeText: string | undefined;
  /** Further names that a retrier or catcher may know this error by. */
  readonly aliases: readonly string[];

  constructor(error: string | undefined, causeText?: string, aliases: readonly string[] = []) {
    super(`${error ?? "(unnamed)"}: ${causeText ?? ""}`);
    this.error = error;
    this.causeText = causeText;
    this.aliases = aliases;
  }

  /** What a catcher receives. A timeout has an empty cause, a callback failure without members has nulls. */
  output(): Json {
    const missing = this.error === "States.Timeout" ? "" : null;
    return { Error: this.error ?? null, Cause: this.causeText ?? missing };
  }

  /** The `error` and `cause` members of an event; absent ones are left out. */
  details(): { error?: string; cause?: string } {
    return {
      ...(this.error === undefined ? {} : { error: this.error }),
      ...(this.causeText === undefined ? {} : { cause: this.causeText }),
    };
  }
}

/** Why running states are told to end; it is the abort reason of their signal. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  readonly kind: "stopped" | "timed-out" | "failed" | "sibling-failed" | "shutdown";
  readonly failure: StateError | undefined;
  /** The event that made the sibling fail; later events of this branch point to it. */
  readonly eventId: number;

  constructor(kind: Interruption["kind"], failure?: StateError, eventId = 0) {
    super(`The execution was interrupted: ${kind}.`);
    this.kind = kind;
    this.failure = failure;
    this.eventId = eventId;
  }
}

/** The error of a value above 256 KiB. `subject` is `lambda`, a function ARN, a resource or the state's name. */
export function dataLimitExceeded(subject: string): StateError {
  return new StateError(
    "States.DataLimitExceeded",
    `The state/task '${subject}' returned a result with a size exceeding the maximum number of bytes service limit.`,
  );
}
