import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const PATIENCE_MS = 60_000;
const PHONE = "+1 555-555-5656 ext. 725";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

test("a phone that Stripe cannot take keeps nothing else back, and everybody is told", async () => {
  const first = { Name: "Adjusted", Phone: PHONE, Billing_Email__c: "pay@acme.example", BillingCountry: "U.S.A." };
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", first);
  const inStripe = async (expected: object) => {
    const customers = await fleet.stripeCustomers();
    expect(customers.find(({ metadata }) => metadata.salesforce_account_id === id)).toMatchObject(expected);
  };
  const fitted = { phone: "+15555555656", metadata: { phone_full: PHONE }, address: { country: "US" } };
  await eventually(() => inStripe({ name: "Adjusted", email: "pay@acme.example", ...fitted }), PATIENCE_MS);
  await eventually(async () => {
    const account = await fleet.salesforce<object>("GET", `sobjects/Account/${id}?fields=Sync_State__c`);
    expect(account).toMatchObject({ Sync_State__c: "synced, adjusted: phone" });
    expect((await fleet.slackTexts()).join("\n")).toMatch(new RegExp(`${id}.*adjusted to fit: phone `));
  }, PATIENCE_MS);
  await fleet.salesforce("PATCH", `sobjects/Account/${id}`, { Name: "Renamed", Billing_Email__c: "new@acme.example" });
  await eventually(() => inStripe({ name: "Renamed", email: "new@acme.example", ...fitted }), PATIENCE_MS);
  await fleet.salesforce("PATCH", `sobjects/Account/${id}`, { Phone: "+1 555 5656" });
  await eventually(async () => {
    await inStripe({ phone: "+1 555 5656", metadata: expect.not.objectContaining({ phone_full: expect.anything() }) });
    const account = await fleet.salesforce<object>("GET", `sobjects/Account/${id}?fields=Sync_State__c`);
    expect(account).toMatchObject({ Sync_State__c: "synced" });
  }, PATIENCE_MS);
  expect(await fleet.parked()).toEqual([]);
}, 240_000);

test("an outage and its end reach people", async () => {
  const since = "2026-01-01T10:02:00.000Z";
  const outage = { target: "billing", endpoint: "customers.update", since };
  const put = async (DetailType: string, data: object) => {
    const metadata = {
      eventId: randomUUID(),
      occurredAt: since,
      correlationId: randomUUID(),
      causationId: "none",
      orgId: "00D5f0000000001EAA",
      actor: "system:breaker",
      schemaVersion: 1,
    };
    const entry = { EventBusName: fleet.ref("FleetBus"), Source: "fleet.flows", DetailType };
    await fleet.aws("events", "PutEvents", { Entries: [{ ...entry, Detail: JSON.stringify({ metadata, data }) }] });
  };
  await put("target.unreachable", { ...outage, reason: "HTTP_503", needsPerson: false, waiting: 214 });
  await put("target.recovered", { ...outage, until: "2026-01-01T11:00:00.000Z" });
  await eventually(async () => {
    const text = (await fleet.slackTexts()).join("\n");
    expect(text).toContain("*Stripe unreachable* since");
    expect(text).toMatch(/214 customers wait at <[^>]+>, nothing to do/);
    expect(text).toContain("*Stripe answers again*; work for it waited from");
  }, PATIENCE_MS);
}, 90_000);
