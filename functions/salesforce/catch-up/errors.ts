import { bareCopy, bareMessage } from "#shared/bare-error.ts";
import {
  ContractError,
  FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";
import { codeIn, requestIdIn, UNREADABLE_CODE } from "#shared/words.ts";
import { type CodeRow, type Meaning, meaningOf } from "../client/answer-tables.ts";

/** What a gRPC call fails with. https://grpc.io/docs/guides/status-codes/ */
interface ServiceError {
  readonly code: number;
  readonly details: string;
  readonly metadata?: { get(key: string): readonly unknown[] };
}

const PREFIX = "sfdc.platform.eventbus.grpc.";
const CODE = /^sfdc\.platform\.eventbus\.grpc\.([a-z]+(?:\.[a-z]+){1,6})$/;
// The org's deliveries are counted over 24 hours that roll on, so an hour frees some.
const DELIVERIES_SECONDS = 3_600;
const BUSY_SECONDS = 60;

const PUB_SUB_ERRORS = "https://developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html";
const GRPC_STATUSES = "https://grpc.io/docs/guides/status-codes/";
const UNAUTHENTICATED = "STATUS_16";

const POSITION_LOST: CodeRow = {
  codes: ["subscription.fetch.replayid.corrupted", "subscription.fetch.replayid.validation.failed"],
  means: "refused",
  source: PUB_SUB_ERRORS,
};
const SESSION_EXPIRED: CodeRow = {
  codes: ["service.auth.error", "service.auth.refresh.invalid"],
  means: "session",
  source: PUB_SUB_ERRORS,
};

/** The `error-code` of the trailers, without its common beginning. */
export const PUB_SUB_CODES: readonly CodeRow[] = [
  POSITION_LOST,
  SESSION_EXPIRED,
  {
    codes: [
      "schema.meta.permission",
      "service.auth.headers.invalid",
      "service.tenant.license",
      "subscription.topic.cannot.subscribe",
      "topic.meta.permission",
    ],
    means: "login",
    source: PUB_SUB_ERRORS,
  },
  { codes: ["subscription.limit.exceeded"], means: "limit", source: PUB_SUB_ERRORS },
  {
    codes: [
      "concurrent.client.limit.exceeded",
      "service.protection.stream.limit.triggered",
      "service.protection.triggered",
    ],
    means: "busy",
    source: PUB_SUB_ERRORS,
  },
  {
    codes: [
      "schema.api.unavailable",
      "service.unavailable",
      "subscription.fetch.replay.repeated",
      "subscription.internal.error",
      "topic.api.unavailable",
    ],
    means: "retry",
    source: PUB_SUB_ERRORS,
  },
  {
    codes: ["subscription.fetch.requested.events.invalid", "subscription.fetch.topic.mismatch", "topic.not.found"],
    means: "refused",
    source: PUB_SUB_ERRORS,
  },
];

/** gRPC statuses that are final or ask for a new session; they decide where no code of Salesforce's comes along. */
export const PUB_SUB_STATUSES: readonly CodeRow[] = [
  { codes: [UNAUTHENTICATED], means: "session", source: GRPC_STATUSES },
  { codes: ["STATUS_3", "STATUS_5", "STATUS_12"], means: "refused", source: GRPC_STATUSES },
  { codes: ["STATUS_7"], means: "login", source: GRPC_STATUSES },
];

/** Whether Salesforce does not know the replay id, or no longer keeps what came after it. */
export function isPositionLost(error: unknown): boolean {
  return error instanceof FleetError && POSITION_LOST.codes.includes(error.code);
}

/** Whether the session is gone and a new one may help. */
export function isSessionExpired(error: unknown): boolean {
  return error instanceof FleetError && [UNAUTHENTICATED, ...SESSION_EXPIRED.codes].includes(error.code);
}

/**
 * The Pub/Sub API's error in the fleet's words. The `error-code` of the trailers decides where there is one: the same
 * status stands for a lost position and for a wrong channel name. A code that nobody knows may pass.
 * @param what the call, for the reader, such as `Subscribe to /data/ChangeEvents`
 */
export function toFleetError(error: unknown, what: string): FleetError {
  return translate(error, what, ({ code, trailer }) => {
    if (trailer) return meaningOf(PUB_SUB_CODES, code) ?? "retry";
    return meaningOf(PUB_SUB_STATUSES, code) ?? "retry";
  });
}

/**
 * As `toFleetError`, for a call about one event only: the others shall not wait for ever for what is final by its status,
 * even if nobody knows its code.
 */
export function toSchemaError(error: unknown, what: string): FleetError {
  return translate(error, what, ({ code, status }) => {
    return meaningOf(PUB_SUB_CODES, code) ?? meaningOf(PUB_SUB_STATUSES, status) ?? "retry";
  });
}

interface Found {
  readonly code: string;
  readonly trailer: string;
  /** `STATUS_3`. */
  readonly status: string;
}

function translate(error: unknown, what: string, judge: (found: Found) => Meaning): FleetError {
  if (error instanceof FleetError) return error;
  if (!isServiceError(error))
    return new ContractError("BAD_ANSWER", `${what} did not answer as agreed: ${bareMessage(error)}`, { cause: error });
  const told = String(error.metadata?.get("error-code")[0] ?? "");
  const known = PUB_SUB_CODES.flatMap(({ codes }) => codes);
  const trailer = told && (told.startsWith(PREFIX) ? (CODE.exec(told)?.[1] ?? UNREADABLE_CODE) : codeIn(told, known));
  const status = `STATUS_${error.code}`;
  const code = trailer || status;
  // Of the details only the id is told: nobody says what else they may hold.
  const text = `Salesforce answered ${code} to ${what}.`;
  const requestId = requestIdIn(/\brpcId: ([\w-]+)/.exec(error.details)?.[1]);
  const cause = Object.assign(bareCopy(error), requestId ? { requestId } : {});
  return errorOf(judge({ code, trailer, status }), code, text, { cause });
}

function errorOf(means: Meaning, code: string, text: string, options: { cause: unknown }): FleetError {
  switch (means) {
    case "limit":
      return new RateLimitedError(code, text, { ...options, retryAfterSeconds: DELIVERIES_SECONDS });
    case "busy":
      return new RateLimitedError(code, text, { ...options, retryAfterSeconds: BUSY_SECONDS });
    case "login":
    // The Pub/Sub API has a breaker of its own: what it does not permit opens that alone.
    case "permission":
      return new NotAuthorizedError(code, text, options);
    case "refused":
      return new RejectedByTargetError(code, text, options);
    // The login before was accepted, so it is no matter of credentials.
    case "session":
    case "retry":
      return new TransientError(code, text, options);
  }
}

function isServiceError(error: unknown): error is ServiceError {
  const { code, details } = (error ?? {}) as Partial<ServiceError>;
  return typeof code === "number" && typeof details === "string";
}
