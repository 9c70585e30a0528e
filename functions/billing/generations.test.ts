import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { CustomerStore } from "#shared/customer-store.ts";
import { TransientError } from "#shared/errors.ts";
import { cause, version } from "#shared/testing/customers-table.ts";
import { startBilling } from "../../test/support/billing-bench.ts";
import { findDuplicates } from "./find-duplicates.ts";

const CREATE = { method: "POST", path: "/v1/customers" };
const UPDATE = { method: "POST", path: "/v1/customers/*" };

const billing = await startBilling();
const { account, store, stored, edit, sync, customersOf, linkOf } = billing;
beforeEach(() => billing.reset());
afterAll(() => billing.close());

const calls = (wanted: string) => account.calls.filter(({ endpoint }) => endpoint === wanted);
const open = (seconds: number) => ({ name: "RateLimitedError", code: "OUTCOME_OPEN", retryAfterSeconds: seconds });

/** A customer in step, whose second version was sent to Stripe, got no answer, and lands a minute later. */
async function withLateUpdate() {
  const customer = await stored();
  await sync(customer, 1);
  await edit(customer, 2, "Second");
  account.fate = () => 60_000;
  await expect(sync(customer, 2)).rejects.toMatchObject({ name: "TransientError" });
  account.fate = () => "pass";
  return customer;
}

describe("a creation of which Stripe stored a failure", () => {
  test("is waited for, looked for, then made under the next key", async () => {
    const customer = await stored();
    await account.fault({ ...CREATE, error: "apiError", times: 3 });
    await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    await account.advance(16_000);
    await account.clearFaults();
    await expect(sync(customer, 1)).rejects.toMatchObject(open(74));
    await edit(customer, 2, "Second");
    await expect(sync(customer, 2)).rejects.toMatchObject(open(74));
    expect(calls("POST /v1/customers")).toHaveLength(1);
    await account.advance(74_000);
    expect(await sync(customer, 2)).toMatchObject({ outcome: "created" });
    expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
  });

  test("but did its work is found by the list, long before search knows it", async () => {
    const customer = await stored();
    await account.fault({ ...CREATE, error: "apiErrorAfterEffect" });
    await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    await account.advance(90_000);
    expect(await sync(customer, 1)).toMatchObject({ outcome: "updated" });
    expect(calls("POST /v1/customers")).toHaveLength(1);
    expect(await customersOf(customer)).toMatchObject([{ name: "Acme" }]);
  });

  test("is moved on by one run alone, however many come back at the same time", async () => {
    const customer = await stored();
    await account.fault({ ...CREATE, error: "apiError" });
    await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    await account.advance(90_000);
    await edit(customer, 2, "Second");
    const runs = await Promise.allSettled([sync(customer, 1), sync(customer, 2), sync(customer, 2)]);
    expect(runs.some(({ status }) => status === "fulfilled")).toBe(true);
    await sync(customer, 1);
    expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
  });

  test.each([
    ["apiErrorAfterEffect", [], "updated"],
    ["apiError", [15 * 60], "created"],
  ])("is left to search when listing takes too long: %s", async (error, waits, outcome) => {
    const customer = await stored();
    await account.fault({ ...CREATE, error });
    await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    await account.advance(1_000);
    for (let count = 0; count < 101; count += 1) await account.request("POST", "/v1/customers", { name: "Crowd" });
    await account.advance(89_000);
    account.fate = (endpoint) => {
      if (endpoint === "GET /v1/customers") account.now += 5_000;
      return "pass";
    };
    for (const seconds of waits) {
      await expect(sync(customer, 1)).rejects.toMatchObject(open(seconds - 5));
      await account.advance((seconds - 5) * 1000);
    }
    expect(await sync(customer, 1)).toMatchObject({ outcome });
    expect(await customersOf(customer)).toHaveLength(1);
  });

  test("but did its work hours before, while search has stood still since, is found by the list", async () => {
    const customer = await stored();
    await account.searchLag(10 * 3_600_000);
    await account.fault({ ...CREATE, error: "apiErrorAfterEffect" });
    await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    for (let count = 0; count < 2; count += 1) {
      await account.advance(3_600_000);
      await account.request("POST", "/v1/customers", { name: "Crowd" });
    }
    expect(await sync(customer, 1)).toMatchObject({ outcome: "updated" });
    expect(await customersOf(customer)).toHaveLength(1);
    expect(account.calls.filter(({ endpoint }) => endpoint === "GET /v1/customers")).toHaveLength(2);
  });

  test("whose account was deleted meanwhile is none once nothing can come of it", async () => {
    const customer = await stored();
    await account.fault({ ...CREATE, error: "apiError" });
    await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    await store.markDeleted(customer, version(2), cause(2));
    await expect(sync(customer, 2)).rejects.toMatchObject(open(90));
    await account.advance(90_000);
    expect(await sync(customer, 2)).toMatchObject({ outcome: "none", stripeCustomerId: null });
    expect(await customersOf(customer)).toEqual([]);
  });

  test("holds while neither creation nor search answers, and heals afterwards", async () => {
    const customers = [await stored(), await stored(), await stored()];
    await account.fault({ method: "*", path: "/v1/customers/search", status: 500, times: 1000 });
    await account.fault({ ...CREATE, status: 500, times: 1000 });
    for (const customer of customers) await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    await account.advance(55_000);
    await account.clearFaults();
    await account.advance(35_000);
    for (const customer of customers) {
      expect(await sync(customer, 1)).toMatchObject({ outcome: "created" });
      expect(await customersOf(customer)).toHaveLength(1);
    }
  });
});

describe("a key that was used for something else", () => {
  test("is given up for the next one", async () => {
    const customer = await stored();
    await account.fault({
      ...CREATE,
      status: 400,
      body: { error: { type: "idempotency_error", message: "Keys for idempotent requests" } },
    });
    await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
    await account.advance(90_000);
    expect(await sync(customer, 1)).toMatchObject({ outcome: "created" });
  });
});

describe("an update of which Stripe stored a failure", () => {
  test("is written under the next key by the next try", async () => {
    const customers = await Promise.all(Array.from({ length: 6 }, () => stored()));
    for (const customer of customers) {
      await sync(customer, 1);
      await edit(customer, 2, "Second");
    }
    await account.fault({ ...UPDATE, status: 500, times: 1000 });
    for (const customer of customers) await expect(sync(customer, 2)).rejects.toMatchObject({ name: "TransientError" });
    await account.clearFaults();
    for (const customer of customers) {
      expect(await sync(customer, 2)).toMatchObject({ outcome: "updated" });
      expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
    }
  });

  test("that is repeated to another run is passed by at once", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await edit(customer, 2, "Second");
    await account.fault({ ...UPDATE, error: "apiError" });
    account.fate = () => "loseAnswer";
    await expect(sync(customer, 2)).rejects.toMatchObject({ name: "TransientError" });
    account.fate = () => "pass";
    expect(await sync(customer, 2)).toMatchObject({ outcome: "updated" });
    expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
  });
});

describe("an update whose answer was lost", () => {
  test("is repeated under its key, and that settles it", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await edit(customer, 2, "Second");
    account.fate = () => "loseAnswer";
    await expect(sync(customer, 2)).rejects.toMatchObject({ name: "TransientError" });
    account.fate = () => "pass";
    expect(await sync(customer, 2)).toMatchObject({ outcome: "updated" });
    expect((await store.read(customer.customerId))?.billingRequests?.pending).toEqual({});
  });

  test("and lands on top of a newer one is written over once it cannot land any more", async () => {
    const customer = await withLateUpdate();
    await account.advance(10_000);
    await edit(customer, 3, "Third");
    await expect(sync(customer, 3)).rejects.toMatchObject(open(80));
    expect(await customersOf(customer)).toMatchObject([{ name: "Third" }]);
    await account.advance(80_000);
    expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
    expect(await sync(customer, 3)).toMatchObject({ outcome: "updated", version: version(3) });
    expect(await customersOf(customer)).toMatchObject([{ name: "Third" }]);
  });

  test("is written over even when the run that did so first was killed before it could say so", async () => {
    const customer = await withLateUpdate();
    await edit(customer, 3, "Third");
    let notes = 0;
    const noteBilling: CustomerStore["noteBilling"] = async (...input) => {
      notes += 1;
      if (notes > 1) throw new TransientError("killed", "killed");
      return store.noteBilling(...input);
    };
    await expect(sync(customer, 3, { noteBilling })).rejects.toMatchObject({ code: "killed" });
    await account.advance(90_000);
    expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
    expect(await sync(customer, 3)).toMatchObject({ outcome: "updated" });
    expect(await customersOf(customer)).toMatchObject([{ name: "Third" }]);
  });

  test("by a run that was killed, before the old content came back, is not taken for unchanged", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await edit(customer, 2, "Second");
    const linkBilling = () => Promise.reject(new TransientError("killed", "killed"));
    await expect(sync(customer, 2, { linkBilling })).rejects.toMatchObject({ code: "killed" });
    expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
    await account.advance(180_000);
    await edit(customer, 3, "Acme");
    expect(await sync(customer, 3)).toMatchObject({ outcome: "updated" });
    expect(await customersOf(customer)).toMatchObject([{ name: "Acme" }]);
  });
});

// https://docs.stripe.com/rate-limits: a limiter stands before the keys, and knows nothing of what is under way.
describe.each([
  ["a limiter", { error: "rateLimit" }],
  ["an object's lock", { error: "lockTimeout" }],
  ["what refuses a key", { status: 401 }],
  ["what refuses permission", { status: 403 }],
  ["a server that is out", { status: 503 }],
])("the answer of %s to a repetition", (_who, fault) => {
  test("does not make an update forgotten that is still under way", async () => {
    const customer = await withLateUpdate();
    await account.fault({ ...UPDATE, ...fault });
    await expect(sync(customer, 2)).rejects.toThrow();
    await edit(customer, 3, "Third");
    await expect(sync(customer, 3)).rejects.toMatchObject(open(90));
    await account.advance(90_000);
    expect(await customersOf(customer)).toMatchObject([{ name: "Second" }]);
    expect(await sync(customer, 3)).toMatchObject({ outcome: "updated" });
    expect(await customersOf(customer)).toMatchObject([{ name: "Third" }]);
  });

  test("does not make a creation forgotten of which the account is deleted meanwhile", async () => {
    const customer = await stored();
    account.fate = () => 60_000;
    await expect(sync(customer, 1)).rejects.toMatchObject({ name: "TransientError" });
    account.fate = () => "pass";
    await account.fault({ ...CREATE, ...fault });
    await expect(sync(customer, 1)).rejects.toThrow();
    await store.markDeleted(customer, version(2), cause(2));
    await expect(sync(customer, 2)).rejects.toMatchObject(open(90));
    await account.advance(90_000);
    expect(await sync(customer, 2)).toMatchObject({ outcome: "archived" });
  });
});

test("a limiter's answer to the first sending leaves nothing open", async () => {
  const customer = await stored();
  await sync(customer, 1);
  await edit(customer, 2, "Second");
  await account.fault({ ...UPDATE, error: "rateLimit" });
  await expect(sync(customer, 2)).rejects.toMatchObject({ name: "RateLimitedError" });
  await edit(customer, 3, "Third");
  expect(await sync(customer, 3)).toMatchObject({ outcome: "updated" });
});

describe("a customer that was deleted in Stripe", () => {
  test("is made anew, and the link moves to the new one", async () => {
    const customer = await stored();
    const { stripeCustomerId: old } = await sync(customer, 1);
    await account.request("DELETE", `/v1/customers/${old}`);
    await edit(customer, 2, "Second");
    const result = await sync(customer, 2);
    expect(result).toMatchObject({ outcome: "created", version: version(2) });
    expect(result.stripeCustomerId).not.toBe(old);
    expect(await linkOf(customer)).toMatchObject({ id: result.stripeCustomerId, version: version(2) });
    expect(await customersOf(customer)).toMatchObject([{ id: result.stripeCustomerId, name: "Second" }]);
    await edit(customer, 3, "Third");
    expect(await sync(customer, 3)).toMatchObject({ outcome: "updated", stripeCustomerId: result.stripeCustomerId });
  });

  test("before it was linked is not linked again under the key that made it", async () => {
    const customer = await stored();
    const linkBilling = () => Promise.reject(new TransientError("died", "died"));
    await expect(sync(customer, 1, { linkBilling })).rejects.toMatchObject({ code: "died" });
    const [dead] = await customersOf(customer);
    await account.request("DELETE", `/v1/customers/${dead?.id}`);
    expect(await sync(customer, 1)).toMatchObject({ outcome: "created" });
    expect(await customersOf(customer)).toHaveLength(1);
    expect((await linkOf(customer))?.id).not.toBe(dead?.id);
  });

  test("and whose account is deleted too is none, and stays so", async () => {
    const customer = await stored();
    const { stripeCustomerId } = await sync(customer, 1);
    await account.request("DELETE", `/v1/customers/${stripeCustomerId}`);
    await store.markDeleted(customer, version(2), cause(2));
    const none = { outcome: "none", stripeCustomerId: null, version: version(2) };
    expect(await sync(customer, 2)).toEqual(none);
    account.calls.length = 0;
    expect(await sync(customer, 2)).toEqual(none);
    expect(account.calls).toEqual([]);
    await store.save(customer, version(3), cause(3));
    expect(await sync(customer, 3)).toMatchObject({ outcome: "created" });
    expect(await customersOf(customer)).toHaveLength(1);
  });

  test("is another thing than one that Stripe has never had: a key of another account makes nothing anew", async () => {
    const customer = await stored();
    await store.linkBilling(customer.customerId, { id: "cus_elsewhere" });
    await expect(sync(customer, 1)).rejects.toMatchObject({
      name: "RejectedByTargetError",
      code: "UNKNOWN_CUSTOMER",
      message: expect.stringMatching(/cus_elsewhere.*another account or mode.*redrive/),
    });
    expect(await customersOf(customer)).toEqual([]);
  });
});

test("a run in which Stripe is slow ends before its function does, and the next one goes on", async () => {
  const customer = await stored();
  account.fate = (endpoint) => {
    if (endpoint === "POST /v1/customers") account.now += 21_000;
    return "pass";
  };
  await expect(sync(customer, 1)).rejects.toMatchObject({ name: "TransientError", code: "OUT_OF_TIME" });
  expect(await sync(customer, 1)).toMatchObject({ outcome: "updated" });
  expect(await customersOf(customer)).toMatchObject([{ name: "Acme" }]);
});

test("a duplicate that came to be long after its request was given up is found and told, and not linked", async () => {
  const customer = await stored();
  await account.fault({ ...CREATE, error: "apiError" });
  await expect(sync(customer, 1)).rejects.toMatchObject(open(90));
  await account.advance(90_000);
  const { stripeCustomerId } = await sync(customer, 1);
  await account.advance(600_000);
  const from = account.now - 3_600_000;
  expect((await findDuplicates({ from }, { billing: account.billing, store })).duplicates).toEqual([]);
  const late = (await account.request("POST", "/v1/customers", {
    "metadata[salesforce_account_id]": customer.customerId,
    "metadata[salesforce_org_id]": customer.orgId,
  })) as { id: string };
  await edit(customer, 2, "Second");
  expect(await sync(customer, 2)).toMatchObject({ outcome: "updated", stripeCustomerId });
  const { customerId, orgId } = customer;
  expect((await findDuplicates({ from }, { billing: account.billing, store })).duplicates).toEqual([
    {
      customerId,
      orgId,
      stripeCustomerId: late.id,
      linkedId: stripeCustomerId,
      createdAt: new Date(account.now).toISOString(),
    },
  ]);
});
