import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { compilePattern, matchesPattern } from "./pattern.ts";

const USER_GUIDE = "https://docs.aws.amazon.com/eventbridge/latest/userguide";
const OPERATORS = `${USER_GUIDE}/eb-create-pattern-operators.html`;
const PATTERNS = `${USER_GUIDE}/eb-event-patterns.html`;
const ARRAYS = `${USER_GUIDE}/eb-event-patterns-arrays.html`;
const RULER = "https://github.com/aws/event-ruler#rules-and-arrays";

type Case = [source: string, what: string, pattern: object, event: object, matches: boolean];
const leaf = (source: string, what: string, member: unknown, value: unknown, matches: boolean): Case => [
  source,
  what,
  { a: Array.isArray(member) ? member : [member] },
  value === undefined ? { other: 1 } : { a: value },
  matches,
];

const cases: Case[] = [
  leaf(PATTERNS, "a string", "x", "x", true),
  leaf(PATTERNS, "another string", "x", "X", false),
  leaf(PATTERNS, "numbers by value", 300, 300.0, true),
  leaf(PATTERNS, "a number is not its text", 300, "300", false),
  leaf(PATTERNS, "true", true, true, true),
  leaf(PATTERNS, "true is not its text", true, "true", false),
  leaf(PATTERNS, "null", null, null, true),
  leaf(PATTERNS, "null is not a missing field", null, undefined, false),
  leaf(PATTERNS, "null is not an empty string", null, "", false),
  leaf(PATTERNS, "the empty string", "", "", true),
  leaf(PATTERNS, "the empty string is not null", "", null, false),
  leaf(PATTERNS, "one of several", ["x", "y"], "y", true),
  [PATTERNS, "all fields must hold", { a: [1], b: [2] }, { a: 1, b: 3 }, false],
  [PATTERNS, "nested fields", { a: { b: ["x"] } }, { a: { b: "x", c: 1 } }, true],
  [PATTERNS, "a nested field elsewhere", { a: { b: ["x"] } }, { b: "x" }, false],
  [PATTERNS, "dotted keys of the event join", { state: { status: ["x"] } }, { "state.status": "x" }, true],
  [PATTERNS, "dotted keys of the pattern join", { "state.status": ["x"] }, { state: { status: "x" } }, true],
  leaf(ARRAYS, "any element", "y", ["x", "y"], true),
  leaf(ARRAYS, "no element", "z", ["x", "y"], false),
  leaf(ARRAYS, "an empty array has no null", null, [], false),
  leaf(ARRAYS, "an empty array does not exist", { exists: true }, [], false),
  leaf(ARRAYS, "nested arrays", "y", [["x"], [["y"]]], true),
  leaf(OPERATORS, "prefix", { prefix: "ab" }, "abc", true),
  leaf(OPERATORS, "not the prefix", { prefix: "ab" }, "cab", false),
  leaf(OPERATORS, "an empty prefix matches strings", { prefix: "" }, "x", true),
  leaf(OPERATORS, "a prefix needs a string", { prefix: "1" }, 12, false),
  leaf(OPERATORS, "prefix without case", { prefix: { "equals-ignore-case": "AB" } }, "abc", true),
  leaf(OPERATORS, "suffix", { suffix: ".png" }, "a.png", true),
  leaf(OPERATORS, "suffix without case", { suffix: { "equals-ignore-case": ".PNG" } }, "a.png", true),
  leaf(OPERATORS, "without case", { "equals-ignore-case": "Alice" }, "aLICE", true),
  leaf(OPERATORS, "an empty text without case", { "equals-ignore-case": "" }, "x", false),
  leaf(OPERATORS, "wildcard", { wildcard: "dir/*.png" }, "dir/a/b.png", true),
  leaf(OPERATORS, "wildcard with nothing in its place", { wildcard: "a*c" }, "ac", true),
  leaf(OPERATORS, "wildcard does not overlap itself", { wildcard: "ab*ba" }, "aba", false),
  leaf(OPERATORS, "escaped star", { wildcard: "a\\*b" }, "a*b", true),
  leaf(OPERATORS, "escaped star is no wildcard", { wildcard: "a\\*b" }, "axb", false),
  leaf(OPERATORS, "escaped backslash", { wildcard: "a\\\\*" }, "a\\b", true),
  leaf(OPERATORS, "an empty wildcard", { wildcard: "" }, "x", false),
  leaf(OPERATORS, "anything-but a string", { "anything-but": "x" }, "y", true),
  leaf(OPERATORS, "anything-but that string", { "anything-but": "x" }, "x", false),
  leaf(OPERATORS, "anything-but a number", { "anything-but": 0 }, 0, false),
  leaf(OPERATORS, "anything-but needs the field", { "anything-but": "x" }, undefined, false),
  leaf(OPERATORS, "anything-but takes null", { "anything-but": "x" }, null, true),
  leaf(OPERATORS, "anything-but a list", { "anything-but": ["x", "y"] }, "y", false),
  leaf(OPERATORS, "anything-but numbers", { "anything-but": [1, 2] }, 3, true),
  leaf(OPERATORS, "anything-but prefix", { "anything-but": { prefix: "in" } }, "init", false),
  leaf(OPERATORS, "anything-but prefix takes numbers", { "anything-but": { prefix: "in" } }, 1, true),
  leaf(OPERATORS, "anything-but suffixes", { "anything-but": { suffix: [".a", ".b"] } }, "x.b", false),
  leaf(OPERATORS, "anything-but wildcard", { "anything-but": { wildcard: "*/lib/*" } }, "a/lib/b", false),
  leaf(OPERATORS, "anything-but without case", { "anything-but": { "equals-ignore-case": ["A"] } }, "a", false),
  leaf(OPERATORS, "numeric equality", { numeric: ["=", 3.018e2] }, 301.8, true),
  leaf(OPERATORS, "numeric range", { numeric: [">", 0, "<=", 5] }, 5, true),
  leaf(OPERATORS, "outside the range", { numeric: [">", 0, "<=", 5] }, 0, false),
  leaf(OPERATORS, "numeric needs a number", { numeric: ["=", 300] }, "300", false),
  leaf(OPERATORS, "numeric refuses null", { numeric: ["<", 10] }, null, false),
  leaf(OPERATORS, "exists", { exists: true }, null, true),
  leaf(OPERATORS, "exists only for leaves", { exists: true }, { b: 1 }, false),
  leaf(OPERATORS, "does not exist", { exists: false }, undefined, true),
  leaf(OPERATORS, "an object is no leaf", { exists: false }, { b: 1 }, true),
  leaf(OPERATORS, "exists after all", { exists: false }, 1, false),
  leaf(OPERATORS, "IPv4 network", { cidr: "10.0.0.0/24" }, "10.0.0.255", true),
  leaf(OPERATORS, "other IPv4 network", { cidr: "10.0.0.0/24" }, "10.0.1.255", false),
  leaf(OPERATORS, "IPv6 network", { cidr: "2001:db8::/32" }, "2001:db8::1", true),
  leaf(OPERATORS, "not an address", { cidr: "10.0.0.0/24" }, "ten", false),
  leaf(OPERATORS, "an address needs a string", { cidr: "10.0.0.0/24" }, 10, false),
  leaf(
    OPERATORS,
    "operators in one array are alternatives",
    [{ "anything-but": ["r"] }, { exists: false }],
    undefined,
    true,
  ),
  leaf(OPERATORS, "the other alternative", [{ "anything-but": ["r"] }, { exists: false }], "r", false),
  [OPERATORS, "$or, first", { $or: [{ a: [1] }, { b: [2] }] }, { a: 1 }, true],
  [OPERATORS, "$or, second", { $or: [{ a: [1] }, { b: [2] }] }, { a: 2, b: 2 }, true],
  [OPERATORS, "$or, none", { $or: [{ a: [1] }, { b: [2] }] }, { a: 2, b: 1 }, false],
  [OPERATORS, "$or beside a field", { c: [0], $or: [{ a: [1] }, { b: [2] }] }, { a: 1, c: 1 }, false],
  [OPERATORS, "nested $or", { x: { $or: [{ a: [1] }, { $or: [{ b: [2] }, { c: [3] }] }] } }, { x: { c: 3 } }, true],
  [RULER, "$or with one object is a key", { $or: ["x"] }, { $or: "x" }, true],
  [RULER, "objects in arrays", { a: { b: [1] } }, { a: [{ b: 2 }, { b: 1 }] }, true],
  [RULER, "fields of one element", { a: { b: [1], c: [2] } }, { a: [{ b: 1, c: 2 }, { b: 3 }] }, true],
  [RULER, "fields of different elements", { a: { b: [1], c: [2] } }, { a: [{ b: 1 }, { c: 2 }] }, false],
  [
    RULER,
    "different arrays are independent",
    { a: { b: [1] }, c: { d: [2] } },
    { a: [0, { b: 1 }], c: [{ d: 2 }] },
    true,
  ],
  [RULER, "deeper arrays", { a: { b: { c: [1], d: [2] } } }, { a: [{ b: [{ c: 1 }, { d: 2 }] }] }, false],
  [
    RULER,
    "absence inside the chosen element",
    { a: { b: [1], c: [{ exists: false }] } },
    { a: [{ b: 1 }, { b: 2, c: 3 }] },
    true,
  ],
];

test.each(cases)("%s: %s", (_source, _what, pattern, event, matches) => {
  expect(matchesPattern(JSON.stringify(pattern), event)).toBe(matches);
});

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
describe("a pattern that is not valid", () => {
  const member = (value: unknown) => JSON.stringify({ a: [value] });
  test.each([
    ["[]", "Filter is not an object"],
    ["{}", "Empty objects are not allowed"],
    ['{"a":"x"}', '"a" must be an object or an array'],
    ['{"a":1}', '"a" must be an object or an array'],
    ['{"a":[]}', "Empty arrays are not allowed"],
    ['{"a":[[1]]}', "Match value must be String, number, true, false, or null"],
    [member({}), "Match expression name not found"],
    [member({ NUMERIC: ["=", 1] }), "Unrecognized match type NUMERIC"],
    [member({ toString: 1 }), "Unrecognized match type toString"],
    [member({ prefix: "a", suffix: "b" }), "Only one key allowed in match expression"],
    [member({ prefix: 1 }), "prefix match pattern must be a string"],
    [member({ suffix: 1 }), "suffix match pattern must be a string"],
    [member({ "equals-ignore-case": ["a"] }), "equals-ignore-case match pattern must be a string"],
    [member({ wildcard: 1 }), "wildcard match pattern must be a string"],
    [member({ wildcard: "a**b" }), "Consecutive wildcard characters at pos 2"],
    [member({ wildcard: "a\\b" }), "Invalid escape character at pos 2"],
    [
      member({ wildcard: "*:*:*:*:*:event-bus/*" }),
      "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character",
    ],
    [member({ numeric: 1 }), "Value of numeric must be an array."],
    [member({ numeric: [] }), "Invalid member in numeric match: ]"],
    [member({ numeric: ["!", 1] }), "Unrecognized numeric range operator: !"],
    [member({ numeric: ["<", "1"] }), "Value of < must be numeric"],
    [member({ numeric: ["=", null] }), "Value of equals must be numeric"],
    [member({ numeric: [">", 1, ">", 2] }), "Bad numeric range operator: >"],
    [member({ numeric: ["<", 1, ">", 2] }), "Too many elements in numeric expression"],
    [member({ numeric: [">", 1, "<", 2, 3] }), "Too many terms in numeric range expression"],
    [member({ numeric: [">", 2, "<", 1] }), "Bottom must be less than top"],
    [member({ numeric: ["=", 5_000_000_001] }), "Value must be between -5.0E9 and 5.0E9, inclusive"],
    [member({ exists: "true" }), "exists match pattern must be either true or false."],
    [member({ cidr: "10.0.0.0" }), "Malformed CIDR, one '/' required"],
    [member({ cidr: "10.0.0.0/x" }), "Malformed CIDR, mask bits must be an integer"],
    [member({ cidr: "xx.11.xx/8" }), "Nonstandard IP address: xx.11.xx"],
    [member({ cidr: "10.0.0.0/33" }), "Malformed CIDR, mask bits must be at most 32"],
    [member({ "anything-but": null }), "Value of anything-but must be an array or single string/number value."],
    [member({ "anything-but": [null] }), "Inside anything but list, start|null|boolean is not supported."],
    [
      member({ "anything-but": ["a", 1] }),
      "Inside anything but list, either all values are number or string, mixed type is not supported",
    ],
    [member({ "anything-but": { prefix: 1 } }), "prefix/suffix match pattern must be a string"],
    [member({ "anything-but": { prefix: "" } }), "Null prefix/suffix not allowed"],
    [member({ "anything-but": { suffix: "" } }), "Null prefix/suffix not allowed"],
    [
      member({ "anything-but": { prefix: { "equals-ignore-case": "a" } } }),
      "prefix/suffix match pattern must be a string",
    ],
    [member({ "anything-but": { numeric: ["=", 1] } }), "Unsupported anything-but pattern: numeric"],
    [
      member({ "anything-but": { "equals-ignore-case": ["a", 1] } }),
      "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ],
  ])("%s", (pattern, reason) => {
    expect(() => compilePattern(pattern)).toThrow(
      expect.objectContaining({
        code: "InvalidEventPatternException",
        message: `Event pattern is not valid. Reason: ${reason}`,
      }),
    );
  });

  test("is refused when it is no JSON, or when its $or comes to more than 1,000 combinations", () => {
    expect(() => compilePattern('{"a":[')).toThrow(/^Event pattern is not valid\. Reason: /);
    const or = [{ a: [1] }, { b: [2] }];
    const nested = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`f${n}`, { $or: or }]));
    expect(() => compilePattern(JSON.stringify(nested))).toThrow("more than 1000 combinations");
  });
});

describe("properties", () => {
  const key = fc.constantFrom("a", "b", "c");
  const scalar = fc.oneof(
    fc.constantFrom("x", "y", ""),
    fc.integer({ min: 0, max: 3 }),
    fc.boolean(),
    fc.constant(null),
  );
  const event = fc.dictionary(key, fc.oneof(scalar, fc.dictionary(key, scalar, { minKeys: 1 })), { minKeys: 1 });
  /** The pattern that names every leaf of an event. */
  const exactly = (value: unknown): unknown =>
    value !== null && typeof value === "object"
      ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, exactly(inner)]))
      : [value];

  test("an event matches the pattern of its own leaves, and not that of a changed leaf", () => {
    fc.assert(
      fc.property(event, key, (sample, name) => {
        const pattern = exactly(sample) as Record<string, unknown>;
        expect(matchesPattern(JSON.stringify(pattern), sample)).toBe(true);
        const changed = { ...pattern, [name]: ["something else"] };
        expect(matchesPattern(JSON.stringify(changed), sample)).toBe(false);
      }),
    );
  });

  test("anything-but is the opposite of equality for every present scalar", () => {
    fc.assert(
      fc.property(scalar, fc.constantFrom("x", "y", 1, 2), (value, excluded) => {
        const matches = (member: unknown) => matchesPattern(JSON.stringify({ a: [member] }), { a: value });
        expect(matches({ "anything-but": excluded })).toBe(!matches(excluded));
      }),
    );
  });

  test("exists:true and exists:false never agree on flat events", () => {
    fc.assert(
      fc.property(fc.dictionary(key, scalar), key, (sample, name) => {
        const matches = (exists: boolean) => matchesPattern(JSON.stringify({ [name]: [{ exists }] }), sample);
        expect(matches(true)).toBe(!matches(false));
      }),
    );
  });

  test("a wildcard matches exactly what the regular expression of the same meaning matches", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 6 });
    const value = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
    fc.assert(
      fc.property(text, value, (raw, sample) => {
        const wildcard = raw.replaceAll(/\*+/g, "*");
        const regex = new RegExp(`^${wildcard.replaceAll("*", ".*")}$`);
        expect(matchesPattern(JSON.stringify({ k: [{ wildcard }] }), { k: sample })).toBe(regex.test(sample));
      }),
      { numRuns: 500 },
    );
  });

  test("two fields of an element match when, and only when, one element has both", () => {
    const element = fc.record({ b: fc.integer({ min: 0, max: 2 }), c: fc.integer({ min: 0, max: 2 }) });
    fc.assert(
      fc.property(fc.array(element, { maxLength: 5 }), (elements) => {
        const expected = elements.some(({ b, c }) => b === 1 && c === 2);
        expect(matchesPattern('{"a":{"b":[1],"c":[2]}}', { a: elements })).toBe(expected);
      }),
    );
  });
});
