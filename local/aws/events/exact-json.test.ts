import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { approximate, parseExactly } from "./exact-json.ts";

describe("parseExactly", () => {
  test("keeps every digit of a commitNumber", () => {
    const text = '{"commitNumber":1745500706683617281,"list":[-9007199254740993]}';
    expect(JSON.stringify(parseExactly(text))).toBe(text);
  });

  test("reads other JSON as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(parseExactly(text))).toBe(text);
      }),
    );
  });
});

test("approximate gives a kept number as a double", () => {
  const { n } = parseExactly('{"n":1745500706683617281}') as { n: unknown };
  expect(approximate(n)).toBe(1745500706683617300);
  expect(approximate("x")).toBe("x");
});
