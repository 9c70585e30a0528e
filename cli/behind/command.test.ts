import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { NotAuthorizedError, RateLimitedError } from "#shared/errors.ts";
import { createGate } from "#shared/targets/gate.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { startDynamo, type TestDynamo, tableOf } from "#shared/testing/dynamo.ts";
import { runFleetAt } from "../testing.ts";

const TABLE = "connector-fleet-local-customers";
const STATE = "connector-fleet-local-fleet-state";
const OTHER_ORG = "00D000000000002EAA";

let dynamo: TestDynamo;
let behind: Behind;
let now = Date.now();

beforeAll(async () => {
  dynamo = await startDynamo(
    tableOf(TABLE, "customerId", [{ name: "behind", hash: "behindKey", range: "nextTryAt" }]),
    tableOf(STATE, "key"),
  );
  behind = createBehind(TABLE, { client: dynamo.client, now: () => now, random: () => 0 });
});
afterAll(() => dynamo.close());

const fleet = (...args: string[]) => runFleetAt(`http://127.0.0.1:${dynamo.port}`, ["behind", ...args]);

/** A customer that has failed for so many minutes. */
async function failing(minutes: number, orgId?: string): Promise<string> {
  now = Date.now() - minutes * 60_000;
  const customer = { ...newCustomer(), ...(orgId ? { orgId } : {}) };
  await createCustomerStore(TABLE, dynamo.client, () => now).save(customer, version(1), cause());
  await behind.failed(customer.customerId, "billing", {
    name: "TransientError",
    code: "api_error",
    message: "Stripe failed: HTTP 503",
  });
  now = Date.now();
  await behind.failed(customer.customerId, "billing", {
    ...{ name: "TransientError", code: "api_error", message: "Stripe failed: HTTP 503", retryAfterSeconds: 600 },
  });
  return customer.customerId;
}

test("fleet behind tells of every target, and of those that wait longest", async () => {
  expect(await fleet()).toEqual({
    code: 0,
    out: "✓ billing: nobody waits\n✓ salesforce: nobody waits\n",
    err: "",
  });
  const [late, early] = [await failing(10), await failing(130, OTHER_ORG)];
  const moving = newCustomer();
  await createCustomerStore(TABLE, dynamo.client).save(moving, version(1), cause());
  const { code, out } = await fleet();
  expect(code).toBe(0);
  const [billing = "", errors = "", salesforce = "", , title, first = "", second = "", ...rest] = out.split("\n");
  expect(billing).toMatch(/^… billing: 2 wait, the oldest since 2 h 10 min ago, next try in 10 min, 1 on their way$/);
  expect(errors).toBe("    2 × api_error: Stripe failed: HTTP 503");
  expect(salesforce).toBe("✓ salesforce: nobody waits");
  expect(title).toBe("longest first");
  expect(first).toMatch(new RegExp(`${early} +${OTHER_ORG} +billing +since 2 h 10 min ago +2 tries +next in 10 min`));
  expect(second).toContain(late);
  expect(rest.join("")).not.toContain(moving.customerId);

  expect((await fleet("--target", "salesforce")).out).toBe("✓ salesforce: nobody waits\n");
  expect((await fleet("--limit", "1")).out).toContain("… and 1 more; see --limit and --json.");
  const [only] = JSON.parse((await fleet("--org", OTHER_ORG.slice(0, 15), "--target", "billing", "--json")).out);
  expect(only).toMatchObject({ target: "billing", count: 1, onTheirWay: 0, customers: [{ customerId: early }] });
});

test("fleet behind says which breaker holds those who wait, and until when", async () => {
  const fail = (target: string, endpoint: string, error: Error) =>
    createGate(STATE, { target }, { client: dynamo.client })
      .call(endpoint, () => Promise.reject(error))
      .catch((thrown) => expect(thrown).toBe(error));
  const store = createCustomerStore(TABLE, dynamo.client);
  const org = { held: "00D000000000003EAA", free: "00D000000000004EAA" };
  const save = async (orgId: string) => {
    const customer = { ...newCustomer(), orgId };
    await store.save(customer, version(1), cause());
    return customer.customerId;
  };
  const linked = [await save(org.held), await save(org.free)];
  for (const id of linked) await store.linkBilling(id, { id: `cus_${id}`, version: version(1) });
  const held = await save(org.held);
  await fail("billing", "POST /v1/customers", new RateLimitedError("rate_limit", "", { retryAfterSeconds: 600 }));
  await fail("salesforce", org.held, new NotAuthorizedError("invalid_client", ""));

  const { out } = await fleet("--org", org.held);
  const [billing = "", billingHeld, salesforce = "", salesforceHeld] = out.split("\n");
  expect(billing).toMatch(/^… billing: 1 waits, the oldest since \d s ago$/);
  expect(billingHeld).toMatch(
    /^ {4}held by the breaker of POST \/v1\/customers, open since \d s ago \(rate_limit\): tried again in 10 min$/,
  );
  expect(salesforce).toMatch(/^… salesforce: 1 waits, the oldest since \d s ago$/);
  expect(salesforceHeld).toMatch(
    /^ {4}held by the breaker of 00D000000000003EAA, open since \d s ago \(invalid_client\): needs a person, who replaces the secret$/,
  );
  expect(out).toMatch(
    new RegExp(`${held} +\\S+ +billing +since \\d s ago +no try counted +held +waits for the circuit breaker\\n`),
  );
  expect((await fleet("--org", org.free)).out).toBe(
    "✓ billing: nobody waits\n✓ salesforce: nobody waits, 1 on their way\n",
  );

  const found = JSON.parse((await fleet("--org", org.held, "--json")).out);
  expect(found).toMatchObject([
    {
      ...{ target: "billing", count: 1, onTheirWay: 0, customers: [{ customerId: held, held: true }] },
      heldBy: [{ endpoint: "POST /v1/customers", reason: "asked-to-wait", code: "rate_limit", needsPerson: false }],
    },
    { target: "salesforce", count: 1, heldBy: [{ endpoint: org.held, reason: "refused", needsPerson: true }] },
  ]);
  expect(Date.parse(found[0].heldBy[0].until)).toBeGreaterThan(Date.now());
});

test.each([
  [["--target", "slack"], "--target takes one of billing, salesforce; got 'slack'"],
  [["--org", "acme"], "--org takes an id of 15 or 18 characters"],
  [["--limit", "none"], "--limit takes a whole number from 1 on"],
  [["now"], "now"],
])("%j is wrong usage", async (args, sentence) => {
  const { code, out, err } = await fleet(...args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(sentence);
});
