import { networkCodeOf } from "./bare-error.ts";
import { type FleetError, InvalidInputError, NotAuthorizedError, TransientError } from "./errors.ts";
import { allowedWords, nameIn, type Sentence } from "./words.ts";

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

const DENIED = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html";
const DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html";
const STATES = "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html";
const LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html";

/** What AWS says without quoting the input of a call. */
const AWS_SENTENCES: readonly Sentence[] = [
  {
    codes: [...NOT_AUTHORIZED, "Lambda.AccessDeniedException"],
    words: /is not authorized to perform: [\w:*]+(?: on resource: arn:[\w:/.*+=,-]+)?/,
    source: DENIED,
  },
  {
    codes: [...NOT_AUTHORIZED],
    words: /The security token included in the request is (?:invalid|expired)/,
    source: DENIED,
  },
  {
    codes: ["ResourceNotFoundException"],
    words: /Requested resource not found(?:: Table: [\w.-]+ not found)?/,
    source: DYNAMODB,
  },
  {
    codes: ["ValidationException"],
    words: /Item size(?: to update)? has exceeded the maximum allowed size/,
    source: DYNAMODB,
  },
  {
    codes: ["ValidationException"],
    // The value itself stands before it.
    words: /at '[\w.]+' failed to satisfy constraint: Member must have length less than or equal to \d+/,
    source: STATES,
  },
  {
    codes: ["States.DataLimitExceeded"],
    words: /returned a result with a size exceeding the maximum number of bytes service limit/,
    source: STATES,
  },
  { codes: ["Sandbox.Timedout"], words: /Task timed out after [\d.]+ seconds/, source: LAMBDA },
  {
    codes: ["Runtime.ExitError"],
    words: /Runtime exited (?:without providing a reason|with error: (?:signal: [a-z]+|exit status \d+))/,
    source: LAMBDA,
  },
];

/** A code of AWS with the words that are known to hold no data: AWS quotes inputs in others. */
export function awsWords(code: unknown, message: unknown): string {
  const name = nameIn(code);
  return [name, allowedWords(AWS_SENTENCES, name, message)].filter(Boolean).join(": ");
}

/**
 * An AWS SDK error in the fleet's words. What AWS may answer otherwise in a moment (throttling, 5xx, the network) is
 * transient; the SDK's own retries are behind us when it gets here.
 * @param what the call, for the reader, such as `DynamoDB UpdateItem on customers-dev`
 */
export function awsError(cause: unknown, what: string): FleetError {
  const { name: given, message } = (cause ?? {}) as Partial<Error>;
  const name = nameIn(given);
  const network = networkCodeOf(cause);
  const text = `${what} failed: ${awsWords(name, message)}${network && ` (${network})`}`;
  if (NOT_AUTHORIZED.has(name) || MISSING.has(name)) return new NotAuthorizedError(name, text, { cause });
  if (INVALID.has(name)) return new InvalidInputError(name, text, { cause });
  return new TransientError(name, text, { cause });
}

/** Whether a person has to give a permission, a key or a setting before any record can be worked. */
export function isDenied(error: unknown): boolean {
  return error instanceof NotAuthorizedError || (error instanceof Error && NOT_AUTHORIZED.has(error.name));
}
