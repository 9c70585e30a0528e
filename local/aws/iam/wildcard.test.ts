// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like this
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { matches, parsePattern, wildcard } from "./wildcard.ts";

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
const text = fc.string({ unit: fc.constantFrom("a", "b", ":", "/", "$", "{", "}", "*", "?"), maxLength: 12 });
const plain = fc.string({ unit: fc.constantFrom("a", "b", ":", "/"), maxLength: 12 });

/** The same question put to a regular expression, as an independent judge. */
function byRegExp(pattern: string, value: string): boolean {
  const source = [...pattern]
    .map((c) => (c === "*" ? "[^]*" : c === "?" ? "[^]" : c.replace(/[^\w]/, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`).test(value);
}

describe("wildcards of a policy", () => {
  test("agree with a regular expression on every pattern and value", () => {
    fc.assert(
      fc.property(text, text, (pattern, value) => expect(wildcard(pattern, value)).toBe(byRegExp(pattern, value))),
    );
  });

  test("a value always meets itself, a star everything, a star in place of any part", () => {
    fc.assert(
      fc.property(plain, plain, plain, (before, part, after) => {
        expect(wildcard(before + part + after, before + part + after)).toBe(true);
        expect(wildcard("*", part)).toBe(true);
        expect(wildcard(`${before}*${after}`, before + part + after)).toBe(true);
      }),
    );
  });

  test("a question mark is exactly one character", () => {
    fc.assert(fc.property(plain, (value) => expect(wildcard("?".repeat(value.length), value)).toBe(true)));
    expect(wildcard("secret:name-??????", "secret:name-AbCdEf")).toBe(true);
    expect(wildcard("secret:name-??????", "secret:name-AbCdE")).toBe(false);
  });

  test("many stars do not take exponential time", () => {
    expect(wildcard(`${"a*".repeat(60)}b`, "a".repeat(5000))).toBe(false);
  });

  test("a star crosses colons and slashes", () => {
    expect(wildcard("arn:aws:sqs:*:queue-*", "arn:aws:sqs:us-east-1:123456789012:queue-a/b")).toBe(true);
  });
});

describe("policy variables", () => {
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
  const keys: Record<string, string> = { "aws:username": "jo*n" };
  const meets = (pattern: string, value: string) => {
    const parsed = parsePattern(pattern, (name) => keys[name]);
    return parsed !== undefined && matches(parsed, value);
  };

  test("are filled in, and their text is no wildcard", () => {
    expect(meets("home/${aws:username}/*", "home/jo*n/file")).toBe(true);
    expect(meets("home/${aws:username}/*", "home/john/file")).toBe(false);
  });

  test("without a value match nothing, unless they carry a default", () => {
    expect(meets("home/${aws:userid}", "home/")).toBe(false);
    expect(meets("home/${aws:userid, 'guest'}", "home/guest")).toBe(true);
  });

  test("write the special characters themselves", () => {
    expect(meets("a${*}b${?}c${$}", "a*b?c$")).toBe(true);
    expect(meets("a${*}b", "axb")).toBe(false);
  });

  test("are plain text without a variable source, as in the 2008 language", () => {
    expect(matches(parsePattern("${aws:username}") ?? [], "${aws:username}")).toBe(true);
  });
});
