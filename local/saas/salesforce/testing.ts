import { once } from "node:events";
import { createServer } from "node:http";
import jsforce from "jsforce/lib/core.js";
import { type SalesforceEmulator, type SalesforceOptions, startSalesforce } from "./emulator.ts";

/** An emulator on an ephemeral port, for tests. */
export function startTestOrg(options: Partial<SalesforceOptions> = {}): Promise<SalesforceEmulator> {
  return startSalesforce({ port: 0, ...options });
}

/** An unmodified jsforce connection, logged in with client credentials. */
export async function connect(org: SalesforceEmulator, as: "integration" | "human" = "integration") {
  const secret = as === "human" ? org.humanConnection() : org.connection();
  const connection = new jsforce.Connection({
    instanceUrl: secret.loginUrl,
    version: secret.apiVersion,
    oauth2: { loginUrl: secret.loginUrl, clientId: secret.clientId, clientSecret: secret.clientSecret },
    ...(as === "integration" ? { callOptions: { client: secret.integrationClientName } } : {}),
  });
  await connection.authorize({ grant_type: "client_credentials" });
  return connection;
}

/** Calls a control of an emulator and gives back its JSON answer. */
export async function control(url: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${url}/__emulator__/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** One entry as the partner bus got it; `Detail` is text. */
interface BusEntry {
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
  readonly EventBusName: string;
  readonly Time: number;
}

/** A tiny EventBridge that keeps what it is given. */
export interface TestBus {
  readonly origin: string;
  readonly entries: BusEntry[];
  readonly targets: (string | undefined)[];
  /** Makes the next calls fail with this status. */
  fail(times: number, status: number): void;
  /** Resolves when `count` entries have come in. */
  received(count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startTestBus(port = 0): Promise<TestBus> {
  const entries: BusEntry[] = [];
  const targets: (string | undefined)[] = [];
  const waiting: (() => void)[] = [];
  let failures = { times: 0, status: 500 };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (failures.times > 0) {
      failures.times -= 1;
      response.writeHead(failures.status).end("{}");
      return;
    }
    targets.push(request.headers["x-amz-target"] as string | undefined);
    entries.push(...JSON.parse(Buffer.concat(chunks).toString()).Entries);
    response.end(JSON.stringify({ FailedEntryCount: 0, Entries: [{ EventId: "1" }] }));
    for (const wake of waiting.splice(0)) wake();
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    entries,
    targets,
    fail(times, status) {
      failures = { times, status };
    },
    async received(count) {
      while (entries.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
