import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { retryAfterOf } from "./retry-after.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

describe("a Retry-After header", () => {
  test.each([
    ["40", 40],
    [" 120 ", 120],
    ["0.5", 0.5],
    ["Thu, 01 Jan 2026 00:02:00 GMT", 120],
    ["Thursday, 01-Jan-26 00:02:00 GMT", 120],
    ["Thu Jan  1 00:02:00 2026", 120],
    ["2026-01-01T00:02:00Z", 120],
    ["2026-01-01T01:02:00+01:00", 120],
    ["Wed, 31 Dec 2025 23:59:00 GMT", undefined],
    ["0", undefined],
    ["-3", undefined],
    ["soon", undefined],
    ["wait 2040", undefined],
    ["2", 2],
    ["1e3", undefined],
    ["0x10", undefined],
    ["Infinity", undefined],
    ["9".repeat(30), undefined],
    ["9".repeat(400), undefined],
    ["Thu, 01 Jan 9999 00:02:00 GMT", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%j is %j seconds", (header, seconds) => {
    expect(retryAfterOf(header, NOW)).toBe(seconds);
  });

  test("whatever it says, names a wait that can be added to a moment, or none", () => {
    const part = fc.constantFrom("Thu, ", "01 Jan ", "2026", " 00:02:00", " GMT", "12", ".5", "-", "e9", "T", "Z", " ");
    const text = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 8 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (header) => {
        const seconds = retryAfterOf(header, NOW);
        if (seconds === undefined) return;
        expect(seconds).toBeGreaterThan(0);
        expect(() => new Date(NOW + seconds * 1000).toISOString()).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  test("is exact for every number and every date to come", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), (seconds) => {
        expect(retryAfterOf(String(seconds), NOW)).toBe(seconds);
        expect(retryAfterOf(`${seconds}.25`, NOW)).toBe(seconds + 0.25);
        expect(retryAfterOf(new Date(NOW + seconds * 1000).toUTCString(), NOW)).toBe(seconds);
      }),
    );
  });
});
