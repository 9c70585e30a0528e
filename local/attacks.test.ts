import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Servers, startServers } from "./testing.ts";

const ACCOUNT = { Name: "Untouched" };
const FAULT = { path: "/**", status: 500 };
/** What a page can set on a request of its own, and what its browser adds. */
const FOREIGN = {
  "DNS rebinding": { host: "evil.example" },
  "another site": { origin: "https://evil.example" },
  "another port of this machine": { origin: "http://127.0.0.1:3000" },
  "a sandboxed frame": { origin: "null" },
  "an image of another site": { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
} as const;

let servers: Servers;
let twin: Servers["twin"];
let saas: Servers["saas"];
let account: string;

beforeAll(async () => {
  servers = await startServers([ACCOUNT]);
  ({ twin, saas } = servers);
  const listed = await call(`${saas.page.url}/api/accounts`);
  account = JSON.parse(listed.body)[0].Id;
});
afterAll(() => servers?.stop());

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A call with any header, also with those that `fetch` does not let its caller set. */
async function call(url: string, method = "GET", headers: object = {}, body?: string): Promise<Answer> {
  const request = httpRequest(url, { method, headers: { ...headers }, agent: false });
  request.end(body);
  const [response] = await once(request, "response");
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

interface Attack {
  readonly url: () => string;
  readonly method: string;
  readonly headers?: () => object;
  readonly body?: unknown;
}

const emulators = () => ({ Salesforce: saas.salesforce, Stripe: saas.stripe, Slack: saas.slack });
const NAMES = ["Salesforce", "Stripe", "Slack"] as const;
const slackMessages: Attack = {
  url: () => `${saas.slack.url}/api/conversations.history?channel=${saas.slack.channelId}`,
  method: "GET",
  headers: () => ({ authorization: `Bearer ${saas.slack.token}` }),
};

/** Each could do harm if it were let in; the credentials are good. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  ...Object.fromEntries(
    NAMES.flatMap((name): [string, Attack][] => [
      [`reset ${name}`, { url: () => `${emulators()[name].url}/__emulator__/reset`, method: "POST" }],
      [
        `faults for ${name}`,
        { url: () => `${emulators()[name].url}/__emulator__/faults`, method: "POST", body: FAULT },
      ],
      [`the calls of ${name}`, { url: () => `${emulators()[name].url}/__emulator__/calls`, method: "GET" }],
    ]),
  ),
  "reset by the inspector": { url: () => `${saas.salesforce.url}/_emulate/reset`, method: "POST" },
  "read Slack messages": slackMessages,
  "read Slack's own page": { url: () => `${saas.slack.url}/`, method: "GET" },
  "edit an account": {
    url: () => `${saas.page.url}/api/accounts/${account}`,
    method: "PATCH",
    body: { Name: "Changed" },
  },
  "delete an account": { url: () => `${saas.page.url}/api/accounts/${account}`, method: "DELETE" },
  "read accounts": { url: () => `${saas.page.url}/api/accounts`, method: "GET" },
  "read customers of Stripe": {
    url: () => `${saas.stripe.url}/v1/customers`,
    method: "GET",
    headers: () => ({ authorization: `Bearer ${saas.stripe.connection().apiKey}` }),
  },
  "faults for AWS": {
    url: () => `${twin.origin}/_twin/faults`,
    method: "POST",
    body: { service: "dynamodb", operation: "ListTables", error: { code: "X" } },
  },
  "the stack of AWS": { url: () => `${twin.origin}/_twin/stack`, method: "GET" },
  "tables of AWS": {
    url: () => twin.origin,
    method: "POST",
    headers: () => ({
      "x-amz-target": "DynamoDB_20120810.ListTables",
      authorization: "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/dynamodb/aws4_request",
    }),
    body: {},
  },
  "buckets of AWS": {
    url: () => `${twin.origin}/some-bucket`,
    method: "GET",
    headers: () => ({ authorization: "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request" }),
  },
};

const attack = ({ url, method, headers, body }: Attack, caller: object) =>
  call(url(), method, { ...headers?.(), ...caller }, body === undefined ? undefined : JSON.stringify(body));

describe.each(Object.entries(FOREIGN))("%s", (_, caller) => {
  test.each(Object.entries(ATTACKS))("does not get through: %s", async (_name, one) => {
    const answer = await attack(one, caller);
    expect(answer.status).toBe(403);
    expect(Object.keys(answer.headers).filter((header) => header.startsWith("access-control"))).toEqual([]);
  });

  test("is refused its preflight by every server", async () => {
    const urls = [twin.origin, saas.page.url, ...Object.values(emulators()).map(({ url }) => url)];
    for (const url of urls) {
      const answer = await call(url, "OPTIONS", { ...caller, "access-control-request-method": "PATCH" });
      expect(answer.status).toBe(403);
    }
  });

  test("is refused by the Pub/Sub API", async () => {
    const { pubSubEndpoint, pubSubCertificate } = saas.connections().salesforce;
    const { host, ...headers } = { host: pubSubEndpoint, ...caller };
    const session = connectHttp2(`https://${pubSubEndpoint}`, { ca: pubSubCertificate });
    const stream = session.request({
      ":method": "POST",
      ":path": "/eventbus.v1.PubSub/GetTopic",
      ":authority": host,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.end(Buffer.alloc(5));
    const [answer] = await once(stream, "response");
    expect(answer).toMatchObject({ "grpc-status": "7", "grpc-message": expect.stringContaining("This%20server") });
    expect(answer).not.toHaveProperty("access-control-allow-origin");
    session.destroy();
  });
});

describe("after all attacks", () => {
  test("nothing is changed", async () => {
    const { body } = await call(`${saas.page.url}/api/accounts`);
    expect(JSON.parse(body)).toMatchObject([{ Id: account, ...ACCOUNT }]);
    for (const { faults } of Object.values(emulators())) expect(faults.list()).toEqual([]);
    expect(twin.kernel.faults).toEqual([]);
  });

  test("the same calls without a foreign caller are let in, and none is open to pages", async () => {
    for (const name of ["read Slack messages", "read accounts", "the stack of AWS", "tables of AWS"]) {
      const answer = await attack(ATTACKS[name] as Attack, {});
      expect([name, answer.status, answer.headers["access-control-allow-origin"]]).toEqual([name, 200, undefined]);
    }
  });

  test("the page may call its own server", async () => {
    const { origin, host } = new URL(saas.page.url);
    const own = { origin, host, "sec-fetch-site": "same-origin", "content-type": "application/json" };
    const answer = await attack(ATTACKS["edit an account"] as Attack, own);
    expect(answer.status).toBe(204);
  });
});

describe("every server", () => {
  const ports = () => [
    ...[twin.origin, saas.page.url, saas.salesforce.url, saas.stripe.url, saas.slack.url].map(
      (url) => new URL(url).port,
    ),
    saas.connections().salesforce.pubSubEndpoint.split(":")[1] ?? "",
  ];

  test("listens on loopback only", async () => {
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one !== undefined && !one.internal && one.family === "IPv4");
    for (const { address } of others as { address: string }[])
      for (const port of ports()) {
        const socket = connect(Number(port), address);
        const outcome = await Promise.race([
          once(socket, "connect").then(() => "connected"),
          once(socket, "error").then(() => "refused"),
        ]).catch(() => "refused");
        socket.destroy();
        expect(`${address}:${port} ${outcome}`).toBe(`${address}:${port} refused`);
      }
  });

  test("takes a body of its own largest size and no larger one", async () => {
    const tooLarge: [string, number][] = [
      [twin.origin, 16 * 1024 * 1024],
      [saas.salesforce.url, 150_000_000],
      [saas.stripe.url, 1024 * 1024],
      [saas.slack.url, 1024 * 1024],
      [saas.page.url, 64 * 1024],
    ];
    for (const [url, most] of tooLarge) {
      const said = httpRequest(`${url}/v1/customers`, { method: "POST", headers: { "content-length": most + 1 } });
      said.flushHeaders();
      const [response] = await once(said, "response");
      said.destroy();
      expect([url, response.statusCode]).toEqual([url, 413]);
    }
  });
});
