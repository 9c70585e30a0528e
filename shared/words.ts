import { constants } from "node:os";

/**
 * What may be told of an answer or an error that is not ours. Its words may hold a customer's data or a secret, whatever
 * its code says, so they are left out, but for the sentences of an allow-list; codes, names of fields and request ids stay.
 */

/** A sentence without data. Each vendor's client has its own list. */
export interface Sentence {
  /** The codes with which it comes. */
  readonly codes: readonly string[];
  /** How it reads; what varies in it are ids, counts and technical names alone. */
  readonly words: RegExp;
  /** Where the vendor says so. */
  readonly source: string;
}

/** Stands for a code that does not look like one. */
export const UNREADABLE_CODE = "UNREADABLE_CODE";

const MAX_LENGTH = 80;
/** Codes of several words, as all vendors write most of theirs: `UNABLE_TO_LOCK_ROW`, `invalid_grant`. No name has underscores. */
const SEVERAL_WORDS = /^(?:[A-Z]+[A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+[a-z0-9]*(?:_[a-z0-9]+)+)$/;
/** The last word of a class of errors, or the first, of JavaScript's and of AWS's. */
const CLASS_NAME =
  /^(?:\w*(?:Error|Exception|Fault|Failure|Exceeded|NotExist|AlreadyExists|Unavailable|Denied|NotFound|Timed[Oo]ut|Throttled|Throttling)|(?:Invalid|NoSuch|Malformed|Missing)[A-Z]\w*)$/;
/** Names of AWS's errors that have no such word; AWS makes them, so none is anybody's. https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html */
const AWS_NAMES: ReadonlySet<string> = new Set([
  ...["IncompleteSignature", "OptInRequired", "RequestExpired", "SignatureDoesNotMatch", "ExpiredToken", "AuthFailure"],
  ...[
    "StateMachineDeleting",
    "ActivityLimit",
    "TaskTimedOut",
    "OverLimit",
    "QueueDeletedRecently",
    "PurgeQueueInProgress",
  ],
  ...["ReceiptHandleIsInvalid", "BatchRequestTooLong", "EmptyBatchRequest", "TooManyEntriesInBatchRequest"],
  ...["SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "EntityTooLarge", "PriorRequestNotComplete", "KmsDisabled"],
]);
/** Services, before whose dot Step Functions and SQS name them. */
const NAMESPACED =
  /^(?:States|Lambda|Sandbox|Runtime|Function|Extension|DynamoDB|DynamoDb|EventBridge|S3|Sqs|Sfn|SecretsManager|AWS\.SimpleQueueService)\.[A-Za-z]+$/;
// Not of a number in disguise.
const MEMBER = /^(?!.*\d{5})[A-Za-z][\w.]*$/;
/** What is letters alone may be a name, and what is digits alone a phone number. */
const REQUEST_ID = /^(?=.*\d)(?=.*[A-Za-z])[\w-]+$/;
const ID = /^(?=.*\d)(?=.*[A-Za-z])[\w.:#=;/-]{1,200}$/;
/** Of Node, its HTTP client and its DNS client. https://nodejs.org/docs/latest-v24.x/api/errors.html#nodejs-error-codes */
const NODE_CODES: ReadonlySet<string> = new Set([
  ...Object.keys(constants.errno),
  ...["ENOTFOUND", "ENODATA", "ESERVFAIL", "ETIMEOUT", "EREFUSED", "ECANCELLED", "EBADRESP", "EFORMERR"],
]);

const textIn = (text: unknown, shape: RegExp): string | undefined =>
  typeof text === "string" && text.length <= MAX_LENGTH && shape.test(text) ? text : undefined;

/** The sentences of `message` that may come with `code`; empty when there is none. Nothing around a sentence is told. */
export function allowedWords(sentences: readonly Sentence[], code: string, message: unknown): string {
  if (typeof message !== "string") return "";
  const found = sentences.filter(({ codes }) => codes.includes(code)).map(({ words }) => words.exec(message)?.[0]);
  return found.filter((words) => words !== undefined).join("; ");
}

/**
 * A vendor's code, such as `UNABLE_TO_LOCK_ROW` or `invalid_grant`. A single word may as well be somebody's name.
 * @param known the vendor's codes of another shape, which are told as well
 */
export function codeIn(text: unknown, known: Iterable<string> = [], otherwise = UNREADABLE_CODE): string {
  if (typeof text === "string" && new Set(known).has(text)) return text;
  return textIn(text, SEVERAL_WORDS) ?? otherwise;
}

/** A code of Node's network, such as `ECONNREFUSED` or `UND_ERR_SOCKET`; empty when it is none. */
export function networkCodeIn(text: unknown): string {
  return typeof text === "string" && /^[A-Z]/.test(text) ? codeIn(text, NODE_CODES, "") : "";
}

/** The name of a class of errors, such as AWS's `ThrottlingException`. */
export function nameIn(text: unknown, otherwise = "Error"): string {
  if (typeof text === "string" && AWS_NAMES.has(text)) return text;
  return textIn(text, CLASS_NAME) ?? textIn(text, NAMESPACED) ?? otherwise;
}

/** Those of a vendor's names of fields, such as `Billing_Email__c` or `address[line1]`, that are known to be such. */
export function fieldsIn(texts: readonly unknown[], known: RegExp): string[] {
  return texts.filter((text): text is string => textIn(text, known) !== undefined);
}

/** The name of a member of one of our own schemas. */
export function memberIn(text: unknown): string | undefined {
  return textIn(text, MEMBER);
}

export function requestIdIn(text: unknown): string | undefined {
  return textIn(text, REQUEST_ID);
}

/** An id of ours or a vendor's as a malformed event has it; undefined when it may as well be a name or an address. */
export function idIn(text: unknown): string | undefined {
  return typeof text === "string" && ID.test(text) ? text : undefined;
}
