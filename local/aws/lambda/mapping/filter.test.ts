import { expect, test } from "@jest/globals";
import { compileFilter } from "./filter.ts";
import { toRecord } from "./record.ts";

function passes(filter: object, body: string): boolean {
  const message = { MessageId: "1", ReceiptHandle: "r", Body: body, MD5OfBody: "m", Attributes: { SenderId: "me" } };
  return compileFilter(JSON.stringify(filter))(toRecord(message, "arn:aws:sqs:us-east-1:123456789012:q"));
}

// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
test.each([
  ["a JSON body that matches", { body: { kind: ["created"] } }, '{"kind":"created"}', true],
  ["a JSON body that does not match", { body: { kind: ["created"] } }, '{"kind":"gone"}', false],
  ["a plain body where JSON is expected", { body: { kind: ["created"] } }, "created", false],
  ["a plain body that matches", { body: ["hello"] }, "hello", true],
  ["a JSON body where plain text is expected", { body: ["hello"] }, '{"a":"hello"}', false],
  ["metadata alone, whatever the body", { attributes: { SenderId: ["me"] } }, "anything", true],
  ["metadata that does not match", { attributes: { SenderId: ["you"] } }, '{"a":1}', false],
  ["an operator", { body: { n: [{ numeric: [">", 3] }] } }, '{"n":4}', true],
] as const)("%s", (_title, filter, body, expected) => {
  expect(passes(filter, body)).toBe(expected);
});

test("a pattern that is none is refused", () => {
  expect(() => compileFilter('{"body":"text"}')).toThrow(/must be an object or an array/);
});
