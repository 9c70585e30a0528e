import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Customer } from "#shared/contracts/customer.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { RejectedByTargetError, TransientError } from "#shared/errors.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import { type Billing, STORED_FAILURE } from "./client.ts";
import { makeBillingEqual } from "./make-billing-equal.ts";
import type { BillingCustomer } from "./map.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const HOUR = 3_600_000;

let store: CustomerStore;
let close: () => Promise<void>;

beforeAll(async () => {
  const table = await startCustomersTable();
  close = table.close;
  store = createCustomerStore(TABLE, table.client);
});

afterAll(() => close());

/** A Stripe account in memory that keeps idempotency keys as Stripe does; `before` may fail or delay a call. */
class Account implements Billing {
  readonly customers = new Map<string, Record<string, unknown>>();
  readonly calls: string[] = [];
  before: (call: string, key: string) => Promise<void> = async () => undefined;
  private readonly results = new Map<string, string>();

  async create(metadata: Record<string, string>, key: string): Promise<string> {
    await this.begin("create", key);
    const id = this.results.get(key) ?? `cus_${this.customers.size + 1}`;
    if (!this.results.has(key)) this.customers.set(id, { metadata });
    this.results.set(key, id);
    return id;
  }

  async update(id: string, customer: BillingCustomer, key: string): Promise<void> {
    await this.begin("update", key);
    if (!this.customers.has(id)) throw new RejectedByTargetError("resource_missing", "No such customer");
    if (!this.results.has(key)) this.customers.set(id, { ...this.customers.get(id), ...customer });
    this.results.set(key, id);
  }

  async find(_orgId: string, accountId: string): Promise<string | undefined> {
    await this.begin("find", "");
    const whose = (customer: Record<string, unknown>) =>
      (customer.metadata as Record<string, string>).salesforce_account_id;
    return [...this.customers].find(([, customer]) => whose(customer) === accountId)?.[0];
  }

  private async begin(call: string, key: string): Promise<void> {
    this.calls.push(call);
    await this.before(call, key);
  }
}

async function stored(n = 1): Promise<Customer> {
  const customer = newCustomer();
  await store.save(customer, version(n), cause());
  return customer;
}

function sync({ customerId }: Customer, n: number, billing: Billing, now = NOW) {
  return makeBillingEqual({ customerId, version: version(n) }, { billing, store, now: () => now });
}

const linkOf = async ({ customerId }: Customer) => (await store.read(customerId))?.links.stripe;

describe("a customer", () => {
  test("new in billing is created empty, linked, then filled", async () => {
    const customer = await stored();
    const account = new Account();
    const result = await sync(customer, 1, account);
    expect(result).toEqual({ outcome: "created", stripeCustomerId: "cus_1", version: version(1) });
    expect(account.calls).toEqual(["create", "update"]);
    expect(account.customers.get("cus_1")).toMatchObject({ name: "Acme", email: "pay@acme.example" });
    expect(await linkOf(customer)).toMatchObject({ id: "cus_1", version: version(1) });
  });

  test("known with another content is updated", async () => {
    const customer = await stored();
    const account = new Account();
    await sync(customer, 1, account);
    await store.save({ ...customer, name: "New" }, version(2), cause());
    expect(await sync(customer, 2, account)).toMatchObject({ outcome: "updated", version: version(2) });
    expect(account.customers.get("cus_1")).toMatchObject({ name: "New" });
  });

  test("synced already costs no call, and a newer version with the same content none either", async () => {
    const customer = await stored();
    const account = new Account();
    await sync(customer, 1, account);
    account.calls.length = 0;
    expect(await sync(customer, 1, account)).toEqual({
      outcome: "unchanged",
      stripeCustomerId: "cus_1",
      version: version(1),
    });
    await store.save(customer, version(2), cause());
    expect(await sync(customer, 2, account)).toMatchObject({ outcome: "unchanged", version: version(2) });
    expect(account.calls).toEqual([]);
    expect((await linkOf(customer))?.version).toBe(version(2));
  });

  test("with a value that does not fit says so, when it was written and when it is unchanged", async () => {
    const customer = newCustomer();
    await store.save({ ...customer, phone: "+1 555-555-5656 ext. 725" }, version(1), cause());
    const account = new Account();
    expect(await sync(customer, 1, account)).toMatchObject({ outcome: "created", adjusted: ["phone"] });
    expect(account.customers.get("cus_1")).toMatchObject({ name: "Acme", phone: "+15555555656" });
    expect(await sync(customer, 1, account)).toMatchObject({ outcome: "unchanged", adjusted: ["phone"] });
  });

  test("with a value that Stripe refuses is written without it, and tried again with the next change", async () => {
    const customer = await stored();
    const account = new Account();
    account.before = refuseOnce("email");
    expect(await sync(customer, 1, account)).toMatchObject({ outcome: "created", adjusted: ["email"] });
    expect(account.customers.get("cus_1")).toMatchObject({ name: "Acme", email: "" });
    expect(await sync(customer, 1, account)).toEqual({
      outcome: "updated",
      stripeCustomerId: "cus_1",
      version: version(1),
    });
    expect(account.customers.get("cus_1")).toMatchObject({ email: "pay@acme.example" });
  });

  test("that is not stored is InvalidInputError", async () => {
    await expect(sync(newCustomer(), 1, new Account())).rejects.toMatchObject({ code: "NOT_STORED" });
  });

  test("deleted is archived, never deleted, and taken back when it returns", async () => {
    const customer = await stored();
    const account = new Account();
    await sync(customer, 1, account);
    await store.markDeleted(customer, version(2), cause(2));
    expect(await sync(customer, 2, account)).toMatchObject({ outcome: "archived", stripeCustomerId: "cus_1" });
    expect(account.customers.get("cus_1")).toMatchObject({ name: "Acme", metadata: { archived: "true" } });
    await store.save(customer, version(3), cause(3));
    expect(await sync(customer, 3, account)).toMatchObject({ outcome: "updated" });
    expect(account.customers.get("cus_1")).toMatchObject({ metadata: { archived: "" } });
  });

  test("deleted that billing never knew is none", async () => {
    const customer = newCustomer();
    await store.markDeleted(customer, version(1), cause());
    const account = new Account();
    expect(await sync(customer, 1, account)).toEqual({ outcome: "none", stripeCustomerId: null, version: version(1) });
    expect(account.calls).toEqual([]);
  });

  test("deleted after a creation whose link was lost is found and archived", async () => {
    const customer = await stored();
    const account = new Account();
    await createWithoutLink(customer, account);
    await store.markDeleted(customer, version(2), cause(2));
    expect(await sync(customer, 2, account)).toMatchObject({ outcome: "archived", stripeCustomerId: "cus_1" });
  });

  test("deleted by hand in Stripe is refused with what to do", async () => {
    const customer = await stored();
    const account = new Account();
    await sync(customer, 1, account);
    account.customers.clear();
    await store.save({ ...customer, name: "New" }, version(2), cause());
    await expect(sync(customer, 2, account)).rejects.toMatchObject({
      name: "RejectedByTargetError",
      message: expect.stringMatching(/cus_1.*not in Stripe any more.*redrive/),
    });
  });
});

describe("exactly one customer in billing", () => {
  test("when two versions race for the first sync", async () => {
    const customer = await stored();
    const account = new Account();
    await store.save({ ...customer, name: "New" }, version(2), cause());
    const results = await Promise.all([sync(customer, 1, account), sync(customer, 2, account)]);
    expect(results.map(({ stripeCustomerId }) => stripeCustomerId)).toEqual(["cus_1", "cus_1"]);
    expect(account.customers.size).toBe(1);
    expect(account.customers.get("cus_1")).toMatchObject({ name: "New" });
  });

  test("when a run dies between creation and link", async () => {
    const customer = await stored();
    const account = new Account();
    await createWithoutLink(customer, account);
    expect(await sync(customer, 1, account)).toMatchObject({ stripeCustomerId: "cus_1" });
    expect(account.customers.size).toBe(1);
  });

  test("when that was so long ago that Stripe forgot the key: it is searched first", async () => {
    const customer = await stored();
    const account = new Account();
    await createWithoutLink(customer, account);
    account.calls.length = 0;
    expect(await sync(customer, 1, account, NOW + 21 * HOUR)).toMatchObject({ outcome: "updated" });
    expect(account.calls).toEqual(["find", "update"]);
    expect(account.customers.size).toBe(1);
  });

  test("when Stripe repeats a stored failure of a creation that did happen", async () => {
    const customer = await stored();
    const account = new Account();
    account.customers.set("cus_1", { metadata: { salesforce_account_id: customer.customerId } });
    account.before = failOnce("create", new TransientError(STORED_FAILURE, "stored"));
    expect(await sync(customer, 1, account)).toMatchObject({ stripeCustomerId: "cus_1" });
    expect(account.customers.size).toBe(1);
  });

  test("a second customer that was linked meanwhile is told, not linked", async () => {
    const customer = await stored();
    const account = new Account();
    account.before = async (call) => {
      if (call === "create") await store.linkBilling(customer.customerId, { id: "cus_other" });
    };
    await expect(sync(customer, 1, account)).rejects.toMatchObject({
      code: "LINK_CONFLICT",
      message: expect.stringMatching(/linked to cus_other.*delete cus_1/),
    });
  });
});

describe("failures of Stripe", () => {
  test("pass through and leave the link ready for the next try", async () => {
    const customer = await stored();
    const account = new Account();
    account.before = failOnce("update", new TransientError("api_error", "down"));
    await expect(sync(customer, 1, account)).rejects.toMatchObject({ name: "TransientError" });
    expect(await linkOf(customer)).toEqual({ id: "cus_1" });
    expect(await sync(customer, 1, account)).toMatchObject({ outcome: "updated", stripeCustomerId: "cus_1" });
  });

  test.each(["create", "update"])("a stored failure of %s is passed by with the next key", async (call) => {
    const customer = await stored();
    const account = new Account();
    const keys: string[] = [];
    const fail = failOnce(call, new TransientError(STORED_FAILURE, "stored"));
    account.before = async (now, key) => {
      if (now === call) keys.push(key);
      await fail(now);
    };
    expect(await sync(customer, 1, account)).toMatchObject({ outcome: "created" });
    expect(new Set(keys).size).toBe(2);
  });

  test("stored failures without end are given up", async () => {
    const customer = await stored();
    const account = new Account();
    account.before = async (call) => {
      if (call === "update") throw new TransientError(STORED_FAILURE, "stored");
    };
    await expect(sync(customer, 1, account)).rejects.toMatchObject({ code: STORED_FAILURE });
    expect(account.calls).toEqual(["create", "update", "update", "update"]);
  });
});

describe("the newest version wins", () => {
  test("when a newer one is stored during the write: it goes round again", async () => {
    const customer = await stored();
    const account = new Account();
    let once = true;
    account.before = async (call) => {
      if (call !== "update" || !once) return;
      once = false;
      await store.save({ ...customer, name: "New" }, version(2), cause());
    };
    expect(await sync(customer, 1, account)).toEqual({
      outcome: "created",
      stripeCustomerId: "cus_1",
      version: version(2),
    });
    expect(account.customers.get("cus_1")).toMatchObject({ name: "New" });
  });

  test("when the older write lands after the newer run is done", async () => {
    const customer = await stored();
    const account = new Account();
    await sync(customer, 1, account);
    await store.save({ ...customer, name: "Second" }, version(2), cause());
    account.before = async (call) => {
      account.before = async () => undefined;
      if (call !== "update") return;
      await store.save({ ...customer, name: "Third" }, version(3), cause());
      expect(await sync(customer, 3, account)).toMatchObject({ outcome: "updated", version: version(3) });
    };
    expect(await sync(customer, 2, account)).toMatchObject({ outcome: "updated", version: version(3) });
    expect(account.customers.get("cus_1")).toMatchObject({ name: "Third" });
  });

  test("when the run with the older write dies and is tried again after the newer one is done", async () => {
    const customer = await stored();
    const account = new Account();
    await sync(customer, 1, account);
    await store.save({ ...customer, name: "Third" }, version(3), cause());
    await sync(customer, 3, account);
    account.customers.set("cus_1", { ...account.customers.get("cus_1"), name: "Second" });
    expect(await sync(customer, 2, account)).toMatchObject({ version: version(3) });
    expect(account.customers.get("cus_1")).toMatchObject({ name: "Third" });
  });

  test("but changes without end are given up for the queue to try again", async () => {
    const customer = await stored();
    const account = new Account();
    let n = 1;
    account.before = async (call) => {
      if (call !== "update") return;
      n += 1;
      await store.save({ ...customer, name: `v${n}` }, version(n), cause());
    };
    await expect(sync(customer, 1, account)).rejects.toMatchObject({ name: "TransientError", code: "OVERTAKEN" });
    expect(account.calls.filter((call) => call === "update")).toHaveLength(5);
  });
});

async function createWithoutLink(customer: Customer, account: Account): Promise<void> {
  const died = { ...store, linkBilling: () => Promise.reject(new TransientError("died", "died")) };
  const { customerId } = customer;
  const deps = { billing: account, store: died, now: () => NOW };
  await expect(makeBillingEqual({ customerId, version: version(1) }, deps)).rejects.toMatchObject({ code: "died" });
  expect(account.customers.size).toBe(1);
}

function refuseOnce(param: string): (call: string) => Promise<void> {
  return failOnce("update", new RejectedByTargetError("refused", "no", { cause: { param } }));
}

function failOnce(failing: string, error: Error): (call: string) => Promise<void> {
  let failed = false;
  return async (call) => {
    if (call !== failing || failed) return;
    failed = true;
    throw error;
  };
}
