import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

afterEach(async () => {
  fleet.saas.stripe.faults.clear();
  fleet.saas.slack.faults.clear();
  fleet.saas.salesforce.faults.clear();
  expect(await fleet.parked()).toEqual([]);
});

async function billingCustomersOf(accountId: string): Promise<string[]> {
  const customers = await fleet.stripeCustomers();
  return customers.filter(({ metadata }) => metadata.salesforce_account_id === accountId).map(({ id }) => id);
}

describe("Stripe", () => {
  test.each([
    [
      "asks to slow down",
      { status: 429, body: { error: { type: "invalid_request_error", code: "rate_limit" } }, times: 2 },
    ],
    ["answers 500", { status: 500, body: { error: { type: "api_error", message: "boom" } }, times: 2 }],
    ["creates the customer and never says so", { error: "timeoutAfterSuccess", times: 1 }],
    ["breaks the connection after the work", { error: "socketResetAfterEffect", times: 1 }],
  ])(
    "%s: the change arrives all the same, with one billing customer",
    async (title, fault) => {
      fleet.saas.stripe.faults.add({ method: "POST", path: "/v1/customers", ...fault });
      const id = await fleet.createAccount(`Stripe ${title}`);
      await eventually(() => expect(fleet.saas.stripe.calls.report()).toHaveProperty(["routes", "POST /v1/customers"]));
      // Each stored failure is settled after 90 seconds, and what waits is looked for every minute.
      if ("status" in fault && fault.status === 500) await fleet.pass(420, 30);
      await eventually(() => expectInStep(fleet), 90_000);
      expect(await billingCustomersOf(id)).toHaveLength(1);
    },
    120_000,
  );
});

describe("Salesforce", () => {
  test.each([
    ["answers 503", { status: 503, body: [{ message: "Server Unavailable", errorCode: "SERVER_UNAVAILABLE" }] }],
    ["breaks the connection", { error: "socketReset" }],
  ])(
    "%s while the account is read: the message comes again",
    async (title, fault) => {
      fleet.saas.salesforce.faults.add({ method: "POST", path: "/services/data/*/composite/sobjects/*", ...fault });
      await fleet.createAccount(`Salesforce ${title}`);
      await eventually(() => expectInStep(fleet), 90_000);
    },
    120_000,
  );
});

describe("Slack", () => {
  test("asks to slow down: the digest is posted when the wait is over", async () => {
    fleet.saas.slack.faults.add({
      method: "POST",
      path: "/api/chat.postMessage",
      status: 429,
      headers: { "retry-after": "1" },
      body: { ok: false, error: "ratelimited" },
    });
    const id = await fleet.createAccount("Slack is busy");
    await eventually(async () => expect((await fleet.slackTexts()).join("\n")).toContain(id), 90_000);
  }, 120_000);
});
