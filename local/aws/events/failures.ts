import { AwsError } from "../kernel/errors.ts";

/** Why a delivery failed, in the codes of a dead letter. */
export interface DeliveryFailure {
  /** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

const MISSING = new Set([
  "ResourceNotFoundException",
  "QueueDoesNotExist",
  "StateMachineDoesNotExist",
  "UnknownService",
  "InvalidArn",
]);
const NOT_JSON = new Set(["InvalidRequestContentException", "InvalidExecutionInput"]);
const THROTTLED = /Throttl|TooManyRequests|LimitExceeded/i;

/** A failure that EventBridge itself names, rather than the target. */
export class NamedFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Sorts a failed call: missing permissions and targets are final, throttling and server errors are tried again, and
 * other client errors are final. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export function classify(error: unknown): DeliveryFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NamedFailure) return { code: error.code, message, retryable: false };
  if (!(error instanceof AwsError)) return { code: "INTERNAL_ERROR", message, retryable: true };
  const is = (code: string, retryable: boolean) => ({ code, message, retryable });
  if (error.code.startsWith("AccessDenied")) return is("NO_PERMISSIONS", false);
  if (MISSING.has(error.code)) return is("NO_RESOURCE", false);
  if (error.status === 429 || THROTTLED.test(error.code)) return is("THROTTLING", true);
  if (error.status >= 500) return is("ERROR_FROM_TARGET", true);
  return is(NOT_JSON.has(error.code) ? "INVALID_JSON" : "INVALID_PARAMETER", false);
}
