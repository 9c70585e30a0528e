import { describe, expect, test } from "@jest/globals";
import { COMMIT, header } from "../testing.ts";
import { payloadDecoder } from "./avro.ts";
import { ACCOUNT_SCHEMA, bitmaps, type PlainChange, toAvro } from "./testing/schemas.ts";

const SCHEMA = JSON.stringify(ACCOUNT_SCHEMA);
const decode = payloadDecoder(SCHEMA);
const decoded = (change: PlainChange) => decode(toAvro(change));

// https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-deserialization-considerations.html
describe("a payload", () => {
  test("of an update has what changed, null for what was emptied, and nothing else", () => {
    const changedFields = [
      "Phone",
      "AnnualRevenue",
      "LastModifiedDate",
      "BillingAddress.Street",
      "BillingAddress.City",
    ];
    const payload = decoded({
      header: header({ changedFields }),
      fields: { AnnualRevenue: 1.5, LastModifiedDate: COMMIT, BillingAddress: { Street: "Main St" } },
      nulled: ["Phone", "BillingAddress.City"],
    });
    expect(payload).toEqual({
      ChangeEventHeader: { ...header({ changedFields }), commitNumber: 0 },
      Phone: null,
      AnnualRevenue: 1.5,
      LastModifiedDate: COMMIT,
      BillingAddress: { Street: "Main St", City: null },
    });
  });

  test("keeps all 19 digits of a commit number", () => {
    const { ChangeEventHeader } = decoded({ header: header({ commitNumber: 1745500706683617281n }) });
    expect(ChangeEventHeader).toMatchObject({ commitNumber: "1745500706683617281", commitTimestamp: COMMIT });
  });

  test("has the name of a business as text, that of a person in parts", () => {
    expect(decoded({ header: header(), fields: { Name: "Acme" } })).toMatchObject({ Name: "Acme" });
    const name = { FirstName: "Ada", LastName: "Lovelace" };
    expect(decoded({ header: header(), fields: { Name: name } })).toMatchObject({ Name: name });
  });

  test.each([
    ["part by part", { nulled: ["BillingAddress.Street", "BillingAddress.City"] }, { Street: null, City: null }],
    ["as a whole", { nulled: ["BillingAddress"] }, null],
    [
      "in part, beside a part that is set",
      { fields: { City: "X" }, nulled: ["BillingAddress.Street"] },
      { Street: null, City: "X" },
    ],
  ])(
    "tells of a compound field emptied %s",
    (_how, { nulled, fields }: { nulled: string[]; fields?: object }, expected) => {
      const change = { header: header(), nulled, fields: fields ? { BillingAddress: fields } : {} };
      expect(decoded(change).BillingAddress).toEqual(expected);
    },
  );

  test("has a long text's diff in place of its value", () => {
    const change = { header: header(), fields: { Description: "--- \n+++ abc" }, diffed: ["Description"] };
    expect(decoded(change).Description).toEqual({ diff: "--- \n+++ abc" });
  });

  test("of a deletion is its header alone", () => {
    expect(Object.keys(decoded({ header: header({ changeType: "DELETE", changedFields: [] }) }))).toEqual([
      "ChangeEventHeader",
    ]);
  });
});

describe("bitmaps", () => {
  const changedFieldsOf = (text: readonly string[]) => {
    const schema = structuredClone(ACCOUNT_SCHEMA);
    const plain = toAvro({ header: header({ changedFields: [] }) });
    // The header's last member is the list of changed fields: an empty one is a single zero byte.
    const at = plain.length - schema.fields.length;
    const list = Buffer.concat([
      Buffer.from([text.length * 2]),
      ...text.map((one) => Buffer.concat([Buffer.from([one.length * 2]), Buffer.from(one)])),
    ]);
    const payload = decode(Buffer.concat([plain.subarray(0, at), list, plain.subarray(at)]));
    return (payload.ChangeEventHeader as { changedFields: string[] }).changedFields;
  };

  test("name fields beyond the 64th", () => {
    expect(bitmaps(["Custom_69__c"])).toEqual([expect.stringMatching(/^0x[0-9A-F]{20}$/)]);
    expect(changedFieldsOf(bitmaps(["Phone", "Custom_69__c"]))).toEqual(["Phone", "Custom_69__c"]);
  });

  test.each([
    [
      ["0x4", "3-0x3"],
      ["Phone", "BillingAddress.Street", "BillingAddress.City"],
    ],
    [["3-0x01"], ["BillingAddress.Street"]],
    [["0x00000004"], ["Phone"]],
    [["0x0"], []],
  ])("%j stand for %j", (text, names) => {
    expect(changedFieldsOf(text)).toEqual(names);
  });

  test("that go beyond the schema name positions, names stay names", () => {
    expect(changedFieldsOf([`0x${(1n << 200n).toString(16)}`, "3-0x80", "900-0x1", "Phone"])).toEqual([
      "#200",
      "BillingAddress.#7",
      "#900.#0",
      "Phone",
    ]);
  });
});

describe("what is no change event", () => {
  test.each([
    ["no JSON", "{", "Salesforce's event schema is not valid Avro."],
    ["no Avro", '{"type":"wish"}', "Salesforce's event schema is not valid Avro."],
    ["no record", '"string"', "Salesforce's event schema is not an Avro record."],
    [
      "a platform event",
      '{"type":"record","name":"Order__e","fields":[]}',
      "Events of schema Order__e are no change events.",
    ],
  ])("a schema that is %s", (_what, schema, message) => {
    expect(() => payloadDecoder(schema)).toThrow(expect.objectContaining({ name: "ContractError", message }));
  });

  test("a payload that ends too early, or goes on", () => {
    const payload = toAvro({ header: header() });
    for (const wrong of [payload.subarray(0, payload.length - 3), Buffer.concat([payload, Buffer.from([0])])])
      expect(() => decode(wrong)).toThrow(expect.objectContaining({ name: "ContractError", code: "BAD_PAYLOAD" }));
  });
});
