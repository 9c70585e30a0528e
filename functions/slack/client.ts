import { ErrorCode, LogLevel, WebClient } from "@slack/web-api";
import { bareCopy, bareMessage, networkCodeOf } from "#shared/bare-error.ts";
import {
  FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";
import { retryAfterOf } from "#shared/retry-after.ts";
import type { Gate } from "#shared/targets/gate.ts";
import { codeIn, requestIdIn } from "#shared/words.ts";
import type { Connect, SlackConnection } from "./connection.ts";
import type { Message } from "./digest.ts";
import { SLACK_ERRORS, SLACK_STATUSES, type Verdict } from "./error-codes.ts";

/** What the fleet asks of Slack. Throws the fleet's errors only. */
export interface Slack {
  /** Posts to the connection's channel. */
  post(message: Message): Promise<void>;
}

/** What a person asks who looks into a connection. */
export interface InspectableSlack extends Slack {
  /**
   * Whose the token is, and whether notices can go to the channel. Posts nothing.
   * @throws NotAuthorizedError when the token or the channel does not do; any other of the fleet's errors when Slack fails
   */
  inspect(): Promise<SlackInspection>;
}

/** What a look at a connection to Slack has found. */
export interface SlackInspection {
  /** Id of the workspace. */
  readonly teamId: string;
  /** False when the token has no scope to look at the channel, so that only posting shows whether it may. */
  readonly isChannelSeen: boolean;
}

/** Time for one call with its answer. */
export const TIMEOUT_MS = 8_000;
const DEFAULT_RETRY_SECONDS = 30;
const UNREADABLE = "UNREADABLE_ANSWER";
/** Such as `chat:write,chat:write.public`. https://docs.slack.dev/reference/scopes */
const SCOPES = /^[a-z]+(?:[:._,-][a-z]+){0,20}$/;

/**
 * Talks to the workspace that `connect` names. Every call passes the gate.
 * @param gate what all functions share about Slack; `ungated` for what a person does
 * @param now epoch milliseconds
 */
export function createSlack(connect: Connect, gate: Gate, now: () => number = Date.now): InspectableSlack {
  async function send(connection: SlackConnection, message: Message): Promise<void> {
    try {
      await postTo(connection, message, now);
    } catch (error) {
      const fresh = error instanceof NotAuthorizedError ? await connect({ forceFetch: true }) : connection;
      // Once more when the token was rotated, or another channel was set, meanwhile.
      if (fresh.token === connection.token && fresh.channel === connection.channel) throw error;
      await postTo(fresh, message, now);
    }
  }

  async function enter<T>(work: (connection: SlackConnection) => Promise<T>): Promise<T> {
    const connection = await connect({ forceFetch: false });
    return gate.call(connection.channel, () => work(connection));
  }

  return {
    post: (message) => enter((connection) => send(connection, message)),
    inspect: () => enter((connection) => inspect(connection, now)),
  };
}

async function postTo(connection: SlackConnection, message: Message, now: () => number): Promise<void> {
  const { channel } = connection;
  await callSlack(connection, now, (client) => client.chat.postMessage({ channel, ...message, unfurl_links: false }));
}

async function inspect(connection: SlackConnection, now: () => number): Promise<SlackInspection> {
  const { channel } = connection;
  const { team_id: teamId = "", response_metadata: told } = await callSlack(connection, now, (client) =>
    client.auth.test(),
  );
  const scopes = told?.scopes ?? [];
  if (scopes.length > 0 && !scopes.includes("chat:write"))
    throw new NotAuthorizedError("missing_scope", "The token lacks the scope chat:write.");
  try {
    const answer = await callSlack(connection, now, (client) => client.conversations.info({ channel }));
    if (answer.channel?.is_archived) throw new NotAuthorizedError("is_archived", "The channel is archived.");
    if (answer.channel?.is_member || scopes.includes("chat:write.public")) return { teamId, isChannelSeen: true };
    throw new NotAuthorizedError("not_in_channel", "The bot is not in the channel; invite it there.");
  } catch (error) {
    // Looking at a channel takes a scope that posting does not.
    if (error instanceof NotAuthorizedError && error.code === "missing_scope") return { teamId, isChannelSeen: false };
    throw error;
  }
}

/** Calls Slack once. @throws the fleet's errors only */
async function callSlack<T>(
  { token, apiUrl }: SlackConnection,
  now: () => number,
  work: (client: WebClient) => Promise<T>,
): Promise<T> {
  let headers: Headers | undefined;
  const client = new WebClient(token, {
    ...(apiUrl ? { slackApiUrl: apiUrl } : {}),
    // One layer retries: the queue.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: TIMEOUT_MS,
    logLevel: LogLevel.ERROR,
    // The SDK cuts off fractions of the time that Slack names, and takes no dates.
    async fetch(url, init) {
      const response = await fetch(url, init);
      headers = response.headers;
      return response;
    },
  });
  try {
    return await work(client);
  } catch (error) {
    const named = retryAfterOf(headers?.get("retry-after") ?? undefined, now());
    throw toFleetError(error, named, requestIdIn(headers?.get("x-slack-req-id")));
  }
}

/** What the Slack SDK throws, with the members that one or another of its classes has. */
interface VendorError {
  readonly code?: string;
  readonly message: string;
  readonly statusCode?: number;
  readonly body?: unknown;
  readonly data?: { error?: unknown; needed?: string };
}

/**
 * The status first, then the codes that are known to be final; what is unknown is tried again.
 * @param named seconds that Slack asks to wait
 * @param requestId what Slack calls the request
 */
function toFleetError(error: unknown, named?: number, requestId?: string): FleetError {
  if (error instanceof FleetError) return error;
  const { code, message, statusCode, body, data } = error as VendorError;
  const about = { cause: Object.assign(bareCopy(error), { requestId }), named };
  // A 429 whose Retry-After the SDK cannot read comes as a plain error that only its text tells apart.
  if (code === ErrorCode.RateLimitedError || (!code && message?.startsWith("Retry header")))
    return slowDown("ratelimited", about);
  if (code === ErrorCode.PlatformError) return refused(data?.error, data?.needed, about);
  if (code !== ErrorCode.HTTPError || statusCode === undefined)
    return new TransientError(codeIn(code, [], "UNREACHABLE"), `Slack could not be reached: ${reasonOf(error)}`, about);
  const status = `HTTP_${statusCode}`;
  if (named !== undefined) return slowDown(status, about);
  if (statusCode >= 400 && statusCode < 500 && statusCode !== 408 && statusCode !== 425) {
    const verdict = SLACK_STATUSES[statusCode];
    if (verdict) return judged(verdict, status, about);
    const told = (body as { error?: unknown } | undefined)?.error;
    if (typeof told === "string") return refused(told, undefined, about);
  }
  return new TransientError(status, `Slack answered HTTP ${statusCode}.`, about);
}

/** Why there was no answer, without words of it: a parser quotes what it could not read. */
function reasonOf(error: unknown): string {
  return networkCodeOf(error) || bareMessage({ message: (error as { original?: Error }).original?.message });
}

/** What the SDK threw, without its words, and the seconds that Slack asks to wait. */
interface About {
  readonly cause: unknown;
  readonly named: number | undefined;
}

/** An answer with `ok: false`; the SDK makes one of an answer that it cannot read, with all of it as the code. */
function refused(told: unknown, needed: string | undefined, about: About): FleetError {
  const code = /^[a-z]/.test(String(told)) ? codeIn(told, Object.keys(SLACK_ERRORS), UNREADABLE) : UNREADABLE;
  const [verdict] = Object.hasOwn(SLACK_ERRORS, code) ? (SLACK_ERRORS[code] ?? []) : [];
  return judged(verdict ?? "passes", code, about, needed);
}

function judged(verdict: Verdict, code: string, about: About, needed?: string): FleetError {
  const options = { cause: about.cause };
  if (verdict === "slow-down" || (verdict === "passes" && about.named !== undefined)) return slowDown(code, about);
  if (verdict === "passes") return new TransientError(code, `Slack failed: ${code}`, options);
  if (verdict === "message") return new RejectedByTargetError(code, `Slack refused the message: ${code}`, options);
  const hint = SCOPES.test(needed ?? "") ? ` (needs ${needed})` : "";
  return new NotAuthorizedError(
    code,
    `Slack refused the token or the channel of the connection: ${code}${hint}`,
    options,
  );
}

function slowDown(code: string, { cause, named: retryAfterSeconds = DEFAULT_RETRY_SECONDS }: About): RateLimitedError {
  return new RateLimitedError(code, `Slack asks to wait ${retryAfterSeconds} s.`, { cause, retryAfterSeconds });
}
