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
  "INVALID_SESSION_ID",
  "INVALID_AUTH_HEADER",
  "INVALID_LOGIN",
  "API_DISABLED_FOR_ORG",
  "API_CURRENTLY_DISABLED",
  "INSUFFICIENT_ACCESS",
  "INSUFFICIENT_ACCESS_OR_READONLY",
  "FUNCTIONALITY_NOT_ENABLED",
  "ERROR_HTTP_401",
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

/** Whether the session is gone and a new one may help. */
export function isSessionExpired(error: unknown): boolean {
  return error instanceof Error && (error.name === "INVALID_SESSION_ID" || error.name === "ERROR_HTTP_401");
}

/**
 * jsforce's error in the fleet's words. The code decides, not the status, which jsforce does not tell: 403 is a limit or
 * a permission, 400 a lock or a mistake.
 */
export function toFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const { name, message, cause } = firstOf(error as VendorError);
  const text = `Salesforce answered ${name}: ${String(message).slice(0, MAX_MESSAGE)}`;
  const options = { cause: error };
  if (name === "REQUEST_LIMIT_EXCEEDED") return limitExceeded(text, message, options);
  if (name === "ERROR_HTTP_429" || name === "ERROR_HTTP_420")
    return new RateLimitedError(name, text, { ...options, retryAfterSeconds: CONCURRENT_LIMIT_SECONDS });
  if (NOT_AUTHORIZED.has(name)) return new NotAuthorizedError(name, text, options);
  if (TRANSIENT.has(name) || /^ERROR_HTTP_5\d\d$/.test(name)) return new TransientError(name, text, options);
  // Codes of Salesforce are written in capitals; what is not is JavaScript's or the network's.
  if (/^[A-Z][A-Z0-9_]*_[A-Z0-9_]+$/.test(name) || name === "NOT_FOUND")
    return new RejectedByTargetError(name, text, options);
  const reason = cause instanceof Error ? `${message} (${cause.message})` : message;
  return new TransientError("UNREACHABLE", `Salesforce could not be reached: ${reason}`, options);
}

/** Both limits have one code; only the message tells them apart. */
function limitExceeded(text: string, message: string, options: { cause: unknown }): RateLimitedError {
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
  return error instanceof Error ? error : new Error(String(error));
}
