import { type FleetError, InvalidInputError, NotAuthorizedError, TransientError } from "./errors.ts";

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
const NOT_AUTHORIZED = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "ExpiredTokenException",
  "InvalidSignatureException",
  "MissingAuthenticationTokenException",
  "UnrecognizedClientException",
]);
/** The function's settings name a thing that is not there: the deployment is wrong, no record's fault. */
const MISSING = new Set([
  "AWS.SimpleQueueService.NonExistentQueue",
  "InvalidArn",
  "QueueDoesNotExist",
  "ResourceNotFoundException",
  "StateMachineDoesNotExist",
]);
const INVALID = new Set(["ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException"]);

/**
 * An AWS SDK error in the fleet's words. What AWS may answer otherwise in a moment (throttling, 5xx, the network) is
 * transient; the SDK's own retries are behind us when it gets here.
 * @param what the call, for the reader, such as `DynamoDB UpdateItem on customers-dev`
 */
export function awsError(cause: unknown, what: string): FleetError {
  const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
  const text = `${what} failed: ${message}`;
  if (NOT_AUTHORIZED.has(name) || MISSING.has(name)) return new NotAuthorizedError(name, text, { cause });
  if (INVALID.has(name)) return new InvalidInputError(name, text, { cause });
  return new TransientError(name, text, { cause });
}

/** Whether a person has to give a permission, a key or a setting before any record can be worked. */
export function isDenied(error: unknown): boolean {
  return error instanceof NotAuthorizedError || (error instanceof Error && NOT_AUTHORIZED.has(error.name));
}
