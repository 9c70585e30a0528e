import { describe, expect, test } from "@jest/globals";
import { parseDocument } from "./documents.ts";

const VALID = {
  name: "capture",
  id: "70de5b6f19ff9a0a",
  trace_id: "1-581cf771-a006649127e371903a2de979",
  start_time: 1.478293361271e9,
  end_time: 1.478293361449e9,
};
const nested = (subsegment: object) => ({ ...VALID, subsegments: [subsegment] });

// https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
describe("a segment document", () => {
  test.each([
    ["that is complete", VALID],
    ["in progress", { ...VALID, end_time: undefined, in_progress: true }],
    ["that is a subsegment sent alone", { ...VALID, type: "subsegment", parent_id: "53995c3f42cd8ad8" }],
    [
      "with subsegments",
      nested({ name: "call", id: "53995c3f42cd8ad8", start_time: 1, end_time: 2, namespace: "aws" }),
    ],
  ])("%s is taken", (_title, document) => {
    expect(parseDocument(JSON.stringify(document))).toEqual(JSON.parse(JSON.stringify(document)));
  });

  test("may have a W3C trace id", () => {
    const document = { ...VALID, trace_id: "581cf771a006649127e371903a2de979" };
    expect(parseDocument(JSON.stringify(document)).trace_id).toBe(VALID.trace_id);
  });

  test.each([
    ["MissingId", { ...VALID, id: undefined }],
    ["InvalidId", { ...VALID, id: "1234" }],
    ["InvalidTraceId", { ...VALID, trace_id: "1-2-3" }],
    ["InvalidTraceId", { ...VALID, trace_id: undefined }],
    ["InvalidName", { ...VALID, name: "" }],
    ["InvalidName", { ...VALID, name: "n".repeat(201) }],
    ["InvalidStartTime", { ...VALID, start_time: "2026-01-01" }],
    ["InvalidEndTime", { ...VALID, end_time: "later" }],
    ["MissingEndTime", { ...VALID, end_time: undefined }],
    ["MissingParentId", { ...VALID, type: "subsegment" }],
    ["InvalidParentId", { ...VALID, parent_id: "x" }],
    ["InvalidType", { ...VALID, type: "segment" }],
    ["InvalidSubsegments", { ...VALID, subsegments: {} }],
    ["MissingId", nested({ name: "call", start_time: 1, end_time: 2 })],
    ["MissingEndTime", nested({ name: "call", id: "53995c3f42cd8ad8", start_time: 1 })],
    ["ParseError", nested(null as never)],
    ["ParseError", []],
    ["SizeLimit", { ...VALID, metadata: { default: { large: "x".repeat(65_536) } } }],
  ])("is refused with %s", (code, document) => {
    expect(() => parseDocument(JSON.stringify(document))).toThrow(expect.objectContaining({ code }));
  });

  test("that is no JSON is refused", () => {
    expect(() => parseDocument("{oops")).toThrow(expect.objectContaining({ code: "ParseError" }));
  });
});
