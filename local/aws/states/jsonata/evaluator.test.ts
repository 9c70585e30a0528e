import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Json } from "../json.ts";
import { checkExpression } from "./check.ts";
import { evaluateExpression, evaluateValue, expressionOf } from "./evaluator.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
const evaluate = (source: string, input: Json = {}, variables: Record<string, Json> = {}) =>
  evaluateExpression(source, "Output", { states: { input, context: { Execution: { Id: "x" } } }, variables });

describe("expressions", () => {
  test("are whole strings between {% and %}; anything else is a constant", () => {
    expect(expressionOf("{% 1 + 1 %}")).toBe("1 + 1");
    expect(expressionOf(" {% 1 %} ")).toBeUndefined();
    expect(expressionOf("a {% 1 %}")).toBeUndefined();
    expect(expressionOf("$states.input")).toBeUndefined();
  });

  test("are evaluated at any depth, constants stay", async () => {
    const value = { a: ["{% $states.input.x %}", 1], b: { c: "{% $y %}", d: " {% $y %} " } };
    const bindings = { states: { input: { x: "in" }, context: {} }, variables: { y: [1] } };
    expect(await evaluateValue(value, "Output", bindings)).toEqual({ a: ["in", 1], b: { c: [1], d: " {% $y %} " } });
  });

  test("give plain JSON, without the marks that jsonata leaves on arrays", async () => {
    const result = await evaluate("$states.input.items[n = 1]", { items: [{ n: 1 }, { n: 1 }] });
    expect(Object.getOwnPropertyNames(result)).toEqual(["0", "1", "length"]);
  });

  test("an undefined member inside a constructor is left out, an undefined whole fails", async () => {
    expect(await evaluate("{'a': $states.input.none, 'b': 1}")).toEqual({ b: 1 });
    await expect(evaluate("$states.input.none")).rejects.toMatchObject({
      field: "Output",
      message:
        "The JSONata expression '$states.input.none' specified for the field 'Output' returned nothing (undefined).",
    });
  });

  test("a function is not a result", async () => {
    await expect(evaluate("$sum")).rejects.toThrow("returned an unsupported result type.");
    await expect(evaluate("[function($x){$x}]")).rejects.toThrow("returned an unsupported result type.");
  });

  test("$eval does not exist", async () => {
    await expect(evaluate("$eval('1')")).rejects.toThrow(
      "threw an error during evaluation. T1006: Attempted to invoke a non-function",
    );
  });

  test("an endless recursion ends", async () => {
    await expect(evaluate("($f := function($x){ 1 + $f($x) }; $f(1))")).rejects.toThrow("D1011");
  });

  test("many at once are not charged for each other's time", async () => {
    const busy = "$sum($range(1, 1000, 1).($ * $length($string($))))";
    const results = await Promise.all(Array.from({ length: 60 }, () => evaluate(busy)));
    expect(new Set(results).size).toBe(1);
  }, 30_000);

  test("a regular expression without an end ends", async () => {
    await expect(evaluate(`$match("${"a".repeat(60)}", /(a+)+b/)`)).rejects.toThrow("timed out");
  });

  test("an endless loop ends after its second", async () => {
    await expect(evaluate("($f := function($x){ $f($x) }; $f(1))")).rejects.toThrow("D1012");
  });
});

// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
describe("functions of Step Functions", () => {
  test.each<[string, Json]>([
    ["$partition([1,2,3,4], 3)", [[1, 2, 3], [4]]],
    ["$partition([1,2], 2.9)", [[1, 2]]],
    ["$range(0, 10, 5)", [0, 5, 10]],
    ["$range(3, 1, -1)", [3, 2, 1]],
    ["$hash('x', 'MD5')", "9dd4e461268c8034f5c8564e155c67a6"],
    ["$length($hash('x', 'SHA-256'))", 64],
    ["$parse('{\"a\":[1]}')", { a: [1] }],
    ["$random(7) = $random(7)", true],
    ["$random() < 1", true],
    ["$length($uuid())", 36],
  ])("%s", async (source, expected) => {
    expect(await evaluate(source)).toEqual(expected);
  });

  test.each(["$range(0, 1000, 1)", "$range(0, 1, 0)", "$partition([1], 0)", "$hash('x', 'CRC')", "$parse('{')"])(
    "%s fails",
    async (source) => {
      await expect(evaluate(source)).rejects.toThrow("threw an error during evaluation.");
    },
  );

  test("partitions put together again are the whole", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer(), { minLength: 1 }),
        fc.integer({ min: 1, max: 9 }),
        async (items, size) => {
          const parts = (await evaluate("$partition($all, $size)", {}, { all: items, size })) as number[][];
          expect(parts.flat()).toEqual(items);
          expect(parts.slice(0, -1).every((part) => part.length === size)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("checks before anything runs", () => {
  const none = { result: false, errorOutput: false };

  test.each([
    "$states.input.a[$ > 1]",
    "$map($states.input, function($v) { $v.x })",
    "$states.input.($.a)",
    "$states.input{k: $}",
    "$states.input ~> |$|{'a': 1}|",
    "$states.context.Execution.Id",
    "$x + 1",
  ])("%s is in order", (source) => {
    expect(checkExpression(source, none)).toEqual([]);
  });

  test.each([
    ["$.a", "at the top level"],
    ["$$", "at the top level"],
    ["$string($)", "at the top level"],
    ["$states.result.x", "$states.result"],
    ["{'a': $states.errorOutput}", "$states.errorOutput"],
    ["$states.inputs", "$states.inputs"],
    ["1 +", "not valid JSONata"],
  ])("%s is refused", (source, problem) => {
    expect(checkExpression(source, none).join()).toContain(problem);
  });

  test("results and error outputs are there where they belong", () => {
    expect(checkExpression("$states.result", { result: true, errorOutput: false })).toEqual([]);
    expect(checkExpression("$states.errorOutput", { result: false, errorOutput: true })).toEqual([]);
  });
});
