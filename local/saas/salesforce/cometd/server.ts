import { randomBytes } from "node:crypto";
import { userOfToken } from "../oauth.ts";
import type { Org } from "../org.ts";
import { CometdClient } from "./client.ts";
import { type CometdFault, CometdFaults } from "./faults.ts";
import {
  AUTHENTICATION_INVALID,
  answerTo,
  connectRefused,
  handshakeDenied,
  handshakeDone,
  type Incoming,
  incomingSchema,
  LIMIT_EXCEEDED,
  type Outgoing,
  SERVER_BUSY,
  unknownClient,
} from "./messages.ts";

/** Waits of the protocol, in milliseconds. */
export interface CometdTimes {
  /** How long a connect is held when there are no events. */
  readonly timeoutMs: number;
  /** How long clients are advised to wait between two connects. */
  readonly intervalMs: number;
}

/** A client that stays away for longer is forgotten. */
const RECONNECT_MS = 40_000;
const MAX_BODY = 32_768;
const COOKIE = "BAYEUX_BROWSER";

/** What one request brings along. */
interface Caller {
  readonly token: string | undefined;
  readonly cookie: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * The Streaming API: CometD over long polling.
 * https://developer.salesforce.com/docs/atlas.en-us.api_streaming.meta/api_streaming/using_streaming_api_client_connection.htm
 */
export class CometdServer {
  readonly #org: Org;
  readonly #times: CometdTimes;
  readonly #faults = new CometdFaults();
  readonly #clients = new Map<string, CometdClient>();
  readonly #unsubscribe: (() => void)[];

  constructor(org: Org, times: CometdTimes) {
    this.#org = org;
    this.#times = times;
    this.#unsubscribe = [org.onCommit(() => this.#releaseAll()), org.onDisconnect(() => void this.forgetClients())];
  }

  /** Whether a path is the Streaming API's, with or without the suffix that Java clients add. */
  static serves(path: string): boolean {
    return /^\/cometd\/\d+\.\d(\/[a-z]*)?$/.test(path);
  }

  async serve(request: Request): Promise<Response> {
    if (request.method !== "POST") return new Response("Unknown Bayeux Transport", { status: 400 });
    const body = await request.text();
    if (Buffer.byteLength(body) > MAX_BODY) return new Response("Request Entity Too Large", { status: 413 });
    const messages = incomingSchema.safeParse(parse(body));
    if (!messages.success) return new Response("The body is no Bayeux message", { status: 400 });
    const caller: Caller = {
      token: /^(?:OAuth|Bearer) (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1],
      cookie: new RegExp(`${COOKIE}=([^;]+)`).exec(request.headers.get("cookie") ?? "")?.[1],
      signal: request.signal,
    };
    if (messages.data.some((message) => this.#lacksCookie(message, caller)))
      return new Response(`The cookie ${COOKIE} of the handshake is missing`, { status: 400 });
    const answers: Outgoing[] = [];
    let cookie: string | undefined;
    for (const message of ordered(messages.data)) {
      const { messages: own, browser } = await this.#answer(message, caller);
      answers.push(...own);
      cookie ??= browser;
    }
    const headers = new Headers({ "content-type": "application/json;charset=UTF-8" });
    if (cookie) headers.append("set-cookie", `${COOKIE}=${cookie}; Path=/; HttpOnly`);
    return new Response(JSON.stringify(answers), { headers });
  }

  addFault(fault: CometdFault): void {
    this.#faults.add(fault);
    this.#releaseAll();
  }

  /** Loses all clients, as a server that restarts does. @returns how many there were */
  forgetClients(): number {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    for (const client of clients) client.release();
    return clients.length;
  }

  /** Tells all clients to go: with the advice to shake hands again, or without any, which they may ignore. */
  disconnect(withAdvice: boolean): number {
    const clients = [...this.#clients.values()];
    const advice = withAdvice ? { advice: { reconnect: "handshake", interval: 0 } } : {};
    for (const client of clients) {
      client.notices.push({ channel: "/meta/disconnect", clientId: client.id, ...advice });
      client.release();
    }
    return clients.length;
  }

  /** Answers everyone who waits. */
  stop(): void {
    for (const stop of this.#unsubscribe) stop();
    this.forgetClients();
  }

  async #answer(message: Incoming, caller: Caller): Promise<{ messages: Outgoing[]; browser?: string }> {
    if (message.channel === "/meta/handshake") return this.#handshake(message, caller);
    const client = this.#find(message.clientId);
    if (!client) return { messages: [unknownClient(message)] };
    client.lastSeen = this.#org.now();
    switch (message.channel) {
      case "/meta/connect":
        return { messages: await this.#connect(message, client, caller) };
      case "/meta/subscribe":
        return { messages: channelsOf(message).map((channel) => this.#subscribe(message, channel, client)) };
      case "/meta/unsubscribe":
        return {
          messages: channelsOf(message).map((channel) =>
            answerTo(message, { subscription: channel, successful: client.unsubscribe(channel) }),
          ),
        };
      case "/meta/disconnect":
        this.#clients.delete(client.id);
        client.release();
        return { messages: [answerTo(message, { successful: true })] };
      default:
        return { messages: [answerTo(message, { error: "403::Publish denied", successful: false })] };
    }
  }

  #handshake(message: Incoming, { token }: Caller): { messages: Outgoing[]; browser?: string } {
    if (this.#faults.draw("busy")) return { messages: [handshakeDenied(message, SERVER_BUSY)] };
    if (token === undefined || !userOfToken(this.#org, token))
      return { messages: [handshakeDenied(message, AUTHENTICATION_INVALID)] };
    const identity = { id: randomBytes(20).toString("hex"), browser: randomBytes(16).toString("hex"), token };
    this.#clients.set(identity.id, new CometdClient(this.#org, identity));
    return { messages: [handshakeDone(message, identity.id)], browser: identity.browser };
  }

  #subscribe(message: Incoming, channel: string, client: CometdClient): Outgoing {
    const ext = (message.ext ?? {}) as { replay?: Readonly<Record<string, unknown>> };
    const error = client.subscribe(channel, ext.replay);
    client.release();
    return answerTo(message, { subscription: channel, ...(error ? { error } : {}), successful: error === undefined });
  }

  async #connect(message: Incoming, client: CometdClient, { signal }: Caller): Promise<Outgoing[]> {
    const advice = message.advice as { timeout?: number } | undefined;
    // A newer connect of the same client takes the place of one that is held.
    const turn = client.nextTurn();
    const deadline = performance.now() + (advice?.timeout ?? this.#times.timeoutMs);
    for (;;) {
      const answer = this.#tryConnect(message, client, performance.now() >= deadline);
      if (answer) return answer;
      await hold(client, deadline - performance.now(), signal);
      if (signal.aborted) return [];
      if (client.turn !== turn) return [answerTo(message, { successful: true })];
    }
  }

  /** The answer of a connect, or undefined when it should wait on. */
  #tryConnect(message: Incoming, client: CometdClient, isDue: boolean): Outgoing[] | undefined {
    if (this.#clients.get(client.id) !== client) return [unknownClient(message)];
    if (!userOfToken(this.#org, client.token) || this.#faults.draw("unauthorized"))
      return [connectRefused(message, AUTHENTICATION_INVALID)];
    if (this.#org.isDeliveryExhausted) return [connectRefused(message, LIMIT_EXCEEDED)];
    const notices = client.notices.splice(0);
    if (notices.some((notice) => notice.advice)) this.#clients.delete(client.id);
    const events = client.take();
    if (notices.length + events.length === 0 && !isDue) return undefined;
    this.#org.countDelivery(events.length);
    const isFirst = !client.isConnected;
    client.isConnected = true;
    client.lastSeen = this.#org.now();
    const { intervalMs: interval, timeoutMs: timeout } = this.#times;
    const advice = isFirst ? { advice: { interval, timeout, reconnect: "retry" } } : {};
    const delivered = events.length > 0 && this.#faults.draw("duplicate") ? [...events, ...events] : events;
    return [...delivered, ...notices, answerTo(message, { ...advice, successful: true })];
  }

  #find(clientId: string | undefined): CometdClient | undefined {
    const client = this.#clients.get(clientId ?? "");
    if (!client || this.#org.now() - client.lastSeen <= this.#times.timeoutMs + RECONNECT_MS) return client;
    this.#clients.delete(client.id);
    return undefined;
  }

  #lacksCookie(message: Incoming, { cookie }: Caller): boolean {
    const client = message.channel === "/meta/handshake" ? undefined : this.#clients.get(message.clientId ?? "");
    return client !== undefined && client.browser !== cookie;
  }

  #releaseAll(): void {
    for (const client of this.#clients.values()) client.release();
  }
}

/** Connects come last: what they wait for may be a subscription of the same request. */
function ordered(messages: readonly Incoming[]): Incoming[] {
  const isConnect = (message: Incoming) => message.channel === "/meta/connect";
  return [...messages.filter((one) => !isConnect(one)), ...messages.filter(isConnect)];
}

function channelsOf(message: Incoming): string[] {
  return [message.subscription ?? []].flat().map(String);
}

/** Waits for something to tell the client, for the time to run out, or for the client to go. */
function hold(client: CometdClient, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, Math.max(0, milliseconds));
    signal.addEventListener("abort", finish, { once: true });
    client.release = finish;
    if (signal.aborted) finish();
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
