import { once } from "node:events";
import { createServer } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import Stripe from "stripe";
import { control } from "../salesforce/testing.ts";
import { type StripeEmulator, startStripe } from "./emulator.ts";

let emulator: StripeEmulator;
let stripe: Stripe;

const client = (options: Stripe.StripeConfig = {}) => {
  const { hostname, port } = new URL(emulator.url);
  const { apiKey } = emulator.connection();
  return new Stripe(apiKey, { host: hostname, port: Number(port), protocol: "http", maxNetworkRetries: 0, ...options });
};

beforeAll(async () => {
  emulator = await startStripe({ port: 0 });
});
beforeEach(async () => {
  await emulator.reset();
  stripe = client();
});
afterAll(() => emulator.stop());

describe("customers through the unmodified client", () => {
  test("creates, reads, updates and deletes", async () => {
    const created = await stripe.customers.create({
      name: "Acme",
      email: "billing@acme.example",
      metadata: { org: "00D", account: "001" },
      address: { line1: "1 Main St", city: "Springfield" },
      preferred_locales: ["de", "en"],
    });
    expect(created).toMatchObject({
      object: "customer",
      name: "Acme",
      metadata: { org: "00D", account: "001" },
      address: { line1: "1 Main St", city: "Springfield", line2: null },
      preferred_locales: ["de", "en"],
      livemode: false,
    });
    expect(created.id).toMatch(/^cus_[A-Za-z0-9]{14}$/);
    expect(created.lastResponse.requestId).toMatch(/^req_/);

    const updated = await stripe.customers.update(created.id, { name: "", metadata: { org: "", tier: "gold" } });
    expect(updated).toMatchObject({
      name: null,
      email: "billing@acme.example",
      metadata: { account: "001", tier: "gold" },
    });
    expect((await stripe.customers.update(created.id, { metadata: "", address: "" })).metadata).toEqual({});

    expect(await stripe.customers.del(created.id)).toMatchObject({ id: created.id, deleted: true });
    expect(await stripe.customers.retrieve(created.id)).toMatchObject({ deleted: true });
    await expect(stripe.customers.update(created.id, { name: "x" })).rejects.toMatchObject({
      statusCode: 404,
      code: "resource_missing",
      message: `No such customer: '${created.id}'`,
    });
  });

  test("lists in pages, newest first, and by e-mail", async () => {
    for (const name of ["a", "b", "c"]) await stripe.customers.create({ name, email: `${name}@x.example` });
    const names: (string | null | undefined)[] = [];
    for await (const customer of stripe.customers.list({ limit: 2 })) names.push(customer.name);
    expect(names).toEqual(["c", "b", "a"]);
    expect((await stripe.customers.list({ email: "b@x.example" })).data.map((one) => one.name)).toEqual(["b"]);
  });

  test("searches by metadata", async () => {
    const { id } = await stripe.customers.create({ metadata: { account: "001'A" } });
    await stripe.customers.create({ metadata: { account: "002" } });
    const query = "metadata['account']:'001\\'A' AND -email:'x'";
    expect((await stripe.customers.search({ query })).data.map((one) => one.id)).toEqual([id]);
    await expect(stripe.customers.search({ query: "a:'1' OR b" })).rejects.toMatchObject({ statusCode: 400 });
  });

  // https://docs.stripe.com/search#data-freshness
  test("searches what is a minute old, and lists what is", async () => {
    let now = Date.now();
    const lagging = await startStripe({ port: 0, now: () => now, config: { searchLagMs: 60_000 } });
    const { hostname, port } = new URL(lagging.url);
    const { apiKey } = lagging.connection();
    const api = new Stripe(apiKey, { host: hostname, port: Number(port), protocol: "http", maxNetworkRetries: 0 });
    const search = async () =>
      (await api.customers.search({ query: "metadata['a']:'1'" })).data.map(({ name }) => name);
    const list = async () => (await api.customers.list()).data.map(({ name }) => name);
    const { id } = await api.customers.create({ name: "old", metadata: { a: "1" } });
    expect([await search(), await list()]).toEqual([[], ["old"]]);
    now += 60_000;
    await api.customers.update(id, { name: "new" });
    expect([await search(), await list()]).toEqual([["old"], ["new"]]);
    now += 60_000;
    await api.customers.del(id);
    expect([await search(), await list()]).toEqual([["new"], []]);
    now += 60_000;
    expect(await search()).toEqual([]);
    await lagging.stop();
  });

  test("refuses unknown parameters, bad values and bad keys", async () => {
    await expect(stripe.customers.create({ nmae: "x" } as Stripe.CustomerCreateParams)).rejects.toMatchObject({
      statusCode: 400,
      code: "parameter_unknown",
      message: "Received unknown parameter: nmae",
      param: "nmae",
    });
    await expect(stripe.customers.create({ email: "nope" })).rejects.toMatchObject({ code: "email_invalid" });
    await expect(stripe.customers.create({ address: { town: "x" } as object })).rejects.toMatchObject({
      message: "Received unknown parameter: address[town]",
    });
    const { hostname, port } = new URL(emulator.url);
    const stranger = new Stripe("sk_test_wrong", { host: hostname, port: Number(port), protocol: "http" });
    await expect(stranger.customers.list()).rejects.toMatchObject({
      type: "StripeAuthenticationError",
      statusCode: 401,
    });
    await expect(stripe.rawRequest("GET", "/v1/nothing")).rejects.toMatchObject({ statusCode: 404 });
  });
});

test("a rolled key takes the place of the old one", async () => {
  await stripe.customers.create({ name: "Acme" });
  await control(emulator.url, "POST", "roll-key");
  await expect(stripe.customers.list()).rejects.toMatchObject({ statusCode: 401 });
  expect((await client().customers.list()).data).toMatchObject([{ name: "Acme" }]);
});

// https://github.com/odoo/odoo/pull/109728 and https://docs.stripe.com/metadata#data
test.each<[string, Stripe.CustomerCreateParams, string, string]>([
  [
    "phone of 21",
    { phone: "+1 555-555-5656 ext. 72" },
    "phone",
    "Invalid string: +1 555-555...56 ext. 72; must be at most 20 characters",
  ],
  ["name of 257", { name: "n".repeat(257) }, "name", "must be at most 256 characters"],
  ["e-mail of 513", { email: `${"e".repeat(504)}@x.example` }, "email", "must be at most 512 characters"],
  ["city of 5001", { address: { city: "c".repeat(5001) } }, "address[city]", "must be at most 5000 characters"],
  ["metadata key of 41", { metadata: { ["k".repeat(41)]: "x" } }, "metadata", "must be a string under 40 characters"],
  ["metadata value of 501", { metadata: { k: "v".repeat(501) } }, "metadata", "must be a string under 500 characters"],
  [
    "51 pairs of metadata",
    { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, "v"])) },
    "metadata",
    "up to 50 keys",
  ],
])("refuses a %s characters, and says which", async (_what, params, param, message) => {
  await expect(stripe.customers.create(params)).rejects.toMatchObject({
    statusCode: 400,
    type: "StripeInvalidRequestError",
    param,
    message: expect.stringContaining(message),
  });
});

// https://docs.stripe.com/api/idempotent_requests
describe("idempotency", () => {
  test("the same key and parameters give the first result again", async () => {
    const options = { idempotencyKey: "k1" };
    const first = await stripe.customers.create({ name: "Acme" }, options);
    const second = await stripe.customers.create({ name: "Acme" }, options);
    expect(second.id).toBe(first.id);
    expect(second.lastResponse.headers["idempotent-replayed"]).toBe("true");
    expect(second.lastResponse.headers["original-request"]).toBe(first.lastResponse.requestId);
    expect((await stripe.customers.list()).data).toHaveLength(1);
  });

  test("the same key with other parameters is refused", async () => {
    await stripe.customers.create({ name: "Acme" }, { idempotencyKey: "k2" });
    await expect(stripe.customers.create({ name: "Other" }, { idempotencyKey: "k2" })).rejects.toMatchObject({
      statusCode: 400,
      type: "StripeIdempotencyError",
    });
  });

  test("a refused request keeps nothing, so the key is free for the corrected one", async () => {
    await expect(stripe.customers.create({ email: "nope" }, { idempotencyKey: "k3" })).rejects.toMatchObject({
      statusCode: 400,
    });
    await expect(stripe.customers.create({ email: "a@b.example" }, { idempotencyKey: "k3" })).resolves.toBeDefined();
  });

  test("a 500 is kept and given again", async () => {
    await control(emulator.url, "POST", "faults", { method: "POST", path: "/v1/customers", error: "apiError" });
    const create = () => stripe.customers.create({ name: "Acme" }, { idempotencyKey: "k4" });
    await expect(create()).rejects.toMatchObject({ statusCode: 500, type: "StripeAPIError" });
    await expect(create()).rejects.toMatchObject({ statusCode: 500, headers: { "idempotent-replayed": "true" } });
    expect((await stripe.customers.list()).data).toEqual([]);
  });

  test("a 500 may hide that the work was done, and a repetition is said to be in vain", async () => {
    const fault = { method: "POST", path: "/v1/customers", error: "apiErrorAfterEffect" };
    await control(emulator.url, "POST", "faults", fault);
    const create = () => stripe.customers.create({ name: "Acme" }, { idempotencyKey: "k7" });
    const failed = { statusCode: 500, headers: { "stripe-should-retry": "false" } };
    await expect(create()).rejects.toMatchObject(failed);
    await expect(create()).rejects.toMatchObject(failed);
    expect((await stripe.customers.list()).data).toHaveLength(1);
  });

  test.each([502, 503, 504])("HTTP %i comes from before the keys, so nothing is kept", async (status) => {
    const fault = { method: "POST", path: "/v1/customers", status, headers: { "retry-after": "7" }, body: "<html>" };
    await control(emulator.url, "POST", "faults", fault);
    const create = () => stripe.customers.create({ name: "Acme" }, { idempotencyKey: "k8" });
    await expect(create()).rejects.toMatchObject({ type: "StripeAPIError" });
    await expect(create()).resolves.toBeDefined();
  });

  test("keys are forgotten after a day", async () => {
    let now = Date.now();
    const aging = await startStripe({ port: 0, now: () => now });
    const { hostname, port } = new URL(aging.url);
    const { apiKey } = aging.connection();
    const api = new Stripe(apiKey, { host: hostname, port: Number(port), protocol: "http", maxNetworkRetries: 0 });
    const create = async () => (await api.customers.create({}, { idempotencyKey: "k9" })).id;
    const first = await create();
    now += 24 * 3_600_000;
    expect(await create()).toBe(first);
    now += 1;
    expect(await create()).not.toBe(first);
    await aging.stop();
  });

  test("a key in use answers 409", async () => {
    await control(emulator.url, "POST", "faults", { path: "/v1/customers", error: "slow", delayMs: 600 });
    const create = () => stripe.customers.create({ name: "Acme" }, { idempotencyKey: "k5" });
    const results = await Promise.allSettled([create(), create()]);
    const refused = results.find((result) => result.status === "rejected") as PromiseRejectedResult;
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    expect(refused.reason).toMatchObject({ statusCode: 409, code: "idempotency_key_in_use" });
  });

  test("a timeout after success is healed by a retry with the same key", async () => {
    await control(emulator.url, "POST", "faults", { path: "/v1/customers", error: "timeoutAfterSuccess" });
    const retrying = client({ timeout: 1000, maxNetworkRetries: 1 });
    const customer = await retrying.customers.create({ name: "Acme" });
    expect((await stripe.customers.list()).data.map((one) => one.id)).toEqual([customer.id]);
  });
});

describe("faults and limits", () => {
  test("the 26th request to an endpoint within a second is refused", async () => {
    let now = Date.now();
    const still = await startStripe({ port: 0, now: () => now });
    const { hostname, port } = new URL(still.url);
    const { apiKey } = still.connection();
    const patient = new Stripe(apiKey, { host: hostname, port: Number(port), protocol: "http", maxNetworkRetries: 0 });
    for (let count = 0; count < 25; count += 1) await patient.customers.list();
    await expect(patient.customers.list()).rejects.toMatchObject({
      statusCode: 429,
      type: "StripeRateLimitError",
      code: "rate_limit",
      headers: { "stripe-rate-limited-reason": "endpoint-rate" },
    });
    await patient.events.list();
    now += 1000;
    await patient.customers.list();
    await still.stop();
  });

  test("a socket reset before the effect leaves nothing behind", async () => {
    // Twice: the client itself tries once more on a connection that was closed.
    await control(emulator.url, "POST", "faults", { path: "/v1/customers", error: "socketReset", times: 2 });
    await expect(stripe.customers.create({ name: "x" })).rejects.toMatchObject({ type: "StripeConnectionError" });
    expect((await stripe.customers.list()).data).toEqual([]);
  });

  test("a socket reset after the effect is healed by a key, given or made by the client", async () => {
    for (const [options, count] of [
      [{ idempotencyKey: "k6" }, 1],
      [{}, 2],
    ] as const) {
      await control(emulator.url, "POST", "faults", { path: "/v1/customers", error: "socketResetAfterEffect" });
      await stripe.customers.create({ name: "x" }, options);
      expect((await stripe.customers.list()).data).toHaveLength(count);
    }
  });

  test("counts calls by route, and refuses faults that it does not know", async () => {
    await stripe.customers.retrieve("cus_x").catch(() => undefined);
    expect(await control(emulator.url, "GET", "calls")).toEqual({
      total: 1,
      routes: { "GET /v1/customers/:id": { calls: 1, statuses: { 404: 1 } } },
    });
    await expect(control(emulator.url, "POST", "faults", { path: "/**", error: "meteor" })).rejects.toThrow(
      "There is no fault 'meteor'",
    );
  });
});

// https://docs.stripe.com/webhooks
test("sends signed events to endpoints, and again after a failure", async () => {
  await control(emulator.url, "POST", "config", { webhookRetryMs: [1] });
  const received: { body: string; signature: string }[] = [];
  let arrived: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ body, signature: String(request.headers["stripe-signature"]) });
    response.writeHead(received.length === 1 ? 500 : 200).end();
    if (received.length === 3) arrived();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as { port: number };
  const endpoint = await stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${address.port}/hook`,
    enabled_events: ["customer.created", "customer.updated"],
  });
  const { id } = await stripe.customers.create({ name: "Acme", metadata: { a: "1", b: "2" } });
  await stripe.customers.update(id, { metadata: { b: "3" } });
  await done;
  const events = received.map(({ body, signature }) =>
    stripe.webhooks.constructEvent(body, signature, String(endpoint.secret)),
  );
  expect(events.map((event) => event.type).sort()).toEqual([
    "customer.created",
    "customer.created",
    "customer.updated",
  ]);
  expect(events.find((event) => event.type === "customer.updated")?.data.previous_attributes).toEqual({
    metadata: { b: "2" },
  });
  expect(() =>
    stripe.webhooks.constructEvent(`${received[0]?.body} `, String(received[0]?.signature), String(endpoint.secret)),
  ).toThrow();
  expect((await stripe.events.list()).data.map((event) => event.type)).toEqual([
    "customer.updated",
    "customer.created",
  ]);
  expect(await stripe.webhookEndpoints.retrieve(endpoint.id)).not.toHaveProperty("secret");
  server.closeAllConnections();
  server.close();
});
