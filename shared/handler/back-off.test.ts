import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { backOffSeconds } from "./back-off.ts";

const DAY = 86_400;

test("grows threefold from five seconds to half an hour", () => {
  const waits = (random: number) => Array.from({ length: 8 }, (_, n) => backOffSeconds(n + 1, random));
  expect(waits(0)).toEqual([5, 15, 45, 135, 405, 1_215, 1_800, 1_800]);
  expect(waits(1).slice(0, 3)).toEqual([3.75, 11.25, 33.75]);
});

test("is never above half an hour, and never less than three quarters of what it could be", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (receives, random) => {
      const [seconds, longest] = [backOffSeconds(receives, random), backOffSeconds(receives, 0)];
      expect(seconds).toBeLessThanOrEqual(longest);
      expect(seconds).toBeGreaterThanOrEqual(longest * 0.75);
      expect(longest).toBeLessThanOrEqual(1_800);
      expect(backOffSeconds(receives + 1, 0)).toBeGreaterThanOrEqual(longest);
    }),
  );
});

test("stays far below the thousand receives of the queue, even for all the days that a message is kept", () => {
  let seconds = 0;
  let receives = 1;
  for (; seconds < 14 * DAY; receives += 1) seconds += backOffSeconds(receives, 1);
  expect(receives).toBeLessThan(1_000);
});
