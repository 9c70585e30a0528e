import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Customer } from "#shared/contracts/customer.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import { TransientError } from "#shared/errors.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { startBilling } from "../../test/support/billing-bench.ts";
import type { Fate } from "../../test/support/stripe-account.ts";

const CREATE = "POST /v1/customers";
const UPDATE = "POST /v1/customers/:id";

const billing = await startBilling();
const { account, store, stored, sync, customersOf, linkOf } = billing;
beforeEach(() => billing.reset());
afterAll(() => billing.close());

const endpoints = () => account.calls.map(({ endpoint }) => endpoint);

/** Runs `work` once, before the first update passes. */
function duringUpdate(work: () => Promise<unknown>): void {
  account.fate = async (endpoint): Promise<Fate> => {
    if (endpoint !== UPDATE) return "pass";
    account.fate = () => "pass";
    await work();
    return "pass";
  };
}

describe("a customer", () => {
  test("new in billing is created empty, linked, then filled", async () => {
    const customer = await stored();
    const result = await sync(customer, 1);
    expect(endpoints()).toEqual([CREATE, UPDATE]);
    const [found] = await customersOf(customer);
    expect(result).toEqual({ outcome: "created", stripeCustomerId: found?.id, version: version(1) });
    expect(found).toMatchObject({ name: "Acme", email: "pay@acme.example" });
    expect(await linkOf(customer)).toMatchObject({ id: found?.id, version: version(1) });
  });

  test("known with another content is updated", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await store.save({ ...customer, name: "New" }, version(2), cause());
    expect(await sync(customer, 2)).toMatchObject({ outcome: "updated", version: version(2) });
    expect(await customersOf(customer)).toMatchObject([{ name: "New" }]);
  });

  test("synced already costs no call, and a newer version with the same content none either", async () => {
    const customer = await stored();
    const { stripeCustomerId } = await sync(customer, 1);
    account.calls.length = 0;
    expect(await sync(customer, 1)).toEqual({ outcome: "unchanged", stripeCustomerId, version: version(1) });
    await store.save(customer, version(2), cause());
    expect(await sync(customer, 2)).toMatchObject({ outcome: "unchanged", version: version(2) });
    expect(endpoints()).toEqual([]);
    expect((await linkOf(customer))?.version).toBe(version(2));
  });

  test("with a value that does not fit says so, when it was written and when it is unchanged", async () => {
    const customer = newCustomer();
    await store.save({ ...customer, phone: "+1 555-555-5656 ext. 725" }, version(1), cause());
    expect(await sync(customer, 1)).toMatchObject({ outcome: "created", adjusted: ["phone"] });
    const adjusted = async () => (await store.read(customer.customerId))?.links.stripe?.adjusted;
    expect(await adjusted()).toEqual(["phone"]);
    expect(await customersOf(customer)).toMatchObject([{ name: "Acme", phone: "+15555555656" }]);
    expect(await sync(customer, 1)).toMatchObject({ outcome: "unchanged", adjusted: ["phone"] });
    await store.save({ ...customer, phone: "+1 555-555-5656 ext. 725" }, version(2), cause(2));
    expect(await sync(customer, 2)).toMatchObject({ outcome: "unchanged", adjusted: ["phone"] });
    expect(await adjusted()).toEqual(["phone"]);
  });

  test("with a value that Stripe refuses is written without it, and tried again with the next change", async () => {
    const customer = await stored();
    const error = { type: "invalid_request_error", code: "email_invalid", param: "email", message: "no" };
    await account.fault({ method: "POST", path: "/v1/customers/*", status: 400, body: { error } });
    expect(await sync(customer, 1)).toMatchObject({ outcome: "created", adjusted: ["email"] });
    expect(await customersOf(customer)).toMatchObject([{ name: "Acme", email: null }]);
    const { stripeCustomerId } = await sync(customer, 1);
    expect(await sync(customer, 1)).toEqual({ outcome: "unchanged", stripeCustomerId, version: version(1) });
    expect(await customersOf(customer)).toMatchObject([{ email: "pay@acme.example" }]);
  });

  test("that is not stored is InvalidInputError", async () => {
    await expect(sync(newCustomer(), 1)).rejects.toMatchObject({ code: "NOT_STORED" });
  });

  test("deleted is archived, never deleted, and taken back when it returns", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await store.markDeleted(customer, version(2), cause(2));
    expect(await sync(customer, 2)).toMatchObject({ outcome: "archived" });
    expect(await customersOf(customer)).toMatchObject([{ name: "Acme", metadata: { archived: "true" } }]);
    await store.save(customer, version(3), cause(3));
    expect(await sync(customer, 3)).toMatchObject({ outcome: "updated" });
    const [found] = await customersOf(customer);
    expect(found?.metadata.archived).toBeUndefined();
  });

  test("deleted that billing never knew is none", async () => {
    const customer = newCustomer();
    await store.markDeleted(customer, version(1), cause());
    expect(await sync(customer, 1)).toEqual({ outcome: "none", stripeCustomerId: null, version: version(1) });
    expect(endpoints()).toEqual([]);
  });

  test("deleted after a creation whose link was lost is found at once and archived", async () => {
    const customer = await stored();
    await createWithoutLink(customer);
    await store.markDeleted(customer, version(2), cause(2));
    expect(await sync(customer, 2)).toMatchObject({ outcome: "archived" });
    expect(await customersOf(customer)).toMatchObject([{ metadata: { archived: "true" } }]);
  });
});

describe("exactly one customer in billing", () => {
  test("when two versions race for the first sync", async () => {
    const customer = await stored();
    await store.save({ ...customer, name: "New" }, version(2), cause());
    const results = await Promise.allSettled([sync(customer, 1), sync(customer, 2)]);
    // One may meet the other's request under the same key, and is tried again.
    for (const [index, { status }] of results.entries()) if (status === "rejected") await sync(customer, index + 1);
    expect(await customersOf(customer)).toMatchObject([{ name: "New" }]);
  });

  test("when a run dies between creation and link", async () => {
    const customer = await stored();
    await createWithoutLink(customer);
    expect(await sync(customer, 1)).toMatchObject({ outcome: "created" });
    expect(await customersOf(customer)).toHaveLength(1);
  });

  test("when that was so long ago that Stripe forgot the key: it is looked for first", async () => {
    const customer = await stored();
    await createWithoutLink(customer);
    account.calls.length = 0;
    await account.advance(25 * 3_600_000);
    expect(await sync(customer, 1)).toMatchObject({ outcome: "updated" });
    expect(endpoints()).toContain("GET /v1/customers/search");
    expect(endpoints()).not.toContain(CREATE);
    expect(await customersOf(customer)).toHaveLength(1);
  });

  test("another one that was linked meanwhile stays, and is brought up to date", async () => {
    const customer = await stored();
    const other = (await account.request("POST", "/v1/customers", { name: "Other" })) as { id: string };
    account.fate = async (endpoint): Promise<Fate> => {
      if (endpoint === CREATE) await store.linkBilling(customer.customerId, { id: other.id });
      return "pass";
    };
    expect(await sync(customer, 1)).toMatchObject({ outcome: "updated", stripeCustomerId: other.id });
    expect(await account.request("GET", `/v1/customers/${other.id}`)).toMatchObject({ name: "Acme" });
  });
});

describe("the newest version wins", () => {
  test("when a newer one is stored during the write: it goes round again", async () => {
    const customer = await stored();
    duringUpdate(() => store.save({ ...customer, name: "New" }, version(2), cause()));
    expect(await sync(customer, 1)).toMatchObject({ outcome: "created", version: version(2) });
    expect(await customersOf(customer)).toMatchObject([{ name: "New" }]);
  });

  test("when the older write lands after the newer run is done", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await store.save({ ...customer, name: "Second" }, version(2), cause());
    duringUpdate(async () => {
      await store.save({ ...customer, name: "Third" }, version(3), cause());
      // It cannot know which of the two will lie on top, and leaves it to the one that is still under way.
      await expect(sync(customer, 3)).rejects.toMatchObject({ code: "OUTCOME_OPEN" });
    });
    expect(await sync(customer, 2)).toMatchObject({ outcome: "updated", version: version(3) });
    expect(await customersOf(customer)).toMatchObject([{ name: "Third" }]);
  });

  test("when the run with the older write dies before it says so", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await store.save({ ...customer, name: "Second" }, version(2), cause());
    const linkBilling = () => Promise.reject(new TransientError("died", "died"));
    await expect(sync(customer, 2, { linkBilling })).rejects.toMatchObject({ code: "died" });
    await store.save(customer, version(3), cause());
    await expect(sync(customer, 3)).rejects.toMatchObject({ code: "OUTCOME_OPEN", retryAfterSeconds: 90 });
    expect(await customersOf(customer)).toMatchObject([{ name: "Acme" }]);
    await account.advance(90_000);
    expect(await sync(customer, 2)).toMatchObject({ outcome: "updated", version: version(3) });
    expect(await customersOf(customer)).toMatchObject([{ name: "Acme" }]);
    expect(await sync(customer, 3)).toMatchObject({ outcome: "unchanged" });
  });

  test("when one is stored between the read and the write: the older is never sent", async () => {
    const customer = await stored();
    await sync(customer, 1);
    await store.save({ ...customer, name: "Second" }, version(2), cause());
    account.calls.length = 0;
    let isFirst = true;
    const read: CustomerStore["read"] = async (id) => {
      const record = await store.read(id);
      if (isFirst) await store.save({ ...customer, name: "Third" }, version(3), cause());
      isFirst = false;
      return record;
    };
    expect(await sync(customer, 2, { read })).toMatchObject({ outcome: "updated", version: version(3) });
    expect(endpoints()).toEqual([UPDATE]);
    expect(await customersOf(customer)).toMatchObject([{ name: "Third" }]);
  });

  test("but changes without end are given up for the queue to try again", async () => {
    const customer = await stored();
    let n = 1;
    account.fate = async (endpoint): Promise<Fate> => {
      if (endpoint !== UPDATE) return "pass";
      n += 1;
      await store.save({ ...customer, name: `v${n}` }, version(n), cause());
      return "pass";
    };
    await expect(sync(customer, 1)).rejects.toMatchObject({ name: "TransientError", code: "OVERTAKEN" });
    expect(endpoints().filter((endpoint) => endpoint === UPDATE)).toHaveLength(5);
  });
});

async function createWithoutLink(customer: Customer): Promise<void> {
  const linkBilling = () => Promise.reject(new TransientError("died", "died"));
  await expect(sync(customer, 1, { linkBilling })).rejects.toMatchObject({ code: "died" });
  expect(await customersOf(customer)).toHaveLength(1);
}
