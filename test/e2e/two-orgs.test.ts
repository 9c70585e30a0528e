import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { runFleetAt } from "../../cli/testing.ts";
import { SalesforceApi } from "../../local/console/salesforce.ts";
import { packageFleet } from "../../local/packaging.ts";
import { type SalesforceEmulator, startSalesforce } from "../../local/saas/salesforce/emulator.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;
let other: SalesforceEmulator;
let person: SalesforceApi;

beforeAll(async () => {
  let origin = "";
  other = await startSalesforce({ port: 0, orgNumber: 2, relay: { origin: () => origin }, relayMaxBackoffMs: 200 });
  const own = await startSalesforce({ port: 0 });
  const salesforceEventSource = `${own.eventSource},${other.eventSource}`;
  await own.stop();
  const { template } = await packageFleet("local", undefined, { salesforceEventSource });
  fleet = await startTestFleet({ template: JSON.parse(readFileSync(template, "utf8")) });
  origin = fleet.twin.origin;
  await connect(other.connection());
  person = new SalesforceApi(other.humanConnection());
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
  await other?.stop();
});

/** As people do it: by the command, which logs in and finds out which organisation it is. */
async function connect({ orgId: _, ...connection }: ReturnType<SalesforceEmulator["connection"]>): Promise<void> {
  const args = ["connect", "salesforce", "--stdin"];
  const { code, out, err } = await runFleetAt(fleet.twin.origin, args, {}, JSON.stringify(connection));
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`organisation ${other.orgId}`);
}

test("two organisations are served side by side, each by its own secret, and each is written back to", async () => {
  const first = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Here" });
  const second = (await person.call("POST", "sobjects/Account", { Name: "There" })) as { id: string };
  await eventually(async () => {
    const stored = new Map((await fleet.stored()).map((item) => [item.customerId, item]));
    expect(stored.get(first.id)).toMatchObject({ orgId: fleet.saas.salesforce.orgId, customer: { name: "Here" } });
    expect(stored.get(second.id)).toMatchObject({ orgId: other.orgId, customer: { name: "There" } });
    const written = await person.call(
      "GET",
      `sobjects/Account/${second.id}?fields=Stripe_Customer_Id__c,Sync_State__c`,
    );
    expect(written).toMatchObject({ Sync_State__c: "synced", Stripe_Customer_Id__c: expect.stringMatching(/^cus_/) });
  }, 90_000);
  expect(await fleet.parked()).toEqual([]);
}, 120_000);

test("one organisation without API calls does not hold up the other", async () => {
  // Only the fleet reads collections; the person's own call goes through.
  other.faults.add({ path: "/services/data/*/composite/**", error: "dailyLimit", probability: 1 });
  const stuck = (await person.call("POST", "sobjects/Account", { Name: "Stuck" })) as { id: string };
  const refused = () => other.calls.report().routes["POST /services/data/:version/composite/sobjects/Account"];
  await eventually(() => expect(refused()?.statuses[403]).toBeGreaterThan(0), 60_000);

  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Goes on" });
  await eventually(async () => {
    const stored = await fleet.stored();
    expect(stored.find(({ customerId }) => customerId === id)).toMatchObject({ customer: { name: "Goes on" } });
    expect(stored.some(({ customerId }) => customerId === stuck.id)).toBe(false);
  }, 60_000);
  expect(await fleet.parked()).toEqual([]);
  other.faults.clear();
}, 150_000);

test("a customer of one organisation is never overwritten by the other's", async () => {
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Mine" });
  await eventually(async () => expect((await fleet.stored()).some(({ customerId }) => customerId === id)).toBe(true));
  const request = {
    metadata: {
      eventId: "copy",
      occurredAt: new Date().toISOString(),
      correlationId: "copy",
      causationId: "sandbox",
      orgId: other.orgId,
      actor: "005000000000001AAA",
      schemaVersion: 1,
    },
    data: {
      customer: {
        customerId: id,
        orgId: other.orgId,
        name: "Copy",
        email: null,
        phone: null,
        address: null,
        plan: null,
      },
      version: `${new Date(Date.now() + 3_600_000).toISOString()}/009999999999999/009999999999999`,
    },
  };
  await fleet.emit("customer.changed", request);
  await eventually(async () => {
    const parked = (await fleet.parked()).filter(({ correlationId }) => correlationId === "copy");
    expect(parked).toEqual([expect.objectContaining({ errorMessage: expect.stringContaining(other.orgId) })]);
  }, 60_000);
  expect((await fleet.stored()).find(({ customerId }) => customerId === id)).toMatchObject({
    customer: { name: "Mine" },
  });
}, 120_000);
