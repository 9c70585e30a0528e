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
    ["Wed, 31 Dec 2025 23:59:00 GMT", undefined],
    ["0", undefined],
    ["-3", undefined],
    ["soon", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%j is %j seconds", (header, seconds) => {
    expect(retryAfterOf(header, NOW)).toBe(seconds);
  });

  test("is exact for every number and every date to come", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), (seconds) => {
        expect(retryAfterOf(String(seconds), NOW)).toBe(seconds);
        expect(retryAfterOf(new Date(NOW + seconds * 1000).toUTCString(), NOW)).toBe(seconds);
      }),
    );
  });
});
