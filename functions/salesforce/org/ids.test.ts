import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ContractError } from "#shared/errors.ts";
import { toLongId } from "./ids.ts";

const alphabet = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"];
const shortId = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 15, maxLength: 15 });

describe("toLongId", () => {
  // Pairs from the sample events of the Change Data Capture Developer Guide.
  test.each([
    "0015f00002J9YaUAAV",
    "0015f00002J9YYEAA3",
    "0055f000005mc66AAA",
    "0016g00000MLhLeAAL",
    "003ak00000IiFInAAN",
  ])("completes %s from its first 15 characters", (id) => {
    expect(toLongId(id.slice(0, 15))).toBe(id);
    expect(toLongId(id)).toBe(id);
  });

  test("refuses another checksum and says the right one", () => {
    expect(() => toLongId("0015f00002J9YaUAAA")).toThrow(/'0015f00002J9YaUAAV' would be right/);
  });

  test.each(["", "001*", "0015f00002J9YaU-", "0015f00002J9YaUA", "0015f00002J9YaUAAVA"])("refuses '%s'", (id) => {
    expect(() => toLongId(id)).toThrow(ContractError);
  });

  test("is stable, keeps the first 15 characters, and tells apart ids that differ in case only", () => {
    fc.assert(
      fc.property(shortId, shortId, (a, b) => {
        const long = toLongId(a);
        expect(long.slice(0, 15)).toBe(a);
        expect(toLongId(long)).toBe(long);
        if (a !== b && a.toLowerCase() === b.toLowerCase())
          expect(toLongId(b).toLowerCase()).not.toBe(long.toLowerCase());
      }),
    );
  });

  test("refuses an 18-character id after the case of a letter was lost", () => {
    fc.assert(
      fc.property(shortId, (short) => {
        const long = toLongId(short);
        fc.pre(short !== short.toLowerCase());
        expect(() => toLongId(short.toLowerCase() + long.slice(15))).toThrow(ContractError);
      }),
    );
  });
});
