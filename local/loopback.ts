import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Server as NetServer } from "node:net";

/** Every server of this machine stands behind this front: what it refuses never reaches what is behind. */
export interface LoopbackOptions {
  /** Name in messages, such as `Salesforce`. */
  readonly name: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** How long the head of a request may take, in milliseconds. */
  readonly headMs?: number;
}

export interface LoopbackServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** Ends the calls under way and closes the port. */
  close(): Promise<void>;
}

/** What a request says of where it comes from. */
export interface Caller {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`, which browsers send along, also where they send no origin. */
  readonly site?: string | undefined;
}

/** Who sends no complete head, or on a bare socket no call, within this time is cut off, in milliseconds. */
export const HEAD_MS = 10_000;
/** A whole request, with its body, in milliseconds. */
const REQUEST_MS = 300_000;
const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/** `sync-` is what the SDKs put before a host; names below `localhost` are buckets and moved organisations. */
const LOOPBACK_NAME = /^(?:sync-)?(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9-]+\.)*localhost)(?::\d{1,5})?$/i;

/** A body is larger than its server takes; the answer is 413. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

/**
 * Why a caller is refused, or undefined. A name that was pointed at this machine is none of ours (DNS rebinding), and a
 * page of any other origin, another port of this machine included, has no business here.
 */
export function refusalOf({ host, origin, site }: Caller): string | undefined {
  if (host === undefined || !LOOPBACK_NAME.test(host)) return "This server answers to loopback names only.";
  const isOwnOrigin = origin === undefined || /^https?:\/\/(.*)$/i.exec(origin)?.[1] === host;
  const isOwnSite = site === undefined || site === "same-origin" || site === "none";
  if (!isOwnOrigin || !isOwnSite)
    return "This server answers to no page but its own; open its address yourself, not by a link of another page.";
  return undefined;
}

/**
 * Serves HTTP on 127.0.0.1 to callers that are not refused, and answers OPTIONS itself: nothing is allowed across origins.
 * @throws Error with one sentence that names the service and the port when the port is taken
 */
export async function serveLoopback(
  { name, port, headMs = HEAD_MS }: LoopbackOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<LoopbackServer> {
  const limits = { headersTimeout: headMs, requestTimeout: REQUEST_MS, connectionsCheckingInterval: headMs / 10 };
  const server: Server = createServer({ ...limits, keepAliveTimeout: 60_000 }, (request, response) => {
    const { host, origin, "sec-fetch-site": site } = request.headers;
    const refusal = refusalOf({ host, origin, site: typeof site === "string" ? site : undefined });
    if (refusal) return answerAtOnce(response, 403, refusal);
    if (request.method === "OPTIONS") return void response.writeHead(204, { allow: METHODS }).end();
    handle(request, response);
  });
  const actual = await listenOnLoopback(server, name, port);
  return {
    url: `http://127.0.0.1:${actual}`,
    port: actual,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Opens the port of a server on 127.0.0.1, and on no other interface. @returns the port
 * @throws Error with one sentence that names the service and the port when the port is taken
 */
export async function listenOnLoopback(server: NetServer, name: string, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new Error(
      `${name} cannot listen on 127.0.0.1:${port}, the port is taken: stop what listens there, or choose another port.`,
      { cause },
    );
  }
  return (server.address() as AddressInfo).port;
}

/** Reads a body of at most `most` bytes; nothing is read of one that says it is larger. @throws BodyTooLarge */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const refusal = new BodyTooLarge(`The body exceeds ${most} bytes.`);
  if (Number(request.headers["content-length"] ?? 0) > most) throw refusal;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of wholeOrPart(request)) {
    size += chunk.length;
    if (size > most) throw refusal;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A body to be read; who stops in the middle can still answer. */
export function wholeOrPart(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false });
}

/** Answers without reading the body, and ends the connection, which would otherwise wait for it. */
export function answerAtOnce(response: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ error: message });
  response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(body);
}
