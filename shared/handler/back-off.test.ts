import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { backOffSeconds } from "./back-off.ts";

const MINUTE = 60;
/** Waits of a message that fails at every receive, the last of which parks it. */
const waits = (receives: number, visibility: number, random: number) =>
  Array.from({ length: receives - 1 }, (_, n) => backOffSeconds(n + 1, visibility, random));
const total = (visibility: number, random: number) => waits(12, visibility, random).reduce((sum, one) => sum + one, 0);

test("grows threefold from five seconds to the visibility timeout", () => {
  expect(waits(8, 180, 0)).toEqual([5, 15, 45, 135, 180, 180, 180]);
  expect(waits(4, 180, 1)).toEqual([3.75, 11.25, 33.75]);
  expect(waits(4, 10, 0)).toEqual([5, 10, 10]);
});

test("is never above the visibility timeout, and never less than three quarters of what it could be", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1, max: 43_200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (receives, visibility, random) => {
        const [seconds, longest] = [
          backOffSeconds(receives, visibility, random),
          backOffSeconds(receives, visibility, 0),
        ];
        expect(seconds).toBeLessThanOrEqual(longest);
        expect(seconds).toBeGreaterThanOrEqual(longest * 0.75);
        expect(longest).toBeLessThanOrEqual(visibility);
        expect(backOffSeconds(receives + 1, visibility, 0)).toBeGreaterThanOrEqual(longest);
      },
    ),
  );
});

describe("a consumer's default of 12 receives waits out an outage", () => {
  test.each([
    [180, 18, 25],
    [720, 60, 84],
    [1_980, 144, 198],
  ])("at a visibility timeout of %i s for %i to %i minutes", (visibility, least, most) => {
    expect(total(visibility, 1)).toBeGreaterThanOrEqual(least * MINUTE);
    expect(total(visibility, 0)).toBeLessThanOrEqual(most * MINUTE);
  });
});
