import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { planBackfill } from "./plan.ts";

const usage = { used: 40_000, max: 100_000, reserve: 0.2 };

describe("a plan", () => {
  test("counts the calls of 100,000 accounts, and what is left of the day", () => {
    const plan = planBackfill(100_000, 1_000, usage);
    // 5 to start and follow, 10 pages, 100 batches of one read and three queries, 500 write-backs of two calls.
    expect(plan.salesforce).toEqual({ apiCalls: 5 + 10 + 100 * 4 + 1_000, callsLeft: 60_000, reserve: 20_000 });
    expect(plan.billingMinutes).toBe(84);
    expect(plan.usd).toBeGreaterThan(1);
    expect(plan.usd).toBeLessThan(3);
  });

  test("of nothing costs a look", () => {
    expect(planBackfill(0, 1_000, usage)).toMatchObject({ usd: 0, billingMinutes: 0, salesforce: { apiCalls: 5 } });
  });

  test("never tells of calls below zero, and more records never cost less", () => {
    fc.assert(
      fc.property(fc.nat(1e7), fc.nat(1e6), fc.integer({ min: 1, max: 10_000 }), (records, more, batchSize) => {
        const plan = planBackfill(records, batchSize, { used: 200, max: 100, reserve: 1 });
        const larger = planBackfill(records + more, batchSize, usage);
        expect(plan.salesforce.callsLeft).toBe(0);
        expect(larger.usd).toBeGreaterThanOrEqual(plan.usd);
        expect(larger.salesforce.apiCalls).toBeGreaterThanOrEqual(plan.salesforce.apiCalls);
      }),
    );
  });
});
