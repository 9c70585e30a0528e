import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

afterEach(async () => {
  fleet.saas.stripe.faults.clear();
  expect(await fleet.parked()).toEqual([]);
});

const UNAVAILABLE = { status: 503, body: { error: { type: "api_error", message: "down" } }, times: 1_000_000 };

async function customersOf(ids: readonly string[]) {
  const customers = await fleet.stripeCustomers();
  return customers.filter(({ metadata }) => ids.includes(metadata.salesforce_account_id ?? ""));
}

/** All that is behind a target, by the attribute that the index is made of. */
async function behind(): Promise<string[]> {
  return (await fleet.stored()).filter(({ behindKey }) => behindKey).map(({ customerId }) => customerId);
}

describe("Stripe answers 503", () => {
  test.each([
    ["20 seconds", 20],
    ["2 minutes", 120],
    ["2 hours", 7200],
  ])(
    "for %s: everything is equal afterwards, by itself",
    async (_what, seconds) => {
      fleet.saas.stripe.faults.add({ method: "*", path: "/v1/**", ...UNAVAILABLE });
      const ids = await Promise.all([1, 2, 3, 4, 5].map((n) => fleet.createAccount(`Account ${n} of ${seconds}`)));
      await eventually(async () => {
        const stored = new Set((await fleet.stored()).map(({ customerId }) => customerId));
        expect(ids.filter((id) => !stored.has(id))).toEqual([]);
      });
      await fleet.salesforce("PATCH", `sobjects/Account/${ids[0]}`, { Name: "Renamed meanwhile" });
      await fleet.pass(seconds, Math.min(seconds, 300));
      expect(await customersOf(ids)).toEqual([]);
      fleet.saas.stripe.faults.clear();
      await fleet.pass(1800);
      await eventually(async () => {
        expect((await customersOf(ids)).map(({ name }) => name).toSorted()).toEqual(
          ["Renamed meanwhile", ...[2, 3, 4, 5].map((n) => `Account ${n} of ${seconds}`)].toSorted(),
        );
        expect(await behind()).toEqual([]);
      });
    },
    120_000,
  );
});
