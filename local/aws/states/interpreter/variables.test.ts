import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Json, JsonObject } from "../json.ts";
import { bench, only } from "../testing.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
describe("variables", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/).filter((word) => !["states", "eval"].includes(word));

  test("a member called __proto__ is a member like any other", async () => {
    const { sync } = bench();
    const input = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as Json;
    const state = { Type: "Pass", Output: { copy: "{% $states.input %}" }, End: true };
    const { output } = await sync({ StartAt: "Copy", States: { Copy: state } }, input);
    expect(output).toBe('{"copy":{"__proto__":{"polluted":true},"a":1}}');
  });

  test("what is assigned is what the next state reads, and Output still sees the old values", async () => {
    const { sync } = bench();
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), fc.jsonValue(), async (names, value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Json;
        const assign = Object.fromEntries(names.map((variable) => [variable, "{% $states.input %}"]));
        const read = Object.fromEntries(names.map((variable) => [variable, `{% $${variable} %}`]));
        const exists = names.map((variable) => `{% $exists($${variable}) %}`);
        const result = await sync(
          {
            StartAt: "Set",
            States: {
              Set: { Type: "Pass", Assign: assign, Output: exists, Next: "Get" },
              Get: { Type: "Pass", Output: [read, "{% $states.input %}"], End: true },
            },
          },
          plain,
        );
        const expected = Object.fromEntries(names.map((variable) => [variable, plain]));
        expect(JSON.parse(result.output)).toEqual([expected, names.map(() => false)]);
      }),
      { numRuns: 40 },
    );
  });

  test("all expressions of one Assign use the values of the state's entry", async () => {
    const { sync } = bench();
    const result = await sync({
      StartAt: "A",
      States: {
        A: { Type: "Pass", Assign: { x: 1, y: 2 }, Next: "Swap" },
        Swap: { Type: "Pass", Assign: { x: "{% $y %}", y: "{% $x %}" }, Next: "Read" },
        Read: { Type: "Pass", Output: ["{% $x %}", "{% $y %}"], End: true },
      },
    });
    expect(result.output).toBe("[2,1]");
  });

  test("branches read outer variables, keep their own, and leave nothing behind", async () => {
    const { sync } = bench();
    const branch = (value: number): JsonObject => ({
      StartAt: `Set${value}`,
      States: {
        [`Set${value}`]: { Type: "Pass", Assign: { own: value }, Next: `Get${value}` },
        [`Get${value}`]: { Type: "Pass", Output: ["{% $outer %}", "{% $own %}"], End: true },
      },
    });
    const result = await sync({
      StartAt: "Outer",
      States: {
        Outer: { Type: "Pass", Assign: { outer: "o" }, Next: "Both" },
        Both: { Type: "Parallel", Branches: [branch(1), branch(2)], Next: "After" },
        After: { Type: "Pass", Output: ["{% $states.input %}", "{% $exists($own) %}"], End: true },
      },
    });
    expect(JSON.parse(result.output)).toEqual([
      [
        ["o", 1],
        ["o", 2],
      ],
      false,
    ]);
  });

  test("an inner Assign may not take an outer name, and is refused at creation", async () => {
    const { machine } = bench();
    const inner = only({ Type: "Pass", Assign: { taken: 1 } }, "Inner");
    const definition = {
      StartAt: "Outer",
      States: {
        Outer: { Type: "Pass", Assign: { taken: 0 }, Next: "Both" },
        Both: { Type: "Map", Items: [1], ItemProcessor: inner, End: true },
      },
    };
    await expect(machine(definition)).rejects.toMatchObject({
      code: "InvalidDefinition",
      message: expect.stringContaining("/States/Both/ItemProcessor/States/Inner/Assign/taken"),
    });
  });

  test("the Catch of a Map may assign outer variables", async () => {
    const { sync } = bench();
    const failing = { StartAt: "No", States: { No: { Type: "Fail", Error: "No" } } };
    const result = await sync({
      StartAt: "Outer",
      States: {
        Outer: { Type: "Pass", Assign: { why: "none" }, Next: "Each" },
        Each: {
          Type: "Map",
          Items: [1],
          ItemProcessor: failing,
          Catch: [{ ErrorEquals: ["States.ALL"], Next: "Read", Assign: { why: "{% $states.errorOutput.Error %}" } }],
          Next: "Read",
        },
        Read: { Type: "Pass", Output: "{% $why %}", End: true },
      },
    });
    expect(result.output).toBe('"No"');
  });

  test("together they may have 256 KiB in one Assign", async () => {
    const { sync } = bench();
    const half = "{% $join($range(1, 500, 1).($pad('', 300, 'x'))) %}";
    expect(await sync(only({ Type: "Pass", Assign: { a: half, b: half } }))).toMatchObject({
      status: "FAILED",
      error: "States.DataLimitExceeded",
    });
    expect(await sync(only({ Type: "Pass", Assign: { a: half } }))).toMatchObject({ status: "SUCCEEDED" });
  });
});
