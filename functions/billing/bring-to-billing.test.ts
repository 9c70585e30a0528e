import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import { firstTryAt } from "#shared/behind/marks.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { RateLimitedError, RejectedByTargetError, TargetUnavailableError, TransientError } from "#shared/errors.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import { bringToBilling } from "./bring-to-billing.ts";
import type { Billing } from "./client.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

let store: CustomerStore;
let behind: Behind;
let close: () => Promise<void>;

beforeAll(async () => {
  const table = await startCustomersTable();
  close = table.close;
  store = createCustomerStore(TABLE, table.client, () => NOW);
  behind = createBehind(TABLE, { client: table.client, now: () => NOW, random: () => 0 });
});

afterAll(() => close());

/** Brings a stored customer to a billing whose updates end with `error`. */
async function bring(error?: Error, { deleted = false, lane }: { deleted?: boolean; lane?: "bulk" | undefined } = {}) {
  const customer = newCustomer();
  const { customerId } = customer;
  const change = { ...cause(), ...(lane ? { lane } : {}) };
  if (deleted) await store.markDeleted(customer, version(1), change);
  else await store.save(customer, version(1), change);
  const billing = {
    async create(_metadata, { before }) {
      await before();
      return "cus_1";
    },
    async update(_id, _customer, { before }) {
      await before();
      if (error) throw error;
      return true;
    },
  } as Partial<Billing> as Billing;
  const deps = { billing, store, behind, now: () => NOW };
  const [settled] = await Promise.allSettled([bringToBilling({ customerId, version: version(1) }, deps)]);
  return { settled, deps, customerId, record: await store.read(customerId) };
}

test("what was written is in step, and the account is next", async () => {
  const { settled, record } = await bring();
  expect(settled).toMatchObject({ value: { outcome: "created" } });
  expect(record).toMatchObject({ behindKey: expect.stringMatching(/^salesforce#/) });
  expect(record).not.toHaveProperty("billingBehind");
});

test("what needed no write is in step too", async () => {
  const { deps, customerId } = await bring();
  await behind.retryNow(customerId, "billing");
  expect(await bringToBilling({ customerId, version: version(1) }, deps)).toMatchObject({ outcome: "unchanged" });
  expect(await store.read(customerId)).not.toHaveProperty("billingBehind");
});

test("a deleted customer that billing never knew is in step", async () => {
  const { settled, record } = await bring(undefined, { deleted: true });
  expect(settled).toMatchObject({ value: { outcome: "none" } });
  expect(record).not.toHaveProperty("billingBehind");
});

test("a time that Stripe names is kept to the second, and the run is over", async () => {
  const { settled, record } = await bring(new RateLimitedError("rate_limit", "slow down", { retryAfterSeconds: 40 }));
  expect(settled).toMatchObject({ status: "fulfilled", value: { outcome: "behind" } });
  expect(record).toMatchObject({
    nextTryAt: new Date(NOW + 40_000).toISOString(),
    billingBehind: { tries: 1, error: { name: "RateLimitedError", code: "rate_limit" } },
  });
});

const UNTRIED = { since: new Date(NOW).toISOString(), tries: 0, markedAt: new Date(NOW).toISOString() };

test("a call that was not made because billing is down is no try, and nothing is written for it", async () => {
  const { settled, record } = await bring(new TargetUnavailableError("BREAKER_OPEN", "open"));
  expect(settled).toMatchObject({ status: "fulfilled", value: { outcome: "waiting" } });
  expect(record).toMatchObject({ billingBehind: UNTRIED, nextTryAt: firstTryAt(NOW, undefined) });
});

test("a call for which no budget was left is no try, and is due within a minute, whatever the lane", async () => {
  const usedUp = new TargetUnavailableError("BUDGET_USED_UP", "used up", { retryAfterSeconds: 1 });
  for (const lane of [undefined, "bulk"] as const) {
    const { settled, record } = await bring(usedUp, { lane });
    expect(settled).toMatchObject({ status: "fulfilled", value: { outcome: "waiting" } });
    expect(record).toMatchObject({ billingBehind: UNTRIED, nextTryAt: new Date(NOW + 30_000).toISOString() });
  }
});

test.each([new TransientError("api_error", "failed"), new RejectedByTargetError("email_invalid", "no")])(
  "%p is left to the run",
  async (error) => {
    const { settled, record } = await bring(error);
    expect(settled).toMatchObject({ status: "rejected", reason: error });
    expect(record?.billingBehind?.tries).toBe(0);
  },
);
