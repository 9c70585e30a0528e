import type { IncomingMessage, ServerResponse } from "node:http";
import { answerAtOnce, BodyTooLarge, type LoopbackServer, readBody, serveLoopback } from "../../loopback.ts";

/** One request whose body has been read. */
export interface Incoming {
  readonly method: string;
  /** Path and query as sent, such as `/v1/customers?limit=3`. */
  readonly target: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** Answers a request; `response` is there for faults that must break the connection itself. */
export type Answer = (incoming: Incoming, response: ServerResponse) => Promise<void>;

export interface ListenOptions {
  readonly name: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** A larger body is answered with 413. */
  readonly maxBodyBytes: number;
}

/**
 * Listens on loopback, behind the front of all servers of this machine.
 * @throws Error with one sentence that names the service and the port when the port is taken
 */
export async function listen({ maxBodyBytes, ...options }: ListenOptions, answer: Answer): Promise<LoopbackServer> {
  const stopping = new AbortController();
  const server = await serveLoopback(options, (request, response) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, stopping.signal]);
    void serve(request, response, { maxBodyBytes, signal }, answer);
  });
  return {
    ...server,
    close() {
      stopping.abort();
      return server.close();
    },
  };
}

/** The headers of an answer without those that would open it to pages of other origins, which `emulate` adds. */
export function shownHeaders(answer: Response): Record<string, string | string[]> {
  return Object.fromEntries([...answer.headers].filter(([name]) => !name.startsWith("access-control-")));
}

/** Writes a fetch `Response` to the wire, with a length instead of chunks, as the real services mostly do. */
export async function write(response: ServerResponse, answer: Response): Promise<void> {
  const body = Buffer.from(await answer.arrayBuffer());
  const headers = shownHeaders(answer);
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  if (answer.status !== 204 && answer.status !== 304) headers["content-length"] = String(body.length);
  response.writeHead(answer.status, headers).end(body);
}

/** The same request as the fetch API knows it. */
export function toRequest(incoming: Incoming, headers: Headers = incoming.headers): Request {
  const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD" && incoming.body.length > 0;
  return new Request(incoming.url, {
    method: incoming.method,
    headers,
    signal: incoming.signal,
    ...(hasBody ? { body: new Uint8Array(incoming.body) } : {}),
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { maxBodyBytes, signal }: { maxBodyBytes: number; signal: AbortSignal },
  answer: Answer,
): Promise<void> {
  try {
    const body = await readBody(request, maxBodyBytes);
    const target = request.url ?? "/";
    const url = new URL(`http://127.0.0.1:${request.socket.localPort}${target.startsWith("/") ? target : "/"}`);
    await answer({ method: request.method ?? "GET", target, url, headers: headersOf(request), body, signal }, response);
  } catch (error) {
    if (response.destroyed || signal.aborted) return;
    if (response.headersSent) return void response.destroy();
    answerAtOnce(response, error instanceof BodyTooLarge ? 413 : 500, (error as Error).message);
  }
}

function headersOf(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(request.headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  return headers;
}
