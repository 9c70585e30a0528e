import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { planBackfill } from "./plan.ts";

const lane = { stripeRate: 25, batchSize: 4 };
const usage = { used: 40_000, max: 100_000, reserve: 0.2 };

describe("a plan", () => {
  test("counts the calls of 100,000 accounts, and what is left of the day", () => {
    const plan = planBackfill(100_000, 1_000, usage, lane);
    // 5 to start and follow, 10 pages, 100 batches of one read and two queries, 500 write-backs of two calls.
    expect(plan.salesforce).toEqual({ apiCalls: 5 + 10 + 100 * 3 + 1_000, callsLeft: 60_000, reserve: 20_000 });
    expect(plan.usd).toBeGreaterThan(1);
    expect(plan.usd).toBeLessThan(3);
  });

  test("of nothing costs a look", () => {
    expect(planBackfill(0, 1_000, usage, lane)).toMatchObject({
      usd: 0,
      billingMinutes: 0,
      salesforce: { apiCalls: 5 },
    });
  });

  test("never tells of calls below zero, and more records never cost less", () => {
    fc.assert(
      fc.property(fc.nat(1e7), fc.nat(1e6), fc.integer({ min: 1, max: 10_000 }), (records, more, batchSize) => {
        const plan = planBackfill(records, batchSize, { used: 200, max: 100, reserve: 1 }, lane);
        const larger = planBackfill(records + more, batchSize, usage, lane);
        expect(plan.salesforce.callsLeft).toBe(0);
        expect(larger.usd).toBeGreaterThanOrEqual(plan.usd);
        expect(larger.salesforce.apiCalls).toBeGreaterThanOrEqual(plan.salesforce.apiCalls);
      }),
    );
  });
});

describe("the time of billing", () => {
  test("is bound by the bulk lane's half of an endpoint's budget", () => {
    // 12.5 a second, though eight runs side by side could make 26.
    expect(planBackfill(100_000, 500, usage, lane)).toMatchObject({ billedPerSecond: 12.5, billingMinutes: 134 });
    expect(planBackfill(100_000, 500, usage, { ...lane, stripeRate: 10 })).toMatchObject({ billedPerSecond: 5 });
  });

  test("is bound by the dispatchers when they bring less", () => {
    // Measured on two machines: 68 and 35 minutes for 20,000.
    const { billingMinutes } = planBackfill(20_000, 500, usage, { ...lane, batchSize: 1 });
    for (const measured of [68, 35]) expect(Math.abs(billingMinutes / measured - 1)).toBeLessThan(0.5);
  });

  test("counts as many dispatchers as there are", () => {
    const connector = readFileSync(join(import.meta.dirname, "../../flows/connector.yml"), "utf8");
    const [, bulk = ""] = connector.split("queue: customer-sync-bulk");
    expect(/maximumConcurrency: (\d+)/.exec(bulk)?.[1]).toBe("2");
  });
});
