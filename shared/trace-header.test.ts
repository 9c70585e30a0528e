import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { adoptTraceHeader, formatTraceHeader, parseTraceHeader } from "./trace-header.ts";

const ROOT = "1-5759e988-bd862e3fe1be46a994272793";
const OTHER = "1-5759e988-bd862e3fe1be46a994272794";
const PARENT = "53995c3f42cd8ad8";

// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
describe("parseTraceHeader", () => {
  test.each([
    [`Root=${ROOT};Parent=${PARENT};Sampled=1`, { root: ROOT, parent: PARENT, sampled: true }],
    [`Root=${ROOT};Sampled=0`, { root: ROOT, sampled: false }],
    [
      `Root=${ROOT};Parent=${PARENT};Sampled=1;Lineage=a87bd80c:1|68fd508a:5`,
      { root: ROOT, parent: PARENT, sampled: true },
    ],
    [`Self=1-1-1;Root=${ROOT}`, { root: ROOT, sampled: true }],
    ["Root=1-xyz;Sampled=1", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%s", (text, expected) => {
    expect(parseTraceHeader(text)).toEqual(expected);
  });

  test("reads what formatTraceHeader writes", () => {
    const hex = (length: number) =>
      fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
    fc.assert(
      fc.property(
        hex(8),
        hex(24),
        fc.option(hex(16), { nil: undefined }),
        fc.boolean(),
        (time, id, parent, sampled) => {
          const header = { root: `1-${time}-${id}`, sampled, ...(parent ? { parent } : {}) };
          expect(parseTraceHeader(formatTraceHeader(header))).toEqual(header);
        },
      ),
    );
  });

  test("never fails on other text", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseTraceHeader(text)));
  });
});

describe("adoptTraceHeader", () => {
  const platform = `Root=${ROOT};Parent=${PARENT};Sampled=1`;
  const carried = `Root=${ROOT};Parent=0000000000000001;Sampled=1`;

  test.each([
    ["the platform's while it belongs to the change's trace", platform, carried, platform],
    ["the carried one after the platform began another trace", `Root=${OTHER};Sampled=1`, carried, carried],
    ["the carried one when the platform has none", undefined, carried, carried],
    ["the platform's when nothing usable is carried", platform, "Root=broken", platform],
    ["none when there is none", "rubbish", undefined, undefined],
  ])("takes %s", (_case, own, change, expected) => {
    expect(adoptTraceHeader(own, change)).toBe(expected);
  });
});
