import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { checkInput, targetInput } from "./input.ts";
import { compileJsonPath } from "./json-path.ts";
import type { BusEvent, Target } from "./model.ts";

// Every case: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
const event: BusEvent = {
  version: "0",
  id: "e-1",
  "detail-type": "customer.changed",
  source: "fleet.salesforce",
  account: "123456789012",
  time: "2026-11-22T10:00:00Z",
  region: "us-east-1",
  resources: ["r-1"],
  detail: {
    name: "Ann",
    count: 3,
    ok: true,
    none: null,
    ids: { acc_id: "0a78", sf_id: "baz" },
    states: ["ACTIVE", "INACTIVE"],
  },
};
const facts = { ruleArn: "arn:aws:events:us-east-1:123456789012:rule/r", ruleName: "r", ingestedAt: 1_700_000_000_000 };
const base: Target = { Id: "t", Arn: "arn:aws:sqs:us-east-1:123456789012:q" };
const paths = {
  name: "$.detail.name",
  count: "$.detail.count",
  ok: "$.detail.ok",
  none: "$.detail.none",
  ids: "$.detail.ids",
  states: "$.detail.states",
  missing: "$.detail.nothing",
};
const transform = (InputTemplate: string) =>
  targetInput({ ...base, InputTransformer: { InputPathsMap: paths, InputTemplate } }, event, facts);

describe("target input", () => {
  test("is the whole event without options, the constant with Input", () => {
    expect(targetInput(base, event, facts)).toBe(JSON.stringify(event));
    expect(targetInput({ ...base, Input: '{"a": 1}' }, event, facts)).toBe('{"a": 1}');
  });

  test.each([
    ["$.detail.name", '"Ann"'],
    ["$.detail.ids", '{"acc_id":"0a78","sf_id":"baz"}'],
    ["$.detail.states[1]", '"INACTIVE"'],
    ["$['detail-type']", '"customer.changed"'],
    ["$.detail-type", '"customer.changed"'],
    ["$.detail.ids[*]", '["0a78","baz"]'],
    ["$.detail.nothing", "null"],
    ["$", JSON.stringify(event)],
  ])("InputPath %s selects %s", (InputPath, selected) => {
    expect(targetInput({ ...base, InputPath }, event, facts)).toBe(selected);
  });

  test.each([
    ['{"id": <name>}', '{"id": "Ann"}'],
    [
      '{"id": <ids>, "n": <count>, "ok": <ok>, "none": <none>}',
      '{"id": {"acc_id":"0a78","sf_id":"baz"}, "n": 3, "ok": true, "none": null}',
    ],
    ['"hello <name>, <name>!"', '"hello Ann, Ann!"'],
    ['{"p": "users/<name>/<count>"}', '{"p": "users/Ann/3"}'],
    ['"of <ids> and <states>"', '"of {acc_id:0a78,sf_id:baz} and [ACTIVE,INACTIVE]"'],
    ['{"m": <missing>}', '{"m": ""}'],
    ['"m<missing>"', '"m"'],
    ['"one <name>"\n"two <count>"', '"one Ann"\n"two 3"'],
    ['{"q": "a \\" <name>", "n": <name>}', '{"q": "a \\" Ann", "n": "Ann"}'],
    ['{"rule": <aws.events.rule-arn>, "name": "<aws.events.rule-name>"}', `{"rule": "${facts.ruleArn}", "name": "r"}`],
    ['{"at": <aws.events.event.ingestion-time>}', '{"at": "2023-11-14T22:13:20.000Z"}'],
    ['{"e": <aws.events.event.json>}', `{"e": ${JSON.stringify(event)}}`],
    [
      "<aws.events.event>",
      '{"id":"e-1","account":"123456789012","detailType":"customer.changed","time":"2026-11-22T10:00:00Z","source":"fleet.salesforce","region":"us-east-1","resources":["r-1"],"version":"0"}',
    ],
  ])("the template %s gives %s", (template, filled) => {
    expect(transform(template)).toBe(filled);
  });

  test("a bare placeholder always leaves valid JSON that holds the value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const sample = { ...event, detail: { value } };
        const InputTransformer = { InputPathsMap: { v: "$.detail.value" }, InputTemplate: '{"v": <v>}' };
        const filled = targetInput({ ...base, InputTransformer }, sample, facts);
        expect(JSON.parse(filled)).toEqual(JSON.parse(JSON.stringify({ v: value })));
      }),
    );
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
describe("checkInput", () => {
  const InputTransformer = { InputPathsMap: { a: "$.a" }, InputTemplate: "<a>" };
  test.each([
    [
      { Input: "{}", InputPath: "$" },
      "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
    ],
    [
      { InputPath: "$", InputTransformer },
      "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
    ],
    [{ Input: "{" }, "JSON syntax error in input for target t."],
    [{ InputPath: "detail" }, "InputPath for target t is not a valid JSONPath"],
    [{ InputTransformer: { InputTemplate: "<b>" } }, "InputTemplate for target t contains invalid placeholder b."],
    [{ InputTransformer: { InputPathsMap: { b: "$..x" }, InputTemplate: "<b>" } }, "InputPathsMap.b for target t"],
    [{ InputTransformer: { InputPathsMap: { "aws.x": "$" }, InputTemplate: "1" } }, "reserved name aws.x"],
    [
      {
        InputTransformer: {
          InputPathsMap: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`v${n}`, "$"])),
          InputTemplate: "1",
        },
      },
      "at most 100",
    ],
  ])("refuses %j", (options, text) => {
    expect(() => checkInput({ ...base, ...options } as Target)).toThrow(text);
  });

  test("takes every documented form", () => {
    for (const options of [{}, { Input: "1" }, { InputPath: "$.detail" }, { InputTransformer }])
      expect(() => checkInput({ ...base, ...options })).not.toThrow();
  });
});

test("a JSONPath selects what the keys of any object name", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 5 }),
      fc.jsonValue(),
      (keys, value) => {
        const document = keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
        expect(compileJsonPath(`$.${keys.join(".")}`)(document)).toEqual(value);
        expect(compileJsonPath(`$${keys.map((key) => `['${key}']`).join("")}`)(document)).toEqual(value);
      },
    ),
  );
});
