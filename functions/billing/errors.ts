import { Facts } from "#shared/bare-error.ts";
import {
  type FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";
import { codeIn, fieldsIn, nameIn, requestIdIn, UNREADABLE_CODE } from "#shared/words.ts";

/** Of the requests that we make. https://docs.stripe.com/api/customers */
const PARAMETER =
  /^(?:name|email|phone|description|address|shipping|metadata|tax|id|customer|query|limit|created|starting_after|expand|preferred_locales)(?:\[\w+\])*$/;

/** What Stripe answered, without its message, which may hold personal data. The cause of the error that is thrown. */
export class StripeAnswer extends Facts {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly param: string | undefined;
  override readonly requestId: string | undefined;
  /** Seconds, when Stripe named a time to wait. */
  readonly retryAfterSeconds: number | undefined;
  /** Header `Stripe-Should-Retry`. */
  readonly shouldRetry: boolean | undefined;
  /** The answer is the stored one of an earlier request with the same key. */
  readonly isReplayed: boolean;

  constructor(answer: Partial<StripeAnswer> = {}) {
    super();
    this.status = answer.status;
    this.type = answer.type && codeIn(answer.type, [], nameIn(answer.type, UNREADABLE_CODE));
    this.code = answer.code && codeIn(answer.code, ["missing"]);
    this.param = fieldsIn([answer.param], PARAMETER)[0];
    this.requestId = requestIdIn(answer.requestId);
    this.retryAfterSeconds = answer.retryAfterSeconds;
    this.shouldRetry = answer.shouldRetry;
    this.isReplayed = answer.isReplayed ?? false;
  }
}

/**
 * What a failure means for the work: `retry` may help, `slowDown` asks for fewer requests, `notAuthorized` is no
 * record's fault, `refused` is final, and `keySpent` will be repeated under this idempotency key whatever happens.
 */
export type Meaning = "retry" | "slowDown" | "notAuthorized" | "refused" | "keySpent";

export interface Verdict {
  readonly meaning: Meaning;
  /** Whether the request, or an earlier one under the same key, may have done its work, or may still do it. */
  readonly effect: "none" | "unknown";
  /** Why, in Stripe's documentation. */
  readonly link: string;
}

interface Row extends Verdict {
  readonly when: (answer: StripeAnswer & { readonly status: number }) => boolean;
}

const DOCS = "https://docs.stripe.com";
const LOW_LEVEL = `${DOCS}/error-low-level`;
const CODES = `${DOCS}/error-codes`;

/** They say that the key or its account is the wrong one. */
const KEY_CODES = new Set([
  "account_invalid",
  "api_key_expired",
  "livemode_mismatch",
  "platform_account_required",
  "platform_api_key_expired",
  "secret_key_required",
]);

/** They say what is wrong with the customer that was sent. Codes of other resources are left to "unknown". */
export const FINAL_CODES: ReadonlySet<string> = new Set([
  "account_country_invalid_address",
  "country_code_invalid",
  "country_unsupported",
  "customer_max_payment_methods",
  "customer_max_subscriptions",
  "customer_tax_location_invalid",
  "email_invalid",
  "incorrect_address",
  "incorrect_postal_code",
  "incorrect_zip",
  "invalid_characters",
  "invalid_tax_location",
  "parameter_invalid_empty",
  "parameter_invalid_integer",
  "parameter_invalid_string_blank",
  "parameter_invalid_string_empty",
  "parameter_missing",
  "parameter_unknown",
  "parameters_exclusive",
  "postal_code_invalid",
  "resource_already_exists",
  "resource_missing",
  "shipping_address_invalid",
  "state_unsupported",
  "tax_id_invalid",
  "tax_id_prohibited",
  "url_invalid",
]);

/** Types that are final by themselves when no code says more. */
const FINAL_TYPES = new Set(["invalid_request_error", "card_error"]);
const REFUSALS = new Set([400, 402, 404]);
const TRY_LATER = new Set([408, 425]);
const isClientError = (status: number) => status >= 400 && status < 500;
const isRefusal = ({ status, type, code = "" }: StripeAnswer) =>
  REFUSALS.has(status ?? 0) && (FINAL_CODES.has(code) || (code === "" && FINAL_TYPES.has(type ?? "")));

/** The first row that fits decides. */
export const ROWS: readonly Row[] = [
  { when: ({ status }) => status === 401, meaning: "notAuthorized", effect: "none", link: `${DOCS}/keys` },
  { when: ({ status }) => status === 403, meaning: "notAuthorized", effect: "none", link: `${DOCS}/keys#limit-access` },
  {
    when: ({ status, code = "" }) => REFUSALS.has(status) && KEY_CODES.has(code),
    meaning: "notAuthorized",
    effect: "none",
    link: CODES,
  },
  // Somebody else is writing the object: not we are too fast.
  {
    when: ({ status, code }) => isClientError(status) && code === "lock_timeout",
    meaning: "retry",
    effect: "none",
    link: `${DOCS}/rate-limits#object-lock-timeouts`,
  },
  // Limiters stand before the keys, so nothing was stored.
  {
    when: ({ status, code }) => status === 429 || (isClientError(status) && code === "rate_limit"),
    meaning: "slowDown",
    effect: "none",
    link: `${DOCS}/rate-limits`,
  },
  {
    when: ({ status, code }) => isClientError(status) && code === "idempotency_key_in_use",
    meaning: "retry",
    effect: "unknown",
    link: `${CODES}#idempotency-key-in-use`,
  },
  {
    when: ({ status, type }) => isClientError(status) && type === "idempotency_error",
    meaning: "keySpent",
    effect: "unknown",
    link: `${DOCS}/api/idempotent_requests`,
  },
  {
    when: ({ shouldRetry }) => shouldRetry === true,
    meaning: "retry",
    effect: "unknown",
    link: `${LOW_LEVEL}#should-retry`,
  },
  {
    when: ({ status, isReplayed, shouldRetry }) => status >= 500 && (isReplayed || shouldRetry === false),
    meaning: "keySpent",
    effect: "unknown",
    link: `${LOW_LEVEL}#server-errors`,
  },
  { when: ({ status }) => status >= 500, meaning: "retry", effect: "unknown", link: `${LOW_LEVEL}#server-errors` },
  {
    when: ({ status, isReplayed }) => isClientError(status) && isReplayed,
    meaning: "keySpent",
    effect: "none",
    link: `${LOW_LEVEL}#content-errors`,
  },
  {
    when: ({ status }) => TRY_LATER.has(status),
    meaning: "retry",
    effect: "unknown",
    link: "https://www.rfc-editor.org/rfc/rfc9110#status.408",
  },
  { when: isRefusal, meaning: "refused", effect: "none", link: CODES },
  // It says that the same request would have no further effect, not that another one is refused as well.
  {
    when: ({ status, shouldRetry }) => isClientError(status) && shouldRetry === false,
    meaning: "keySpent",
    effect: "unknown",
    link: `${LOW_LEVEL}#should-retry`,
  },
];

/** No answer, a redirect, a page instead of an object, a code that nobody knows: the outcome is open. */
const UNKNOWN: Verdict = { meaning: "retry", effect: "unknown", link: `${LOW_LEVEL}#network-errors` };

/** What an answer means. */
export function judge(answer: StripeAnswer): Verdict {
  const { status } = answer;
  if (status === undefined || status < 400) return UNKNOWN;
  return ROWS.find((row) => row.when({ ...answer, status })) ?? UNKNOWN;
}

/** What the failure of a call means; undefined when the error is none of Stripe's. */
export function verdictOf(error: unknown): (Verdict & { readonly answer: StripeAnswer }) | undefined {
  const answer = error instanceof Error ? error.cause : undefined;
  return answer instanceof StripeAnswer ? { ...judge(answer), answer } : undefined;
}

/** Code of the error for a failure that Stripe has stored under the idempotency key and will repeat. */
const STORED_FAILURE = "STORED_FAILURE";

/**
 * The error that is thrown for an answer. A time that Stripe names is kept, with whatever status it comes.
 * @param detail further words, without personal data
 */
export function errorOf(answer: StripeAnswer, detail = ""): FleetError {
  const { status, param, requestId, retryAfterSeconds } = answer;
  const { meaning } = judge(answer);
  const code = codeOf(answer);
  const what = `HTTP ${status ?? "none"}, ${code}${param ? `, parameter ${param}` : ""}${detail && `, ${detail}`}`;
  const text = `${what}${requestId ? ` (request ${requestId})` : ""}`;
  const options = { cause: answer };
  if (retryAfterSeconds !== undefined || meaning === "slowDown")
    return new RateLimitedError(code, `Stripe asks to wait: ${text}`, { ...options, retryAfterSeconds });
  if (meaning === "notAuthorized")
    return new NotAuthorizedError(code, `Stripe refused the key of the connection: ${text}`, options);
  if (meaning === "refused") return new RejectedByTargetError(code, `Stripe refused the request: ${text}`, options);
  if (meaning === "keySpent")
    return new TransientError(STORED_FAILURE, `Stripe repeats a stored failure: ${text}`, options);
  return new TransientError(code, `Stripe failed: ${text}`, options);
}

/** Types that say less than the status: how a refused key and a page from a proxy come. */
const VAGUE_TYPES = new Set(["invalid_request_error", "unreadable_answer"]);

function codeOf({ status, code, type }: StripeAnswer): string {
  if (code !== undefined) return code;
  if (status === undefined) return type ?? "UNREACHABLE";
  const isVague = type === undefined || (status >= 400 && VAGUE_TYPES.has(type));
  return isVague ? `HTTP_${status}` : type;
}
