import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { startDynamo, type TestDynamo, tableOf } from "#shared/testing/dynamo.ts";
import { runFleetAt } from "../testing.ts";

const TABLE = "connector-fleet-local-customers";
const OTHER_ORG = "00D000000000002EAA";

let dynamo: TestDynamo;
let behind: Behind;
let now = Date.now();

beforeAll(async () => {
  dynamo = await startDynamo(tableOf(TABLE, "customerId", [{ name: "behind", hash: "behindKey", range: "nextTryAt" }]));
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
