import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Saas, startSaas } from "./index.ts";
import { startTestBus, type TestBus } from "./salesforce/testing.ts";

const PORTS = { salesforce: 0, stripe: 0, slack: 0, page: 0 };
let bus: TestBus;
let saas: Saas;
beforeAll(async () => {
  bus = await startTestBus();
  saas = await startSaas({ ports: PORTS, aws: bus, seed: { accounts: [{ Name: "Seeded" }] } });
});
afterAll(async () => {
  await saas.stop();
  await bus.stop();
});

async function page(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${saas.page.url}${path}`, {
    method,
    headers: { ...(body ? { "content-type": "application/json" } : {}), ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text };
}
const pageJson = async (path: string) => JSON.parse((await page("GET", path)).body);

test("gives the three secrets that the connectors read", () => {
  expect(saas.connections()).toEqual({
    salesforce: {
      loginUrl: saas.salesforce.url,
      clientId: expect.any(String),
      clientSecret: expect.any(String),
      apiVersion: "66.0",
      orgId: expect.stringMatching(/^00D\w{15}$/),
      integrationClientName: "connector-fleet",
      pubSubEndpoint: expect.stringMatching(/^localhost:\d+$/),
      pubSubCertificate: expect.stringMatching(/^-----BEGIN CERTIFICATE-----/),
    },
    stripe: { apiKey: expect.stringMatching(/^sk_test_/), baseUrl: saas.stripe.url, apiVersion: expect.any(String) },
    slack: { token: expect.stringMatching(/^xoxb-/), apiUrl: `${saas.slack.url}/api/`, channel: saas.slack.channelId },
  });
  expect(new URL(saas.salesforce.url).hostname).toBe("127.0.0.1");
});

test("relays seeded records", async () => {
  await bus.received(1);
  expect(JSON.parse(bus.entries[0]?.Detail ?? "").payload.Name).toBe("Seeded");
});

describe("starting", () => {
  const taken = async (): Promise<[Server, number]> => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return [server, (server.address() as { port: number }).port];
  };

  test.each([
    ["salesforce", "Salesforce"],
    ["stripe", "Stripe"],
    ["slack", "Slack"],
    ["page", "The page"],
  ])("says in one sentence that the port of %s is taken, and leaves nothing running", async (key, name) => {
    const [server, port] = await taken();
    const other = key === "stripe" ? "slack" : "stripe";
    const [free, freePort] = await taken();
    free.close();
    await once(free, "close");
    const ports = { ...PORTS, [other]: freePort, [key]: port };
    await expect(startSaas({ ports, aws: bus })).rejects.toThrow(
      `${name} cannot listen on 127.0.0.1:${port}, the port is taken: stop what listens there, or choose another port.`,
    );
    await expect(fetch(`http://127.0.0.1:${freePort}/`)).rejects.toThrow();
    server.close();
  });

  test("names the file of a saved state that it cannot read", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "saas-"));
    await writeFile(join(stateDir, "stripe.json"), "{oops");
    await expect(startSaas({ ports: PORTS, aws: bus, stateDir })).rejects.toThrow(join(stateDir, "stripe.json"));
    await rm(stateDir, { recursive: true });
  });

  test("keeps credentials and records over a restart", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "saas-"));
    const options = { ports: PORTS, aws: bus, stateDir, seed: { accounts: [{ Name: "Kept" }] } };
    const first = await startSaas(options);
    const create = {
      method: "POST",
      headers: { authorization: `Bearer ${first.connections().stripe.apiKey}` },
      body: "name=Kept",
    };
    const { id } = (await (await fetch(`${first.stripe.url}/v1/customers`, create)).json()) as { id: string };
    await first.stop();
    const second = await startSaas(options);
    const secrets = ({ salesforce, stripe, slack }: ReturnType<Saas["connections"]>) => [
      salesforce.clientSecret,
      stripe.apiKey,
      slack.token,
    ];
    expect(secrets(second.connections())).toEqual(secrets(first.connections()));
    const found = await fetch(`${second.stripe.url}/v1/customers/${id}`, { headers: create.headers });
    expect(await found.json()).toMatchObject({ id, name: "Kept" });
    const accounts = (await (await fetch(`${second.page.url}/api/accounts`)).json()) as { Name: string }[];
    expect(accounts.map((account) => account.Name)).toEqual(["Kept"]);
    await second.stop();
    await rm(stateDir, { recursive: true });
  });
});

describe("the page", () => {
  test("serves itself without anything from elsewhere", async () => {
    const { body, headers } = await page("GET", "/");
    expect(body).toContain("<title>Accounts");
    expect(headers.get("content-security-policy")).toContain("default-src 'self'");
    for (const path of ["/app.js", "/style.css"]) expect((await page("GET", path)).status).toBe(200);
  });

  test("edits accounts as the person, and shows what Stripe and Slack have", async () => {
    const created = await page("POST", "/api/accounts", { Name: "Acme", BillingCity: "Springfield" });
    expect(created.status).toBe(201);
    const { id } = JSON.parse(created.body);
    expect(await pageJson(`/api/accounts/${id}`)).toMatchObject({ CreatedById: saas.salesforce.humanUserId });
    expect((await page("PATCH", `/api/accounts/${id}`, { Plan__c: "Team" })).status).toBe(204);
    await bus.received(3);
    const { ChangeEventHeader, Plan__c } = JSON.parse(bus.entries.at(-1)?.Detail ?? "").payload;
    expect([Plan__c, ChangeEventHeader.changeOrigin]).toEqual([
      "Team",
      "com/salesforce/api/rest/66.0;client=SfdcInternalAPI/",
    ]);

    const { stripe, slack } = saas.connections();
    const body = new URLSearchParams({ name: "Acme", "metadata[salesforce_account_id]": id });
    await fetch(`${stripe.baseUrl}/v1/customers`, {
      method: "POST",
      headers: { authorization: `Bearer ${stripe.apiKey}` },
      body,
    });
    const message = new URLSearchParams({ channel: slack.channel, text: `Acme (${id}) is in step` });
    await fetch(`${slack.apiUrl}chat.postMessage`, {
      method: "POST",
      headers: { authorization: `Bearer ${slack.token}` },
      body: message,
    });
    expect(await pageJson(`/api/accounts/${id}/targets`)).toMatchObject({
      store: { problem: "The page was started without a customers table." },
      billing: { found: [{ name: "Acme" }] },
      slack: { found: [{ text: `Acme (${id}) is in step` }] },
      trace: { found: null },
    });
    expect((await page("DELETE", `/api/accounts/${id}`)).status).toBe(204);
    expect((await pageJson("/api/accounts")).map((account: { Name: string }) => account.Name)).toEqual(["Seeded"]);
  });

  test("passes on what Salesforce refuses, and logs in again after the session has ended", async () => {
    const refused = await page("POST", "/api/accounts", { Name: "A", Billing_Email__c: "no" });
    expect([refused.status, refused.body]).toEqual([400, '{"error":"Billing Email: invalid email address: no"}']);
    expect((await page("POST", "/api/accounts", { OwnerId: "x" })).status).toBe(400);
    await fetch(`${saas.salesforce.url}/__emulator__/tokens/expire`, { method: "POST" });
    expect((await page("GET", "/api/accounts")).status).toBe(200);
    expect(await pageJson("/api/plans")).toContain("Enterprise");
  });

  test("refuses other sites", async () => {
    const foreign = await page("POST", "/api/accounts", { Name: "x" }, { "sec-fetch-site": "cross-site" });
    expect(foreign.status).toBe(403);
    expect((await page("POST", "/api/accounts", undefined, { "content-type": "text/plain" })).status).toBe(400);
  });
});
