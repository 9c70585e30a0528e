import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { table } from "../testing.ts";
import { type Engine, openEngine } from "./engine.ts";
import { linearParser, type Parser } from "./parser.ts";

const require = createRequire(import.meta.url);

const parsers = {
  conditionParser: linearParser("conditionParser"),
  updateParser: linearParser("updateParser"),
};
type Name = keyof typeof parsers;

/** The parser as dynalite brings it, read anew: the engine puts ours in its place. */
function generated(name: Name): Parser {
  const source = require.resolve(`dynalite/db/${name}`);
  const module = { exports: {} as Parser };
  const text = require("node:fs").readFileSync(source, "utf8");
  require("node:vm").compileFunction(text, ["module"])(module);
  return module.exports;
}

/** What a parser makes of a text: its tree or its words, and the names and values it found in use. */
function outcome(parser: Parser, text: string): unknown {
  const context = {
    attrNames: { "#n": "size", "#m": "b" },
    attrVals: { ":v": { N: "1" }, ":w": { S: "x" } },
    unusedAttrNames: { "#n": true, "#m": true },
    unusedAttrVals: { ":v": true, ":w": true },
    isReserved: (name: string) => /^(size|name)$/i.test(name),
    compare: () => false,
  };
  const { unusedAttrNames, unusedAttrVals } = context;
  try {
    return JSON.stringify([parser.parse(text, { context }), unusedAttrNames, unusedAttrVals]);
  } catch (error) {
    return [(error as Error).name, (error as Error).message];
  }
}

const word = fc.constantFrom(
  ...[
    "a",
    "b.c[1]",
    "name",
    "#n",
    "#n.#m",
    ":v",
    ":w",
    ":none",
    "size(a)",
    "attribute_exists(#n)",
    "begins_with(a, :w)",
  ],
  ...["contains(a, a)", "if_not_exists(a, :v)", "nope(a)", "#none"],
);
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", maxDepth: 3, withCrossShrink: true },
    word,
    fc.tuple(word, fc.constantFrom("=", "<>", "<", "+", "-", ","), word).map((parts) => parts.join(" ")),
    fc.tuple(tie("expression"), fc.constantFrom(" AND ", " or ", "=", " + "), tie("expression")).map((p) => p.join("")),
    tie("expression").map((inner) => `(${inner})`),
    tie("expression").map((inner) => `NOT ${inner}`),
    fc.tuple(word, word, word).map(([x, y, z]) => `${x} BETWEEN ${y} AND ${z}`),
    fc.tuple(word, tie("expression")).map(([x, inner]) => `${x} in (${inner}, :v)`),
    tie("expression").map((inner) => inner.slice(0, -1)),
  ),
}));

describe("the parser with a memory", () => {
  test.each<[Name, string]>([
    ["conditionParser", ""],
    ["updateParser", "SET a = "],
  ])("%s says what the generated one says", (name, prefix) => {
    const original = generated(name);
    fc.assert(
      fc.property(expression, (text) => {
        expect(outcome(parsers[name], prefix + text)).toEqual(outcome(original, prefix + text));
      }),
      { numRuns: 300 },
    );
  });

  test.each<[Name, string, string, string]>([
    ["conditionParser", "(", "a = :v", ")"],
    ["conditionParser", "(", "", ""],
    ["conditionParser", "a < b and (", "a < b", ")"],
    ["conditionParser", "NOT (", "a < b", ")"],
    ["conditionParser", "size(", "a", ")"],
    ["conditionParser", "a in (", ":v", ")"],
    ["updateParser", "SET a = if_not_exists(a, ", ":v", ")"],
    ["updateParser", "SET a = (", ":v", ")"],
  ])("%s takes steps in proportion to the length of %s%s%s", (name, open, middle, close) => {
    for (const depth of [8, 200]) {
      const text = open.repeat(depth) + middle + close.repeat(depth);
      outcome(parsers[name], text);
      expect(parsers[name].steps()).toBeLessThanOrEqual(12 * text.length);
    }
  });
});

describe("the limits of DynamoDB", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = openEngine();
    await engine.run("CreateTable", table().Properties);
  });
  afterAll(() => engine.close());

  const put = (ConditionExpression: string) =>
    engine.run("PutItem", { TableName: "things", Item: { id: { S: "1" } }, ConditionExpression });

  test.each([
    ["8 levels of parentheses", `${"(".repeat(8)}a = b${")".repeat(8)}`, "The expression has redundant parentheses;"],
    ["200", `${"(".repeat(200)}a = b${")".repeat(200)}`, "The expression has redundant parentheses;"],
    ["as many as fit", "(".repeat(4096), "The expression has redundant parentheses;"],
    [
      "4,097 bytes",
      `a = ${"b".repeat(4093)}`,
      "Expression size has exceeded the maximum allowed size; expression size: 4097",
    ],
    [
      "301 operators",
      Array(301).fill("a<b").join(" or "),
      "The expression contains too many operators; operator count: 301",
    ],
  ])("%s", async (_, text, words) => {
    await expect(put(text)).rejects.toMatchObject({
      code: "ValidationException",
      message: `Invalid ConditionExpression: ${words}`,
    });
  });

  test("300 operators, one in the other, are done", async () => {
    await expect(put(`${"a<b or (".repeat(298)}attribute_not_exists(id) or a<b${")".repeat(298)}`)).resolves.toEqual(
      {},
    );
  });

  test("4,096 bytes of projection are read, and no more", async () => {
    const get = (size: number) =>
      engine.run("GetItem", { TableName: "things", Key: { id: { S: "1" } }, ProjectionExpression: "a".repeat(size) });
    await expect(get(4097)).rejects.toThrow("Invalid ProjectionExpression: Expression size has exceeded");
    await expect(get(4096)).resolves.toBeDefined();
  });
});
