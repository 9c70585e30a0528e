import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { failedItems } from "./response.ts";

const IDS = ["a", "b", "c"];
const list = (...identifiers: unknown[]) => ({
  batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })),
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
describe("an answer of ReportBatchItemFailures", () => {
  test.each([
    ["an empty list of failures", list()],
    ["a null list of failures", { batchItemFailures: null }],
    ["an empty object", {}],
    ["null", null],
    ["an empty list", []],
    ["an empty string", ""],
  ])("is a complete success: %s", (_title, answer) => {
    expect(failedItems(JSON.stringify(answer), IDS)).toEqual(new Set());
  });

  test("is a complete success when there is no answer at all", () => {
    expect(failedItems("", IDS)).toEqual(new Set());
  });

  test.each([
    ["an empty identifier", list("")],
    ["a null identifier", list(null)],
    ["no identifier", { batchItemFailures: [{}] }],
    ["a wrong key", { batchItemFailures: [{ foo: "a" }] }],
    ["an unknown id", list("a", "unknown")],
    ["a null failure", { batchItemFailures: [null] }],
    ["failures that are no list", { batchItemFailures: "a" }],
    ["a text", "no"],
    ["a number", 1],
    ["a list of something", ["a"]],
  ])("is a complete failure: %s", (_title, answer) => {
    expect(failedItems(JSON.stringify(answer), IDS)).toEqual(new Set(IDS));
  });

  test("is a complete failure when it is not JSON", () => {
    expect(failedItems("{oops", IDS)).toEqual(new Set(IDS));
  });

  test("keeps exactly the named messages", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uuid(), { minLength: 1 }), fc.infiniteStream(fc.boolean()), (ids, coins) => {
        const failed = ids.filter(() => coins.next().value);
        expect(failedItems(JSON.stringify(list(...failed)), ids)).toEqual(new Set(failed));
      }),
    );
  });

  test("never names a message outside the batch", () => {
    fc.assert(
      fc.property(fc.json(), (payload) => {
        const failed = failedItems(payload, IDS);
        expect([...failed].every((id) => IDS.includes(id))).toBe(true);
      }),
    );
  });
});
