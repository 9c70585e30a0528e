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
import { SLACK_ERRORS, SLACK_STATUSES, type Verdict } from "./error-codes.ts";

/** What the fleet asks of Slack. Throws the fleet's errors only. */
export interface Slack {
  /** Posts to the connection's channel. */
  post(message: Message): Promise<void>;
}

/** Time for one call with its answer. */
export const TIMEOUT_MS = 8_000;
const DEFAULT_RETRY_SECONDS = 30;

/** What stands before Slack and may hold a post back, by its channel. */
interface Gate {
  call<T>(endpoint: string, work: () => Promise<T>): Promise<T>;
}

const ungated: Gate = { call: (_endpoint, work) => work() };

/** Talks to the workspace that `connect` names. */
export function createSlack(connect: Connect, gate = ungated): Slack {
  async function send(connection: SlackConnection, message: Message): Promise<void> {
    try {
      await postTo(connection, message);
    } catch (error) {
      const fresh = error instanceof NotAuthorizedError ? await connect({ forceFetch: true }) : connection;
      // Once more when the token was rotated, or another channel was set, meanwhile.
      if (fresh.token === connection.token && fresh.channel === connection.channel) throw error;
      await postTo(fresh, message);
    }
  }

  return {
    async post(message) {
      const connection = await connect({ forceFetch: false });
      await gate.call(connection.channel, () => send(connection, message));
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
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly data?: { error?: unknown; needed?: string };
}

/** The status first, then the codes that are known to be final; what is unknown is tried again. */
function toFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const { code, message, retryAfter, statusCode, headers, body, data } = error as VendorError;
  const options = { cause: error };
  if (code === ErrorCode.RateLimitedError) return slowDown("ratelimited", retryAfter, options);
  if (code === ErrorCode.PlatformError) return refused(data?.error, data?.needed, options);
  // A 429 without a usable Retry-After comes as a plain error that only its text tells apart.
  if (!code && message?.startsWith("Retry header")) return slowDown("ratelimited", undefined, options);
  if (code !== ErrorCode.HTTPError || statusCode === undefined)
    return new TransientError(code ?? "UNREACHABLE", `Slack could not be reached: ${message}`, options);
  const status = `HTTP_${statusCode}`;
  const named = Number(headers?.["retry-after"]);
  if (named > 0) return slowDown(status, named, options);
  if (statusCode >= 400 && statusCode < 500 && statusCode !== 408 && statusCode !== 425) {
    const verdict = SLACK_STATUSES[statusCode];
    if (verdict) return judged(verdict, status, options);
    const told = (body as { error?: unknown } | undefined)?.error;
    if (typeof told === "string") return refused(told, undefined, options);
  }
  return new TransientError(status, `Slack answered HTTP ${statusCode}.`, options);
}

/** An answer with `ok: false`; the SDK makes one of an answer that it cannot read, with all of it as the code. */
function refused(told: unknown, needed: string | undefined, options: { cause: unknown }): FleetError {
  const code = typeof told === "string" && /^[a-z0-9_]{1,80}$/.test(told) ? told : "UNREADABLE_ANSWER";
  const [verdict] = Object.hasOwn(SLACK_ERRORS, code) ? (SLACK_ERRORS[code] ?? []) : [];
  return judged(verdict ?? "passes", code, options, needed);
}

function judged(verdict: Verdict, code: string, options: { cause: unknown }, needed?: string): FleetError {
  if (verdict === "slow-down") return slowDown(code, undefined, options);
  if (verdict === "passes") return new TransientError(code, `Slack failed: ${code}`, options);
  if (verdict === "message") return new RejectedByTargetError(code, `Slack refused the message: ${code}`, options);
  const hint = needed ? ` (needs ${needed})` : "";
  return new NotAuthorizedError(
    code,
    `Slack refused the token or the channel of the connection: ${code}${hint}`,
    options,
  );
}

function slowDown(
  code: string,
  retryAfterSeconds = DEFAULT_RETRY_SECONDS,
  options: { cause: unknown },
): RateLimitedError {
  return new RateLimitedError(code, `Slack asks to wait ${retryAfterSeconds} s.`, { ...options, retryAfterSeconds });
}
