import {
  FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";

const DAILY_LIMIT_SECONDS = 3_600;
const CONCURRENT_LIMIT_SECONDS = 5;
const MAX_MESSAGE = 500;
const SESSION_POLICIES = " (right after a login; if it stays so, check the integration user's session policies)";
const EMAIL = /[^\s<>"',;:()]+@[^\s<>"',;:()]+/g;

// https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_calls_concepts_core_data_objects.htm
const TRANSIENT = new Set([
  "UNABLE_TO_LOCK_ROW",
  "SERVER_UNAVAILABLE",
  "UNKNOWN_EXCEPTION",
  "QUERY_TIMEOUT",
  "REQUEST_RUNNING_TOO_LONG",
  "temporarily_unavailable",
  "server_error",
]);

const NOT_AUTHORIZED = new Set([
  "INVALID_AUTH_HEADER",
  "INVALID_LOGIN",
  "API_DISABLED_FOR_ORG",
  "API_CURRENTLY_DISABLED",
  "INSUFFICIENT_ACCESS",
  "INSUFFICIENT_ACCESS_OR_READONLY",
  "FUNCTIONALITY_NOT_ENABLED",
  "ERROR_HTTP_403",
  // The token endpoint's words: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flow_errors.htm
  "invalid_grant",
  "invalid_client",
  "invalid_client_id",
  "invalid_client_credentials",
  "unsupported_grant_type",
  "inactive_user",
  "inactive_org",
  "app_not_found",
  "OAUTH_EC_APP_NOT_FOUND",
]);

/** What jsforce throws: `name` is the error code; several errors come together in `data`. */
interface VendorError {
  readonly name: string;
  readonly message: string;
  readonly data?: unknown;
  readonly cause?: unknown;
}

// Their messages repeat the value that was refused, which may be personal data; the fields' names must do.
const QUOTES_VALUES = new Set([
  "STRING_TOO_LONG",
  "INVALID_EMAIL_ADDRESS",
  "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
  "INVALID_TYPE_ON_FIELD_IN_RECORD",
  "INVALID_QUERY_FILTER_OPERATOR",
  "NUMBER_OUTSIDE_VALID_RANGE",
  "JSON_PARSER_ERROR",
  "MALFORMED_QUERY",
]);

const SESSION_EXPIRED = /^(INVALID_SESSION_ID|ERROR_HTTP_(401|30\d))$/;

/** Whether the session is gone, or the organisation has moved, and a new session may help. */
export function isSessionExpired(error: unknown): boolean {
  return error instanceof Error && SESSION_EXPIRED.test(error.name);
}

/** One error of one record, as collections tell it. */
export interface RecordError {
  readonly statusCode: string;
  readonly message: string;
  readonly fields?: readonly string[] | undefined;
}

/**
 * Why one record of a collection was refused, in the fleet's words: the worst of its errors decides, and a record that
 * one error refuses for good is not tried again for another's sake.
 */
export function toRecordError(entity: string, id: string, errors: readonly RecordError[]): FleetError {
  const found = errors.map(({ statusCode, message, fields = [] }) => {
    const where = `${entity} ${id}${fields.length > 0 ? ` (${fields.join(", ")})` : ""}`;
    return classify(
      statusCode,
      message,
      `Salesforce refused ${where} with ${statusCode}${wordsOf(statusCode, message)}`,
    );
  });
  const missing = new RejectedByTargetError("UNKNOWN", `Salesforce refused ${entity} ${id} without saying why.`);
  return found.find(({ retryable }) => !retryable) ?? found[0] ?? missing;
}

/**
 * jsforce's error in the fleet's words. The code decides, not the status, which jsforce does not tell: 403 is a limit or
 * a permission, 400 a lock or a mistake.
 */
export function toFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const { name, message, cause } = firstOf(error as VendorError);
  const options = { cause: error };
  if (name === "TimeoutError")
    return new TransientError("TIMEOUT", "Salesforce did not answer in time; the work is tried again.", options);
  // Codes of Salesforce are written in capitals, or by its token endpoint in small letters; the rest is the network's.
  if (/^([A-Z][A-Z0-9_]+|[a-z]+(_[a-z]+)+)$/.test(name) || NOT_AUTHORIZED.has(name))
    return classify(name, message, `Salesforce answered ${name}${wordsOf(name, message)}`, options);
  const reason = cause instanceof Error ? `${message} (${cause.message})` : message;
  return new TransientError("UNREACHABLE", `Salesforce could not be reached: ${reason}`, options);
}

function classify(code: string, message: string, text: string, options: { cause?: unknown } = {}): FleetError {
  if (code === "REQUEST_LIMIT_EXCEEDED") return limitExceeded(text, message, options);
  if (code === "ERROR_HTTP_429" || code === "ERROR_HTTP_420")
    return new RateLimitedError(code, text, { ...options, retryAfterSeconds: CONCURRENT_LIMIT_SECONDS });
  // The login before was accepted, so it is no matter of credentials; logins are limited, so it cannot go on for ever.
  if (SESSION_EXPIRED.test(code)) return new TransientError(code, `${text}${SESSION_POLICIES}`, options);
  if (NOT_AUTHORIZED.has(code)) return new NotAuthorizedError(code, text, options);
  if (TRANSIENT.has(code) || /^ERROR_HTTP_5\d\d$/.test(code)) return new TransientError(code, text, options);
  return new RejectedByTargetError(code, text, options);
}

function wordsOf(code: string, message: string): string {
  return QUOTES_VALUES.has(code) ? "." : `: ${String(message).slice(0, MAX_MESSAGE).replace(EMAIL, "…@…")}`;
}

/** Both limits have one code; only the message tells them apart. */
function limitExceeded(text: string, message: string, options: { cause?: unknown }): RateLimitedError {
  const daily = /TotalRequests/i.test(message);
  const retryAfterSeconds = daily ? DAILY_LIMIT_SECONDS : CONCURRENT_LIMIT_SECONDS;
  return new RateLimitedError(daily ? "DAILY_LIMIT" : "CONCURRENT_LIMIT", text, { ...options, retryAfterSeconds });
}

function firstOf(error: VendorError): VendorError {
  if (error?.name !== "MULTIPLE_API_ERRORS" || !Array.isArray(error.data)) return toVendorError(error);
  const [first] = error.data as { errorCode?: string; message?: string }[];
  return { name: first?.errorCode ?? error.name, message: first?.message ?? error.message };
}

function toVendorError(error: unknown): VendorError {
  const { name, message } = (error ?? {}) as Partial<VendorError>;
  return typeof name === "string" && typeof message === "string" ? (error as VendorError) : new Error(String(error));
}
