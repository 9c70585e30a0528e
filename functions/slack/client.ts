import { ErrorCode, LogLevel, WebClient } from "@slack/web-api";
import {
  FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";
import type { Connect, SlackConnection } from "./connection.ts";
import type { Message } from "./digest.ts";

/** What the fleet asks of Slack. Throws the fleet's errors only. */
export interface Slack {
  /** Posts to the connection's channel. */
  post(message: Message): Promise<void>;
}

/** Time for one call with its answer. */
export const TIMEOUT_MS = 8_000;
const DEFAULT_RETRY_SECONDS = 30;

// https://docs.slack.dev/reference/methods/chat.postMessage#errors
const NOT_AUTHORIZED = new Set([
  "not_authed",
  "invalid_auth",
  "account_inactive",
  "token_revoked",
  "token_expired",
  "missing_scope",
  "no_permission",
  "org_login_required",
  "ekm_access_denied",
  "access_denied",
  "not_allowed_token_type",
]);
const TRANSIENT = new Set([
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
  "team_added_to_org",
]);

/** Talks to the workspace that `connect` names. */
export function createSlack(connect: Connect): Slack {
  return {
    async post(message) {
      const connection = await connect({ forceFetch: false });
      try {
        await postTo(connection, message);
      } catch (error) {
        const fresh = error instanceof NotAuthorizedError ? await connect({ forceFetch: true }) : connection;
        // Once more when the token was rotated meanwhile.
        if (fresh.token === connection.token) throw error;
        await postTo(fresh, message);
      }
    },
  };
}

async function postTo({ token, apiUrl, channel }: SlackConnection, message: Message): Promise<void> {
  const client = new WebClient(token, {
    ...(apiUrl ? { slackApiUrl: apiUrl } : {}),
    // One layer retries: the queue.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: TIMEOUT_MS,
    logLevel: LogLevel.ERROR,
  });
  try {
    await client.chat.postMessage({ channel, ...message, unfurl_links: false });
  } catch (error) {
    throw toFleetError(error);
  }
}

/** What the Slack SDK throws, with the members that one or another of its classes has. */
interface VendorError {
  readonly code?: string;
  readonly message: string;
  readonly retryAfter?: number;
  readonly statusCode?: number;
  readonly data?: { error?: string; needed?: string };
}

function toFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const { code, message, retryAfter, statusCode, data } = error as VendorError;
  const options = { cause: error };
  if (code === ErrorCode.RateLimitedError) return slowDown(retryAfter, options);
  if (code === ErrorCode.PlatformError) return refused(data?.error ?? "unknown_error", data?.needed, options);
  if (code === ErrorCode.HTTPError && statusCode && statusCode < 500)
    return new RejectedByTargetError(`HTTP_${statusCode}`, `Slack answered HTTP ${statusCode}.`, options);
  // A 429 without a usable Retry-After comes as a plain error that only its text tells apart.
  if (!code && message?.startsWith("Retry header")) return slowDown(undefined, options);
  return new TransientError(code ?? "UNREACHABLE", `Slack could not be reached: ${message}`, options);
}

function slowDown(retryAfterSeconds = DEFAULT_RETRY_SECONDS, options: { cause: unknown }): RateLimitedError {
  const text = `Slack asks to wait ${retryAfterSeconds} s.`;
  return new RateLimitedError("ratelimited", text, { ...options, retryAfterSeconds });
}

/** An answer with `ok: false`. */
function refused(code: string, needed: string | undefined, options: { cause: unknown }): FleetError {
  if (code === "ratelimited" || code === "rate_limited") return slowDown(undefined, options);
  if (TRANSIENT.has(code)) return new TransientError(code, `Slack failed: ${code}`, options);
  const hint = needed ? ` (needs ${needed})` : "";
  return NOT_AUTHORIZED.has(code)
    ? new NotAuthorizedError(code, `Slack refused the token: ${code}${hint}`, options)
    : new RejectedByTargetError(code, `Slack refused the message: ${code}`, options);
}
