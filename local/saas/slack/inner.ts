import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { createEmulator } from "emulate";

/** One call, as `fetch` takes it. */
interface Call {
  readonly method: string;
  readonly headers: Headers | Readonly<Record<string, string>>;
  readonly body: string | ArrayBuffer | null;
}

/** `emulate`'s own Slack, for nobody but us. */
export interface InnerSlack {
  /** `target` is path and query. */
  send(target: string, call: Call): Promise<Response>;
  reset(): void;
  close(): Promise<void>;
}

/**
 * Starts `emulate`'s Slack on a socket of the file system, in a folder of this user alone. It insists on a server of its
 * own, which lets pages of every origin read it, so that it must not have a port.
 */
export async function startInnerSlack(seed: Record<string, unknown>): Promise<InnerSlack> {
  const folder = process.platform === "win32" ? undefined : await mkdtemp(join(tmpdir(), "slack-"));
  const socketPath = folder ? join(folder, "socket") : `\\\\.\\pipe\\slack-${randomBytes(16).toString("hex")}`;
  // What it does with `port` is give it to `server.listen`, which takes a path as well.
  const port = socketPath as unknown as number;
  const emulator = await createEmulator({ service: "slack", port, baseUrl: "http://127.0.0.1", seed: { slack: seed } });
  return {
    async send(target, { method, headers, body }) {
      const sent = Object.fromEntries(headers instanceof Headers ? headers : Object.entries(headers));
      // A connection for each call: one that is kept would be closed under a call that comes after seconds.
      const call = request({ socketPath, agent: false, method, path: target, headers: sent });
      call.end(body === null ? undefined : Buffer.from(body as string));
      const [answer] = (await once(call, "response")) as [IncomingMessage];
      const shown = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      );
      const content = await buffer(answer);
      const status = answer.statusCode ?? 500;
      return new Response(status === 204 || status === 304 ? null : new Uint8Array(content), {
        status,
        headers: shown,
      });
    },
    reset: () => emulator.reset(),
    async close() {
      await emulator.close();
      if (folder) rmSync(folder, { recursive: true, force: true });
    },
  };
}
