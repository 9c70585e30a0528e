import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { codedMessage, plainError, plainWords } from "./plain-words.ts";

const runtime = (errorMessage: string) =>
  JSON.stringify({
    errorType: "RejectedByTargetError",
    errorMessage,
    trace: [`RejectedByTargetError: ${errorMessage}`, "    at update (file:///var/task/billing.mjs:1:100)"],
  });

test.each([
  ["no such plan", "no such plan"],
  ["", "no message was given"],
  [runtime("no such plan"), "no such plan"],
  [runtime('a "quoted" word'), 'a "quoted" word'],
  [runtime("no such plan").slice(0, 90), "no such plan"],
  ['{"errorMessage":"cut \\"he', 'cut "he'],
  ['{"message":"slow down"}', "slow down"],
  ['{"errorMessage":7}', '{"errorMessage":7}'],
  ["Boom\n    at f (file:///var/task/x.mjs:1:2)\n    at <anonymous>", "Boom"],
  ["it failed\nat midnight", "it failed\nat midnight"],
])("%j becomes %j", (text, words) => {
  expect(plainWords(text)).toBe(words);
});

test.each([
  [{}, { name: "Unknown", message: "no message was given" }],
  [
    { Error: "States.Timeout", Cause: "too slow" },
    { name: "States.Timeout", message: "States.Timeout" },
  ],
  [
    { Error: "E", Cause: "[1] of many" },
    { name: "E", message: "[1] of many" },
  ],
  [
    { Error: "E", Cause: runtime("[api_error] it failed") },
    { name: "E", code: "api_error", message: "it failed" },
  ],
])("what Step Functions caught as %j is told as %j", (caught, error) => {
  expect(plainError(caught)).toEqual(error);
});

test("a code travels with any message, and is told once", () => {
  const code = fc.stringMatching(/^[A-Za-z][\w.-]{0,40}$/);
  fc.assert(
    fc.property(code, fc.string({ minLength: 1 }), (code, message) => {
      const coded = codedMessage({ code, message });
      expect(codedMessage({ code, message: coded })).toBe(coded);
      expect(plainError({ Error: "E", Cause: runtime(coded) })).toMatchObject({ name: "E", code });
    }),
  );
});

test("whatever is thrown, its message is told and its stack is not", () => {
  const message = fc
    .string({ minLength: 1, unit: "binary" })
    .filter((text) => !/^\s*at\s/m.test(text) && !text.includes("{"));
  fc.assert(
    fc.property(message, (text) => {
      const words = plainWords(runtime(text));
      expect(words).toBe(plainWords(text));
      expect(words).not.toContain("/var/task");
      expect(words).not.toBe("");
    }),
  );
});

test("a long message is cut", () => {
  expect(plainWords("x".repeat(5_000))).toHaveLength(1_001);
});
