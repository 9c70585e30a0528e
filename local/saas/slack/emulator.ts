import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { DrawnFault } from "../front/faults.ts";
import { type Backend, type Front, startFront, statusFault } from "../front/front.ts";
import { createStateFile } from "../front/state-file.ts";
import { type InnerSlack, startInnerSlack } from "./inner.ts";
import { Journal, type JournalEntry } from "./journal.ts";
import { refuseSize } from "./limits.ts";

export interface SlackOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Folder of the state file; absent keeps nothing. */
  readonly stateDir?: string;
}

/** Secret of a Slack connection. */
export interface SlackConnection {
  readonly token: string;
  readonly apiUrl: string;
  /** Id of the channel `#customer-sync`. */
  readonly channel: string;
}

export interface SlackEmulator extends Front {
  readonly token: string;
  readonly channelId: string;
  readonly channelName: string;
  connection(): SlackConnection;
}

/** Faults beside those of the transport; any other error code of Slack is played by a status and a body. */
const SLACK_ERRORS = {
  rateLimited: "ratelimited",
  internalError: "internal_error",
  fatalError: "fatal_error",
  invalidAuth: "invalid_auth",
  tokenRevoked: "token_revoked",
  accountInactive: "account_inactive",
  channelNotFound: "channel_not_found",
  notInChannel: "not_in_channel",
  isArchived: "is_archived",
  messageTooLong: "msg_too_long",
} as const;

const ADMIN_SCOPES = ["channels:manage", "channels:write", "channels:history", "chat:write"];
const BOT_SCOPES = ["chat:write", "channels:read", "channels:history", "channels:join"];

const CHANNEL_NAME = "customer-sync";
/** A channel that `emulate` always makes with this id; we give it our name, so that the id outlives restarts. */
const CHANNEL_ID = "C000000002";
const RETRY_AFTER_SECONDS = 1;
const MAX_BODY_BYTES = 1024 * 1024;
/** Hop-by-hop and length headers are the next connection's own. */
const DROPPED_HEADERS = ["accept-encoding", "connection", "content-length", "host", "keep-alive", "transfer-encoding"];

interface SavedState {
  readonly token: string;
  readonly entries: readonly JournalEntry[];
}

/**
 * Starts a Slack workspace on loopback: `emulate`'s own, with a bot token, the channel `#customer-sync`, faults, call
 * counters and messages that outlive a restart.
 * @throws Error with one sentence when the port is taken or the saved state cannot be read
 */
export async function startSlack(options: SlackOptions): Promise<SlackEmulator> {
  let token = "";
  const front = await startFront({
    name: "Slack",
    port: options.port,
    maxBodyBytes: MAX_BODY_BYTES,
    faultNames: Object.keys(SLACK_ERRORS),
    async connect() {
      let journal = new Journal();
      const path = options.stateDir === undefined ? undefined : join(options.stateDir, "slack.json");
      const file = createStateFile(path, () => ({ token, entries: journal.entries }));
      const saved = (await file.load()) as SavedState | undefined;
      token = saved?.token ?? `xoxb-${randomBytes(6).readUIntBE(0, 6)}-${randomBytes(12).toString("hex")}`;
      journal = new Journal(saved?.entries);
      const backend = await startBackend(token, journal, () => file.flush());
      await file.flush();
      return backend;
    },
  });
  return {
    ...front,
    token,
    channelId: CHANNEL_ID,
    channelName: CHANNEL_NAME,
    connection: () => ({ token, apiUrl: `${front.url}/api/`, channel: CHANNEL_ID }),
  };
}

/** Starts `emulate`'s Slack and passes calls on to it. */
async function startBackend(token: string, journal: Journal, persist: () => Promise<void>): Promise<Backend> {
  const adminToken = `xoxp-${randomBytes(12).toString("hex")}`;
  const inner = await startInnerSlack(workspace(token, adminToken));
  const prepare = async () => {
    const channel = CHANNEL_ID;
    await call(inner, "conversations.rename", adminToken, { channel, name: CHANNEL_NAME });
    await call(inner, "conversations.join", token, { channel });
    // The rename leaves a notice; the channel is to begin empty.
    const { messages } = await call(inner, "conversations.history", adminToken, { channel });
    for (const { ts } of messages ?? []) await call(inner, "chat.delete", adminToken, { channel, ts });
  };
  try {
    await prepare();
    await journal.replay((entry) => replay(inner, entry));
  } catch (error) {
    await inner.close();
    throw error;
  }
  return {
    async fetch(request, fault) {
      if (fault) return playFault(fault);
      const refusal = refuseStranger(request, token);
      if (refusal) return refusal;
      return pass(inner, request, journal, persist);
    },
    routeOf: (path) => path,
    controls: [],
    async reset() {
      inner.reset();
      journal.clear();
      await prepare();
      await persist();
    },
    stop: () => inner.close(),
  };
}

/** `emulate` lets unknown tokens in as a user without scopes; Slack does not. */
function refuseStranger(request: Request, token: string): Response | undefined {
  if (!new URL(request.url).pathname.startsWith("/api/")) return undefined;
  const given = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (given === token) return undefined;
  return Response.json({ ok: false, error: given ? "invalid_auth" : "not_authed" });
}

async function pass(
  inner: InnerSlack,
  request: Request,
  journal: Journal,
  persist: () => Promise<void>,
): Promise<Response> {
  const { target, call, entry } = await toInner(request, journal);
  const refusal = entry?.method === "chat.postMessage" ? refuseSize(entry.body, entry.contentType) : undefined;
  if (refusal) return Response.json({ ok: false, error: refusal });
  const answer = await inner.send(target, call);
  const text = await answer.text();
  if (entry && journal.record(entry, text)) await persist();
  const shown = new Headers(answer.headers);
  for (const name of DROPPED_HEADERS) shown.delete(name);
  return new Response(journal.toShown(text), { status: answer.status, headers: shown });
}

/** The same call for `emulate`, which knows most methods by POST only; Slack takes GET with a query as well. */
async function toInner(
  request: Request,
  journal: Journal,
): Promise<{ target: string; call: Parameters<InnerSlack["send"]>[1]; entry?: Omit<JournalEntry, "ts"> }> {
  const { pathname, search } = new URL(request.url);
  const headers = new Headers(request.headers);
  for (const name of DROPPED_HEADERS) headers.delete(name);
  if (!pathname.startsWith("/api/"))
    return {
      target: `${pathname}${search}`,
      call: { method: request.method, headers, body: await bodyOf(request) },
    };
  const isGet = request.method === "GET";
  if (isGet) headers.set("content-type", "application/x-www-form-urlencoded");
  const body = isGet ? search.slice(1) : await request.text();
  const target = `${pathname}${isGet ? "" : search}`;
  const entry = {
    method: pathname.slice("/api/".length),
    contentType: headers.get("content-type") ?? "",
    authorization: headers.get("authorization") ?? "",
    body,
  };
  return { target, call: { method: "POST", headers, body: journal.toCurrent(body) }, entry };
}

async function bodyOf(request: Request): Promise<ArrayBuffer | null> {
  return request.method === "GET" || request.method === "HEAD" ? null : request.arrayBuffer();
}

async function replay(inner: InnerSlack, entry: JournalEntry): Promise<string> {
  const headers = { "content-type": entry.contentType, authorization: entry.authorization };
  const answer = await inner.send(`/api/${entry.method}`, { method: "POST", headers, body: entry.body });
  return answer.text();
}

/** @throws Error when Slack does not answer `ok` */
async function call(
  inner: InnerSlack,
  method: string,
  token: string,
  body: object,
): Promise<{ messages?: readonly { ts: string }[] }> {
  const contentType = "application/json; charset=utf-8";
  const authorization = `Bearer ${token}`;
  const text = await replay(inner, { method, contentType, authorization, body: JSON.stringify(body), ts: null });
  const answer = JSON.parse(text);
  if (answer.ok !== true) throw new Error(`Slack could not be prepared: ${method} answered ${text}`);
  return answer;
}

/** https://docs.slack.dev/apis/web-api/rate-limits */
function playFault(fault: DrawnFault): Response {
  if (fault.status !== undefined) return statusFault(fault);
  const error = SLACK_ERRORS[fault.error as keyof typeof SLACK_ERRORS];
  const status = fault.error === "rateLimited" ? 429 : fault.error === "internalError" ? 500 : 200;
  const wait = status === 429 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {};
  return Response.json({ ok: false, error }, { status, headers: { ...wait, ...fault.headers } });
}

function workspace(token: string, adminToken: string): Record<string, unknown> {
  const bot = { app_id: "A0FLEET001", bot_id: "B0FLEET001", bot_user_id: "U0FLEET001" };
  const app = {
    client_id: "1.1",
    client_secret: "unused",
    name: "Connector Fleet",
    redirect_uris: [],
    bot_name: "connector-fleet",
  };
  return {
    team: { name: "Connector Fleet", domain: "connector-fleet" },
    oauth_apps: [{ ...app, ...bot, scopes: BOT_SCOPES }],
    tokens: [
      { token, type: "bot", user: "connector-fleet", scopes: BOT_SCOPES, ...bot },
      {
        token: adminToken,
        type: "user",
        user: "admin",
        scopes: ADMIN_SCOPES,
      },
    ],
    strict_scopes: true,
  };
}
