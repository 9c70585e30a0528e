import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { canonicalJson, hashOf } from "./hash.ts";

describe("hashOf", () => {
  test("does not depend on the order of members", () => {
    const reversed = (value: unknown): unknown =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .map(([key, member]) => [key, reversed(member)])
              .reverse(),
          )
        : value;
    fc.assert(fc.property(fc.object(), (value) => expect(hashOf(reversed(value))).toBe(hashOf(value))));
  });

  test("tells apart what is different", () => {
    expect(hashOf("a", "bc")).not.toBe(hashOf("ab", "c"));
    expect(hashOf([1, 2])).not.toBe(hashOf([2, 1]));
    expect(hashOf({ a: null })).not.toBe(hashOf({}));
  });

  test("keeps the content", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });
});
