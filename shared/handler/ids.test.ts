import { describe, expect, test } from "@jest/globals";
import { idsOf } from "./ids.ts";

const ID = "0015f00002J9YaUAAV";
const OTHER = "0015f00002J9YYEAA3";
const header = (recordIds: unknown, entityName = "Account") => ({ ChangeEventHeader: { entityName, recordIds } });
const relayed = (recordIds: unknown, entityName?: string) => ({ payload: header(recordIds, entityName) });

describe("the account of a raw change", () => {
  test.each<[string, object]>([
    ["Event Relay's", relayed([ID])],
    ["AppFlow's", header([ID])],
    ["named twice", relayed([ID, ID])],
  ])("%s", (_title, detail) => {
    expect(idsOf(JSON.stringify({ detail }))).toEqual({ customerId: ID });
  });

  test("is told as it is written, also without its checksum", () => {
    expect(idsOf(JSON.stringify({ detail: relayed([ID.slice(0, 15)]) }))).toEqual({ customerId: ID.slice(0, 15) });
  });

  test.each<[string, object]>([
    ["several accounts", relayed([ID, OTHER])],
    ["none", relayed([])],
    ["a wildcard", relayed(["001*"])],
    ["a contact", relayed(["0035f00000A1b2cAAB"], "Contact")],
    ["an id of another object", relayed(["0035f00000A1b2cAAB"])],
    ["a name", relayed(["001 Erika Mustermann"])],
    ["ids that are no list", relayed(ID)],
    ["a header that is null", { payload: { ChangeEventHeader: null } }],
    ["what could not be decoded", { unreadable: { payload: "AAAA" } }],
  ])("is not known of %s", (_title, detail) => {
    expect(idsOf(JSON.stringify({ detail }))).toEqual({});
  });
});

test("a fleet event names its customer itself", () => {
  expect(idsOf(JSON.stringify({ detail: { data: { customerId: OTHER }, ...relayed([ID]) } }))).toEqual({
    customerId: OTHER,
  });
});
