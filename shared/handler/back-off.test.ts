import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { backOffSeconds } from "./back-off.ts";

test("grows threefold from five seconds to five minutes", () => {
  const waits = (random: number) => Array.from({ length: 8 }, (_, n) => backOffSeconds(n + 1, random));
  expect(waits(0)).toEqual([5, 15, 45, 135, 300, 300, 300, 300]);
  expect(waits(1).slice(0, 3)).toEqual([3.75, 11.25, 33.75]);
});

test("is never above five minutes, and never less than three quarters of what it could be", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (receives, random) => {
      const [seconds, longest] = [backOffSeconds(receives, random), backOffSeconds(receives, 0)];
      expect(seconds).toBeLessThanOrEqual(longest);
      expect(seconds).toBeGreaterThanOrEqual(longest * 0.75);
      expect(longest).toBeLessThanOrEqual(300);
      expect(backOffSeconds(receives + 1, 0)).toBeGreaterThanOrEqual(longest);
    }),
  );
});
