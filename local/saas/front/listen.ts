import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { closeHttpServer } from "emulate";

/** An HTTP server on loopback. */
export interface Listener {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

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

/**
 * Listens on 127.0.0.1; port 0 takes any free port.
 * @throws Error with one sentence that names the service and the port when the port is taken
 */
export async function listen(name: string, port: number, answer: Answer): Promise<Listener> {
  const stopping = new AbortController();
  const server = createServer((request, response) => void serve(request, response, server, stopping.signal, answer));
  server.keepAliveTimeout = 60_000;
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
  const actual = portOf(server);
  return {
    url: `http://127.0.0.1:${actual}`,
    port: actual,
    async close() {
      stopping.abort();
      await closeHttpServer(server);
    },
  };
}

/** Writes a fetch `Response` to the wire, with a length instead of chunks, as the real services mostly do. */
export async function write(response: ServerResponse, answer: Response): Promise<void> {
  const body = Buffer.from(await answer.arrayBuffer());
  const headers: Record<string, string | string[]> = Object.fromEntries(answer.headers);
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
  server: Server,
  stopping: AbortSignal,
  answer: Answer,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const target = request.url ?? "/";
    await answer(
      {
        method: request.method ?? "GET",
        target,
        url: new URL(`http://127.0.0.1:${portOf(server)}${target.startsWith("/") ? target : "/"}`),
        headers: headersOf(request),
        body: Buffer.concat(chunks),
        signal: AbortSignal.any([gone.signal, stopping]),
      },
      response,
    );
  } catch (error) {
    if (response.destroyed || stopping.aborted) return;
    if (response.headersSent) return void response.destroy();
    const message = error instanceof Error ? error.message : String(error);
    response.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify({ error: message }));
  }
}

function headersOf(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(request.headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  return headers;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}
