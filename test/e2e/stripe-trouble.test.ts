import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type StripeCustomer, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const PATIENCE_MS = 90_000;
const CREATE = { method: "POST", path: "/v1/customers" };
const UPDATE = { method: "POST", path: "/v1/customers/*" };
const SEARCH = { method: "GET", path: "/v1/customers/search" };
/** A failure that Stripe stores under the request's key, and repeats for a day. */
const STORED = { error: "apiError", times: 1_000_000 };

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

afterEach(async () => {
  fleet.saas.stripe.faults.clear();
  expect(await fleet.parked()).toEqual([]);
});

const edit = (id: string, fields: object) => fleet.salesforce("PATCH", `sobjects/Account/${id}`, fields);

async function customersOf(id: string): Promise<StripeCustomer[]> {
  return (await fleet.stripeCustomers()).filter(({ metadata }) => metadata.salesforce_account_id === id);
}

/** Waits until an account has one customer in Stripe, like this, and says so itself, and nobody has to look at it again. */
async function billed(id: string, expected: object): Promise<void> {
  await eventually(async () => {
    const customers = await customersOf(id);
    expect(customers).toEqual([expect.objectContaining(expected)]);
    const account = await fleet.salesforce("GET", `sobjects/Account/${id}`);
    expect(account).toMatchObject({ Sync_State__c: "synced", Stripe_Customer_Id__c: customers[0]?.id });
    const item = (await fleet.stored()).find(({ customerId }) => customerId === id);
    expect(item).not.toHaveProperty("behindKey");
  }, PATIENCE_MS);
}

/** How often a route of Stripe's has answered so. */
function answers(route: string, status: number): number {
  return fleet.saas.stripe.calls.report().routes[route]?.statuses[status] ?? 0;
}

const hit = (route: string, status: number, times = 1) =>
  eventually(() => expect(answers(route, status)).toBeGreaterThanOrEqual(times), PATIENCE_MS);

beforeAll(() => fleet.saas.stripe.calls.clear());
afterEach(() => fleet.saas.stripe.calls.clear());

// Case 1.
test("an account made while Stripe stores failures for 16 s has one customer soon afterwards, without an edit", async () => {
  fleet.saas.stripe.faults.add({ ...CREATE, ...STORED });
  const id = await fleet.createAccount("Made in trouble");
  await hit("POST /v1/customers", 500);
  await fleet.pass(16, 4);
  fleet.saas.stripe.faults.clear();
  await fleet.pass(300);
  await billed(id, { name: "Made in trouble", phone: "+1 555 0100" });
  for (const phone of ["+1 555 0101", "+1 555 0102"]) await edit(id, { Phone: phone });
  await billed(id, { phone: "+1 555 0102" });
}, 180_000);

// Case 2.
test("a wait of 40 s that Stripe names is kept: no call before, and the change arrives after it", async () => {
  const id = await fleet.createAccount("Asked to wait");
  await billed(id, { name: "Asked to wait" });
  fleet.saas.stripe.calls.clear();
  fleet.saas.stripe.faults.add({
    ...UPDATE,
    status: 429,
    headers: { "retry-after": "40" },
    body: { error: { type: "invalid_request_error", code: "rate_limit" } },
    times: 1_000_000,
  });
  await edit(id, { Phone: "+1 555 0140" });
  await hit("POST /v1/customers/:id", 429);
  await fleet.pass(30, 5);
  expect(answers("POST /v1/customers/:id", 429)).toBe(1);
  await fleet.pass(15, 15);
  fleet.saas.stripe.faults.clear();
  await fleet.pass(120, 30);
  await billed(id, { phone: "+1 555 0140" });
}, 180_000);

// Case 4.
test("three accounts made while nothing can be created or searched for 55 s have a customer each, and a full sweep adds none", async () => {
  fleet.saas.stripe.faults.add({ ...CREATE, ...STORED });
  fleet.saas.stripe.faults.add({ ...SEARCH, ...STORED });
  const ids = await Promise.all([1, 2, 3].map((n) => fleet.createAccount(`One of three: ${n}`)));
  await hit("POST /v1/customers", 500);
  await fleet.pass(55, 11);
  fleet.saas.stripe.faults.clear();
  await fleet.request("reconciliation.requested", { entity: "Account", reason: "manual", full: true });
  await fleet.pass(300);
  for (const [index, id] of ids.entries()) await billed(id, { name: `One of three: ${index + 1}` });
  const { executionArn } = await fleet.aws("states", "StartExecution", {
    stateMachineArn: fleet.ref("Backfill"),
    name: "after-trouble",
    input: JSON.stringify({ orgId: fleet.saas.salesforce.orgId }),
  });
  await eventually(async () => {
    const { status, output } = await fleet.aws("states", "DescribeExecution", { executionArn });
    expect(status).toBe("SUCCEEDED");
    expect(JSON.parse(output)).toMatchObject({ sent: 0, behind: 0 });
  }, PATIENCE_MS);
  for (const [index, id] of ids.entries()) await billed(id, { name: `One of three: ${index + 1}` });
}, 240_000);

// Case 20.
test("six accounts edited while updates fail and the failures are stored: all six arrive within a minute", async () => {
  const ids = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => fleet.createAccount(`One of six: ${n}`)));
  for (const [index, id] of ids.entries()) await billed(id, { name: `One of six: ${index + 1}` });
  fleet.saas.stripe.calls.clear();
  fleet.saas.stripe.faults.add({ ...UPDATE, ...STORED });
  await Promise.all(ids.map((id, index) => edit(id, { Phone: `+1 555 020${index}` })));
  await hit("POST /v1/customers/:id", 500);
  await fleet.pass(2, 2);
  fleet.saas.stripe.faults.clear();
  await fleet.pass(60, 10);
  for (const [index, id] of ids.entries()) await billed(id, { phone: `+1 555 020${index}` });
}, 240_000);
