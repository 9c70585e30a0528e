import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { header, ORG, relayed } from "../testing.ts";
import { decodeChange, readChange } from "./cdc.ts";

const valuesOf = (members: Record<string, unknown>, fields: Record<string, unknown>) =>
  Object.fromEntries(
    readChange({ ChangeEventHeader: header(members), ...fields }, { eventId: "1", orgId: ORG, isCaughtUp: false })
      .changedValues,
  );
const diff = { diff: "--- \n+++ 0f\n@@ -1,1 +1,1 @@\n-a\n+b" };

describe("the changed values", () => {
  test("of an update are those that changed, parts of compounds apart", () => {
    const changedFields = ["LastModifiedDate", "Name.LastName", "BillingAddress.Street", "Phone"];
    const fields = {
      LastModifiedDate: "2025-04-24T13:18:26.000Z",
      Name: { LastName: "Youngest" },
      BillingAddress: { Street: "Weg 1" },
      Phone: null,
    };
    expect(valuesOf({ changedFields }, fields)).toEqual({
      LastModifiedDate: "2025-04-24T13:18:26.000Z",
      "Name.LastName": "Youngest",
      "BillingAddress.Street": "Weg 1",
      Phone: null,
    });
  });

  test("of an update leave out what did not change, though it is there as null", () => {
    const fields = { Phone: "1", Fax: null, BillingAddress: { Street: "Weg 1", City: null } };
    expect(valuesOf({ changedFields: ["Phone", "BillingAddress.Street"] }, fields)).toEqual({
      Phone: "1",
      "BillingAddress.Street": "Weg 1",
    });
  });

  test("of a compound that is named or cleared as a whole are its parts", () => {
    const fields = { Location__c: { Latitude: 1, Longitude: 2 }, BillingAddress: null };
    const changedFields = ["Location__c", "BillingAddress.Street", "BillingAddress.City"];
    expect(valuesOf({ changedFields }, fields)).toEqual({
      "Location__c.Latitude": 1,
      "Location__c.Longitude": 2,
      "BillingAddress.Street": null,
      "BillingAddress.City": null,
    });
  });

  test("have no text diff, in either encoding", () => {
    const fields = { Description: diff, Site: "--- diff" };
    const changedFields = ["Description", "Site"];
    expect(valuesOf({ changedFields, diffFields: ["Site"] }, fields)).toEqual({});
  });

  test("have null for what nulledFields name", () => {
    expect(valuesOf({ changedFields: ["Phone"], nulledFields: ["Phone"] }, {})).toEqual({ Phone: null });
  });

  test.each(["CREATE", "UNDELETE"])("of a %s are all that are not null", (changeType) => {
    const fields = { Name: "Acme", Phone: null, BillingAddress: { Street: "Weg 1", City: null }, Plan__c: undefined };
    expect(valuesOf({ changeType, changedFields: [] }, fields)).toEqual({
      Name: "Acme",
      "BillingAddress.Street": "Weg 1",
    });
  });

  test.each([
    ["a deletion", { changeType: "DELETE" }],
    ["a gap", { changeType: "GAP_UPDATE" }],
    ["an update that names fields by bitmap", { changedFields: ["0x400800", "4-0x01"] }],
    ["an update whose fields AppFlow did not map", { changedFields: ["Region__c"] }],
  ])("of %s are none", (_name, members) => {
    expect(valuesOf(members, { Name: "Acme" })).toEqual({});
  });
});

describe("one change in either encoding", () => {
  const names = [
    "Phone",
    "Fax",
    "Plan__c",
    "Description",
    "BillingAddress.Street",
    "BillingAddress.City",
    "Name.LastName",
  ];
  const state = fc.constantFrom("unchanged", "set", "cleared", "diff");
  const edits = fc.tuple(...names.map(() => fc.tuple(state, fc.string())));

  test("gives the same change event", () => {
    fc.assert(
      fc.property(edits, (all) => {
        const edited = names.map((name, index) => ({ name, state: all[index]?.[0], value: all[index]?.[1] }));
        const of = (...states: string[]) =>
          edited.filter((edit) => states.includes(edit.state ?? "")).map(({ name }) => name);
        const changedFields = of("set", "cleared", "diff");
        const json: Record<string, unknown> = {};
        const avro: Record<string, unknown> = {};
        for (const { name, state: what, value } of edited) {
          if (what !== "unchanged") put(json, name, what === "diff" ? diff : what === "set" ? value : null);
          put(avro, name, what === "diff" ? diff.diff : what === "set" ? value : null);
        }
        const source = { eventId: "1", orgId: ORG, isCaughtUp: false };
        const lists = { changedFields, nulledFields: of("cleared"), diffFields: of("diff") };
        const fromAvro = readChange({ ChangeEventHeader: header(lists), ...avro }, source);
        const fromJson = readChange({ ChangeEventHeader: header({ changedFields }), ...json }, source);
        expect([...fromAvro.changedValues].sort()).toEqual([...fromJson.changedValues].sort());
        expect({ ...fromAvro, changedValues: 0 }).toEqual({ ...fromJson, changedValues: 0 });
      }),
    );
  });

  function put(record: Record<string, unknown>, name: string, value: unknown): void {
    const [member = "", part] = name.split(".");
    if (part) record[member] = { ...(record[member] as object), [part]: value };
    else record[member] = value;
  }
});

describe("any documented event", () => {
  const types = ["CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"];
  const id = fc.constantFrom("0015f00002J9YaUAAV", "0015f00002J9YYEAA3", "003ak00000IiFInAAN", "001*");
  const members = fc.record({
    entityName: fc.constantFrom("Account", "Contact", "Lead", "Opportunity", "User", "Employee__c"),
    recordIds: fc.array(id, { minLength: 1 }),
    changeType: fc.constantFrom(...types, "GAP_OVERFLOW"),
    changeOrigin: fc.constantFrom("", "com/salesforce/api/rest/67.0;client=x", undefined),
    sequenceNumber: fc.nat(),
    commitTimestamp: fc.oneof(
      fc.nat({ max: 4_102_444_800_000 }),
      fc.date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true }).map((date) => date.toISOString()),
    ),
    commitNumber: fc.option(fc.constantFrom(7, "1745500706683617281"), { nil: undefined }),
    changedFields: fc.oneof(fc.constant(undefined), fc.array(fc.constantFrom("Name.LastName", "Phone", "0x01"))),
    nulledFields: fc.constantFrom(undefined, null, [], ["Fax"]),
  });
  const fields = fc.record(
    { Name: fc.oneof(fc.string(), fc.record({ LastName: fc.string() })), Phone: fc.option(fc.string()) },
    { requiredKeys: [] },
  );

  test("decodes, relayed or flat", () => {
    fc.assert(
      fc.property(members, fields, ({ commitNumber, ...any }, body) => {
        const record = {
          ChangeEventHeader: header({ ...any, commitNumber: commitNumber && String(commitNumber) }),
          ...body,
        };
        const change = decodeChange(relayed({}, { detail: { payload: record } }));
        expect(decodeChange(relayed({}, { detail: record }))).toEqual(change);
        expect(change.entityName).toBe(any.entityName);
        expect(change.commitTimestamp).toBe(new Date(any.commitTimestamp).getTime());
        const wild = any.recordIds.includes("001*") || any.changeType === "GAP_OVERFLOW";
        expect(change.unnamed !== undefined).toBe(wild);
      }),
    );
  });
});
