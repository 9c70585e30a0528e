import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const ACCOUNTS = 50;
const CHANGES = 200;

let fleet: TestFleet;

beforeAll(async () => {
  // Real time: Stripe's rate limit is real, so retries must wait as long as they would.
  fleet = await startTestFleet({ clockScale: 1 });
}, 60_000);

afterAll(() => fleet?.stop());

test("200 changes to 50 accounts in a burst: all targets equal Salesforce, one billing customer each, one read a batch", async () => {
  const batches: string[] = [];
  fleet.kernel.on("activity", ({ service, operation, resource }) => {
    // Both read the accounts of a batch with one call: what is true now, and what is written back already.
    if (service === "lambda" && operation === "Invoke" && /salesforce-(capture|write-back)/.test(resource ?? ""))
      batches.push(operation);
  });
  const ids = await Promise.all(
    Array.from({ length: ACCOUNTS }, async (_, index) => {
      const account = { Name: `Customer ${index}`, Phone: "+1 555 0000" };
      return (await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", account)).id;
    }),
  );
  for (let change = ACCOUNTS; change < CHANGES; change += 1)
    await fleet.salesforce("PATCH", `sobjects/Account/${ids[change % ACCOUNTS]}`, { Phone: `+1 555 ${1000 + change}` });

  await eventually(async () => {
    expect(await fleet.parked()).toEqual([]);
    await expectInStep(fleet);
  }, 90_000);
  expect(await fleet.stripeCustomers()).toHaveLength(ACCOUNTS);
  const { routes } = fleet.saas.salesforce.calls.report();
  const reads = Object.entries(routes).filter(([route]) => /^POST .*\/composite\/sobjects\/[^/]+$/.test(route));
  const readCalls = reads.reduce((sum, [, { calls }]) => sum + calls, 0);
  expect(readCalls).toBeGreaterThan(0);
  expect(readCalls).toBeLessThanOrEqual(batches.length);
}, 120_000);
