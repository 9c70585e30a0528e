import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { NotAuthorizedError, TransientError } from "#shared/errors.ts";
import { createBreakers } from "#shared/targets/breakers.ts";
import { createGate } from "#shared/targets/gate.ts";
import { startTable } from "#shared/testing/dynamo.ts";
import { serve } from "#shared/testing/server.ts";
import { createBilling } from "./client.ts";

const TABLE = "fleet-state-test";
const NOW = Date.parse("2026-01-01T00:00:00Z");
const WAIT_SECONDS = 30;

let client: DynamoDBClient;
let close: () => Promise<void>;
let count = 0;

beforeAll(async () => {
  ({ client, close } = await startTable(TABLE, "key"));
});
afterAll(() => close());

/** Stripe behind a real gate, seen by several functions; its answer is settable, and so is the clock. */
async function scene() {
  count += 1;
  const target = `billing${count}`;
  const world = { now: NOW, status: 200, headers: {} as Record<string, string> };
  const now = () => world.now;
  const server = await serve(() => ({ ...world, body: { id: "cus_1", object: "customer" } }));
  const open = () => {
    const gate = createGate(TABLE, { target }, { client, now });
    return createBilling(async () => ({ apiKey: "sk_test_1", baseUrl: server.url }), { gate, now });
  };
  const update = (before: () => Promise<boolean>) => open().update("cus_1", BLANK, { idempotencyKey: "k", before });
  const state = async () => (await createBreakers(TABLE, { client, now }).list()).find((one) => one.target === target);
  return { world, server, update, state, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const BLANK = { name: "Acme", address: "" as const, metadata: {} };
const sent = async () => true;
const UNSENT: [string, () => Promise<boolean>][] = [
  ["is called off", async () => false],
  ["cannot be noted for now", () => Promise.reject(new TransientError("THROTTLED", "DynamoDB is busy"))],
  ["may not be noted", () => Promise.reject(new NotAuthorizedError("AccessDenied", "no permission"))],
];

describe.each(UNSENT)("a request that %s", (_what, before) => {
  test("and would have been the probe leaves the breaker open, and the next one probes", async () => {
    await using stripe = await scene();
    Object.assign(stripe.world, { status: 429, headers: { "retry-after": String(WAIT_SECONDS) } });
    await expect(stripe.update(sent)).rejects.toMatchObject({ name: "RateLimitedError" });
    Object.assign(stripe.world, { now: NOW + (WAIT_SECONDS + 1) * 1000, status: 200, headers: {} });
    await stripe.update(before).catch(() => undefined);
    expect([(await stripe.state())?.state, stripe.server.requests.length]).toEqual(["open", 1]);
    expect(await stripe.update(sent)).toBe(true);
    expect([(await stripe.state())?.state, stripe.server.requests.length]).toEqual(["closed", 2]);
  });

  test("says nothing of Stripe, however often it happens", async () => {
    await using stripe = await scene();
    for (let n = 0; n < 10; n += 1) await stripe.update(before).catch(() => undefined);
    expect([await stripe.state(), stripe.server.requests]).toEqual([undefined, []]);
  });

  test("ends as it did without a gate", async () => {
    await using stripe = await scene();
    const ended = (work: () => Promise<unknown>) => work().catch((error) => error);
    expect(await ended(() => stripe.update(before))).toEqual(await ended(before));
  });
});
