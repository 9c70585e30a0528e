import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Ask, budgetOf, bulkTokens, mustMark, nextStep, type Spent, spend, untilNext } from "./budget.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const live: Ask = { bulk: false, now: NOW };
const bulk: Ask = { bulk: true, now: NOW };

describe("windows", () => {
  test.each([
    [25, 25, 1000],
    [1, 1, 1000],
    [0.5, 1, 2000],
    [2.5, 2, 800],
  ])("of %d a second hold %d tokens and last %d ms", (rate, tokens, windowMs) => {
    expect(budgetOf(rate, 0.5)).toMatchObject({ tokens, windowMs });
  });

  test("end between now and their length, whatever the rate", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.05, max: 1000, noNaN: true }), fc.nat(), (rate, ms) => {
        const budget = budgetOf(rate, 0.5);
        const left = untilNext(budget, NOW + ms);
        expect(left).toBeGreaterThanOrEqual(1);
        expect(left).toBeLessThanOrEqual(budget.windowMs);
        expect(
          nextStep(budget, spend(budget, { used: 0, bulk: 0 }, { bulk: false, now: NOW + ms }, "begin"), {
            bulk: false,
            now: NOW + ms + left,
          }),
        ).toBe("begin");
      }),
    );
  });
});

describe("a token", () => {
  const budget = budgetOf(4, 0.5);
  const spent = (used: number, more: Partial<Spent> = {}): Spent => ({ windowAt: NOW, used, bulk: 0, ...more });

  test.each<[string, Spent, Ask, string]>([
    ["begins what nobody began", { used: 0, bulk: 0 }, live, "begin"],
    ["begins a new window after an old one", spent(4, { windowAt: NOW - 1000 }), live, "begin"],
    ["is taken of the present window", spent(3), live, "take"],
    ["waits when all are taken", spent(4), live, "wait"],
    ["is taken of a window that a faster clock began", spent(3, { windowAt: NOW + 1000 }), live, "take"],
    ["waits for what a faster clock used up", spent(4, { windowAt: NOW + 2000 }), live, "wait"],
    ["does not wait for a broken clock", spent(4, { windowAt: NOW + 3000 }), live, "begin"],
    ["may be the last one for bulk work alone", spent(3, { bulk: 3 }), bulk, "take"],
    [
      "is kept from bulk work above half while live work waits",
      spent(2, { bulk: 2, liveAt: NOW - 1999 }),
      bulk,
      "wait",
    ],
    ["is given to bulk work up to half while live work waits", spent(2, { bulk: 1, liveAt: NOW }), bulk, "take"],
    [
      "is given to bulk work again when live work waited long ago",
      spent(2, { bulk: 2, liveAt: NOW - 2000 }),
      bulk,
      "take",
    ],
    ["is given to live work whatever bulk work took", spent(3, { bulk: 3, liveAt: NOW }), live, "take"],
  ])("%s", (_, before, ask, step) => {
    expect(nextStep(budget, before, ask)).toBe(step);
  });

  test("counts", () => {
    expect(spend(budget, spent(3, { bulk: 1 }), bulk, "take")).toEqual(spent(4, { bulk: 2 }));
    const old = spent(4, { windowAt: NOW - 1000, bulk: 3, liveAt: NOW - 5 });
    expect(spend(budget, old, live, "begin")).toEqual(spent(1, { liveAt: NOW - 5 }));
  });

  test("is marked by live work that waits, every half second at most", () => {
    expect(mustMark(budget, spent(4), live)).toBe(true);
    expect(mustMark(budget, spent(4, { liveAt: NOW - 499 }), live)).toBe(false);
    expect(mustMark(budget, spent(4, { liveAt: NOW - 500 }), live)).toBe(true);
    expect(mustMark(budget, spent(4), bulk)).toBe(false);
  });

  test.each([25, 2, 1, 0.5])("at most half of %d a second goes to bulk work while live work waits", (rate) => {
    const small = budgetOf(rate, 0.5);
    const shares = Array.from({ length: 10 }, (_, n) => bulkTokens(small, NOW + n * small.windowMs));
    const sum = shares.reduce((a, b) => a + b);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThanOrEqual(small.tokens * 5);
  });
});
