import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { packagedTemplate, type StoredItem, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const UPDATES = "PATCH /services/data/:version/composite/sobjects";
const PATIENCE_MS = 90_000;
// Scaled down: a second and a half, so that the accounts of one test come together.
const WINDOW_SECONDS = 30;

interface Account {
  readonly Id: string;
  readonly Phone: string | null;
  readonly Stripe_Customer_Id__c: string | null;
  readonly Sync_State__c: string | null;
  readonly Sync_Time__c: string | null;
}

let fleet: TestFleet;

beforeAll(async () => {
  const template = await packagedTemplate();
  const mapping = Object.values(template.Resources).find(
    // biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
    ({ Type, Properties }: any) =>
      Type === "AWS::Lambda::EventSourceMapping" &&
      JSON.stringify(Properties.EventSourceArn).includes("WriteBackQueue"),
  ) as { Properties: { MaximumBatchingWindowInSeconds: number } };
  mapping.Properties.MaximumBatchingWindowInSeconds = WINDOW_SECONDS;
  fleet = await startTestFleet({ template });
}, 60_000);

afterAll(() => fleet?.stop());

afterEach(async () => {
  fleet.saas.salesforce.faults.clear();
  await fleet.control("triggers", undefined, "DELETE");
});

async function create(fields: object): Promise<string> {
  return (await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", fields)).id;
}

const read = (id: string) => fleet.salesforce<Account>("GET", `sobjects/Account/${id}`);
const edit = (id: string, fields: object) => fleet.salesforce("PATCH", `sobjects/Account/${id}`, fields);
const updates = () => fleet.saas.salesforce.calls.report().routes[UPDATES]?.calls ?? 0;

async function storedOf(id: string): Promise<StoredItem | undefined> {
  return (await fleet.stored()).find(({ customerId }) => customerId === id);
}

/** The account once it tells the billing customer that bears its id. */
async function inStep(id: string): Promise<Account> {
  return eventually(async () => {
    const customers = await fleet.stripeCustomers();
    const [customer] = customers.filter(({ metadata }) => metadata.salesforce_account_id === id);
    const account = await read(id);
    expect(account).toMatchObject({ Stripe_Customer_Id__c: customer?.id, Sync_State__c: "synced" });
    expect(account.Stripe_Customer_Id__c).toMatch(/^cus_/);
    return account;
  }, PATIENCE_MS);
}

test("an account is told its billing customer, its state and since when; our own change event changes nothing", async () => {
  const start = Math.floor(Date.now() / 1000) * 1000;
  const id = await create({ Name: "Told" });
  const { Sync_Time__c } = await inStep(id);
  expect(Date.parse(Sync_Time__c ?? "")).toBeGreaterThanOrEqual(start);
  expect(Date.parse(Sync_Time__c ?? "")).toBeLessThanOrEqual(Date.now());
  const before = await eventually(async () => {
    const item = await storedOf(id);
    expect(item).toMatchObject({ writtenBack: item?.version });
    return item;
  });
  expect(before).not.toHaveProperty("behindKey");
  // Events come in order: when a later change has arrived, the echo was looked at.
  await inStep(await create({ Name: "Later" }));
  expect(await storedOf(id)).toEqual(before);
  expect((await read(id)).Sync_Time__c).toBe(Sync_Time__c);
}, 120_000);

test("what a person breaks is repaired", async () => {
  const id = await create({ Name: "Broken" });
  const told = await inStep(id);
  await edit(id, { Sync_State__c: "all fine!", Stripe_Customer_Id__c: null });
  expect((await inStep(id)).Stripe_Customer_Id__c).toBe(told.Stripe_Customer_Id__c);
}, 120_000);

test("a person's edit right after our write is not taken for its echo", async () => {
  const written = (async () => {
    for (;;) {
      const [call] = await once(fleet.saas.salesforce.calls, "call");
      if (call.route === UPDATES) return;
    }
  })();
  const id = await create({ Name: "Edited at once", Phone: "1" });
  await written;
  await edit(id, { Phone: "2", Sync_State__c: "mine" });
  await eventually(async () => expect((await storedOf(id))?.customer?.phone).toBe("2"), PATIENCE_MS);
  await inStep(id);
}, 120_000);

test("what a trigger derives from our write is captured", async () => {
  await fleet.control("triggers", { client: "connector-fleet", field: "Phone", value: "+1 555 0199" });
  const id = await create({ Name: "Derived", Phone: "1" });
  await eventually(async () => expect((await storedOf(id))?.customer?.phone).toBe("+1 555 0199"), PATIENCE_MS);
  await inStep(id);
}, 120_000);

test("a locked row is written when the lock is gone", async () => {
  fleet.saas.salesforce.faults.add({ method: "PATCH", path: "/services/data/*/composite/sobjects", error: "rowLock" });
  await inStep(await create({ Name: "Locked" }));
  expect(await fleet.parked()).toEqual([]);
}, 120_000);

test("accounts that come together share their calls", async () => {
  const records = Array.from({ length: 40 }, (_, n) => ({ attributes: { type: "Account" }, Name: `Many ${n}` }));
  const before = updates();
  await fleet.salesforce("POST", "composite/sobjects", { records });
  const waiting = encodeURIComponent("SELECT Id FROM Account WHERE Sync_State__c = null");
  await eventually(async () => {
    const { totalSize } = await fleet.salesforce<{ totalSize: number }>("GET", `query?q=${waiting}`);
    expect(totalSize).toBe(0);
  }, PATIENCE_MS);
  // Billing takes its time with them, so that they do not come all at once.
  expect(updates() - before).toBeLessThanOrEqual(records.length / 2);
}, 120_000);

test("an account whose billing id another one has is parked with both named, and the others go on", async () => {
  const message = "duplicate value found: Stripe_Customer_Id__c duplicates value on record with id: 0015f00002J9YZZ";
  fleet.saas.salesforce.faults.add({
    method: "PATCH",
    path: "/services/data/*/composite/sobjects",
    error: "duplicateValue",
    body: { message },
  });
  const id = await create({ Name: "Twin" });
  const [parked] = await eventually(async () => {
    const all = await fleet.parked();
    expect(all).toHaveLength(1);
    return all;
  }, PATIENCE_MS);
  expect(parked).toMatchObject({ errorName: "RejectedByTargetError", customerId: id });
  for (const part of [id, "0015f00002J9YZZ", "then redrive"]) expect(parked?.errorMessage).toContain(part);
  await inStep(await create({ Name: "No twin" }));
  expect((await read(id)).Sync_State__c).toBeNull();
}, 120_000);
