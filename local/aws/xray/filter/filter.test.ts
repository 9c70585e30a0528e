import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { SegmentDocument } from "../../kernel/service.ts";
import { viewOf } from "../view.ts";
import { evaluate } from "./evaluate.ts";
import { parseFilter } from "./parse.ts";

const TRACE = "1-5759e988-bd862e3fe1be46a994272793";
const root: SegmentDocument = {
  name: "capture",
  id: "aaaaaaaaaaaaaaaa",
  trace_id: TRACE,
  origin: "AWS::Lambda",
  start_time: 100,
  end_time: 103,
  user: "sf-user",
  http: { request: { url: "https://crm.example/api", method: "POST" }, response: { status: 503 } },
  annotations: { correlationId: "c-1", version: 7, replay: false },
};
const child: SegmentDocument = {
  name: "upsert",
  id: "bbbbbbbbbbbbbbbb",
  trace_id: TRACE,
  parent_id: root.id,
  origin: "AWS::Lambda::Function",
  start_time: 101,
  end_time: 106,
  fault: true,
  subsegments: [
    { name: "stripe", id: "cccccccccccccccc", start_time: 101, end_time: 102, annotations: { "aws.api.key": "x" } },
  ],
};
const view = viewOf({
  id: TRACE,
  revision: 1,
  documents: new Map([root, child].map((document) => [document.id, document])),
});
const passes = (expression: string) => evaluate(parseFilter(expression), view);

// https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html
describe("a filter expression", () => {
  test.each([
    ['annotation.correlationId = "c-1"', true],
    ['annotation[correlationId] = "c-1"', true],
    ["annotation[correlationId] = 'c-1'", true],
    ['annotation.correlationId = "c-2"', false],
    ['annotation.correlationId != "c-2"', true],
    ['annotation.correlationId BEGINSWITH "c-"', true],
    ['annotation.correlationId ENDSWITH "2"', false],
    ["annotation.correlationId", true],
    ["annotation.absent", false],
    ['annotation.absent != "x"', false],
    ["annotation.version = 7", true],
    ["annotation.version > 7", false],
    ["annotation.version >= 7 AND annotation.version < 8", true],
    ['annotation.version = "7"', false],
    ["annotation.replay = false", true],
    ['annotation[aws.api.key] = "x"', true],
    ["fault", true],
    ["fault = true", true],
    ["error", false],
    ["!error", true],
    ["NOT fault", false],
    ["ok", false],
    ["throttle OR fault", true],
    ["error OR throttle AND fault", false],
    ["(error OR fault) AND http.status = 503", true],
    ["partial", false],
    ["responsetime = 3", true],
    ["duration = 6", true],
    ["duration > 6.5", false],
    ['http.url CONTAINS "crm.example"', true],
    ['http.method = "POST"', true],
    ['user = "sf-user"', true],
    ['name = "upsert" AND type = "AWS::Lambda::Function"', true],
    ['service("upsert")', true],
    ['service("stripe")', false],
    ['service("upsert") { fault }', true],
    ['service("capture") { fault }', false],
    ['service(id(name: "capture", type: "AWS::Lambda")) { annotation.version = 7 }', true],
    ['service(id(name: "capture", type: "client"))', false],
    ["service() { fault }", true],
  ])("%s is %s", (expression, expected) => {
    expect(passes(expression)).toBe(expected);
  });

  test.each([
    ["fault AND", "its end"],
    ["fault fault", "fault"],
    ["(fault", "its end"],
    ["annotation.a = ", "its end"],
    ["annotation[", "its end"],
    ["colour = 1", "the twin does not know the keyword 'colour'"],
    ["http.status", "must be compared"],
    ['service("a', '"a'],
    ["service(id(colour: 1))", "name or type was expected"],
    ["duration = §", "§"],
  ])("%s is refused where it breaks", (expression, part) => {
    expect(() => parseFilter(expression)).toThrow(expect.objectContaining({ code: "InvalidRequestException" }));
    expect(() => parseFilter(expression)).toThrow(part);
  });

  test("compares any text that is quoted", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const documents = new Map([[root.id, { ...root, annotations: { key: text } }]]);
        const quoted = text.replace(/[\\"]/g, "\\$&");
        expect(
          evaluate(parseFilter(`annotation.key = "${quoted}"`), viewOf({ id: TRACE, revision: 1, documents })),
        ).toBe(true);
      }),
    );
  });

  test("is either understood or refused, whatever was typed", () => {
    const word = fc.constantFrom(
      "fault",
      "AND",
      "OR",
      "!",
      "(",
      ")",
      "annotation.a",
      "=",
      '"x"',
      "3",
      "service",
      "{",
      "}",
      "id",
      ":",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        try {
          expect(typeof passes(words.join(" "))).toBe("boolean");
        } catch (error) {
          expect(error).toMatchObject({ code: "InvalidRequestException" });
        }
      }),
    );
  });
});
