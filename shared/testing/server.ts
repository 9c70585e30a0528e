import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the tiny server saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What the tiny server answers; `"hang"` never answers, `"reset"` cuts the connection. */
export type Answer = { status?: number; headers?: Record<string, string>; body?: unknown } | "hang" | "reset";

/** A loopback HTTP server for one test: what it saw, and where it listens. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: SeenRequest[];
}

/** Starts a loopback server on a free port; bodies that are not text are sent as JSON. Close it with `await using`. */
export async function serve(answer: (request: SeenRequest) => Answer | Promise<Answer>): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = incoming;
    const request = { method, url, headers, body: Buffer.concat(chunks).toString() };
    requests.push(request);
    const result = await answer(request);
    if (result === "hang") return;
    if (result === "reset") return void incoming.socket.destroy();
    const text = typeof result.body === "string";
    const type = text ? "text/plain" : "application/json;charset=UTF-8";
    response.writeHead(result.status ?? 200, { "content-type": type, ...result.headers });
    response.end(text ? result.body : JSON.stringify(result.body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
