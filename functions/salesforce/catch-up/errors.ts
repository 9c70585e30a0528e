import {
  ContractError,
  FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";

/** What a gRPC call fails with. https://grpc.io/docs/guides/status-codes/ */
interface ServiceError {
  readonly code: number;
  readonly details: string;
  readonly metadata?: { get(key: string): readonly unknown[] };
}

const PREFIX = "sfdc.platform.eventbus.grpc.";
const MAX_MESSAGE = 500;
// The org's deliveries are counted over 24 hours that roll on, so an hour frees some.
const DELIVERIES_SECONDS = 3_600;
const BUSY_SECONDS = 60;

const UNAUTHENTICATED = 16;
const REFUSING_STATUS = new Map<number, typeof RejectedByTargetError | typeof NotAuthorizedError>([
  [3, RejectedByTargetError],
  [5, RejectedByTargetError],
  [7, NotAuthorizedError],
  [12, RejectedByTargetError],
]);

// https://developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html
const POSITION_LOST = new Set([
  "subscription.fetch.replayid.corrupted",
  "subscription.fetch.replayid.validation.failed",
]);
const SESSION_EXPIRED = new Set(["service.auth.error", "service.auth.refresh.invalid", `STATUS_${UNAUTHENTICATED}`]);
const NOT_AUTHORIZED = new Set([
  "service.auth.headers.invalid",
  "service.tenant.license",
  "topic.meta.permission",
  "schema.meta.permission",
  "subscription.topic.cannot.subscribe",
]);
const RATE_LIMITED = new Map([
  ["subscription.limit.exceeded", DELIVERIES_SECONDS],
  ["concurrent.client.limit.exceeded", BUSY_SECONDS],
  ["service.protection.triggered", BUSY_SECONDS],
  ["service.protection.stream.limit.triggered", BUSY_SECONDS],
]);
const TRANSIENT = new Set([
  // The login before was accepted, so it is no matter of credentials.
  ...SESSION_EXPIRED,
  "service.unavailable",
  "topic.api.unavailable",
  "schema.api.unavailable",
  "subscription.internal.error",
  "subscription.fetch.replay.repeated",
]);

/** Whether Salesforce does not know the replay id, or no longer keeps what came after it. */
export function isPositionLost(error: unknown): boolean {
  return error instanceof FleetError && POSITION_LOST.has(error.code);
}

/** Whether the session is gone and a new one may help. */
export function isSessionExpired(error: unknown): boolean {
  return error instanceof FleetError && SESSION_EXPIRED.has(error.code);
}

/**
 * The Pub/Sub API's error in the fleet's words. The `error-code` of the trailers decides where there is one: the same
 * status stands for a lost position and for a wrong channel name.
 * @param what the call, for the reader, such as `Subscribe to /data/ChangeEvents`
 */
export function toFleetError(error: unknown, what: string): FleetError {
  if (error instanceof FleetError) return error;
  if (!isServiceError(error))
    return new ContractError("BAD_ANSWER", `${what} did not answer as agreed: ${textOf(error)}`, { cause: error });
  const trailer = String(error.metadata?.get("error-code")[0] ?? "");
  const code = trailer.startsWith(PREFIX) ? trailer.slice(PREFIX.length) : trailer || `STATUS_${error.code}`;
  const text = `Salesforce answered ${code} to ${what}: ${error.details.slice(0, MAX_MESSAGE)}`;
  const options = { cause: error };
  const retryAfterSeconds = RATE_LIMITED.get(code);
  if (retryAfterSeconds) return new RateLimitedError(code, text, { ...options, retryAfterSeconds });
  if (NOT_AUTHORIZED.has(code)) return new NotAuthorizedError(code, text, options);
  if (TRANSIENT.has(code)) return new TransientError(code, text, options);
  const Refused = POSITION_LOST.has(code) ? RejectedByTargetError : REFUSING_STATUS.get(error.code);
  return Refused ? new Refused(code, text, options) : new TransientError(code, text, options);
}

function isServiceError(error: unknown): error is ServiceError {
  const { code, details } = (error ?? {}) as Partial<ServiceError>;
  return typeof code === "number" && typeof details === "string";
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
