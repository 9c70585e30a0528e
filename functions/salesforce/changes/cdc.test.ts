import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ContractError, FleetError } from "#shared/errors.ts";
import { ACCOUNT, COMMIT, changeOf, header, ORG, OTHER_ACCOUNT, relayed, USER } from "../testing.ts";
import { decodeChange } from "./cdc.ts";

describe("a good message", () => {
  test("of Event Relay, with the organisation from its source", () => {
    expect(decodeChange(relayed())).toMatchObject({
      eventId: "5c42b99e-c214-4a9c-8fbd-1a41e5faa44a",
      orgId: ORG,
      entityName: "Account",
      changeType: "UPDATE",
      recordIds: [ACCOUNT],
      refusedIds: [],
      transactionKey: "0001ae4b-7024-a64a-87f0-f2c8cebdca76",
      sequenceNumber: 1,
      commitTimestamp: COMMIT,
      commitUser: USER,
      changedFields: ["Name", "LastModifiedDate"],
    });
  });

  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-saas-salesforce.html
  test("of AppFlow, flat and without organisation", () => {
    const source = "aws.partner/appflow.test/salesforce.com/364228160620/CustomSF-Source-Final";
    const change = changeOf({}, { source, detail: { ChangeEventHeader: header(), Region__c: "America" } });
    expect(change).toMatchObject({ orgId: undefined, recordIds: [ACCOUNT] });
  });

  test("keeps all digits of commitNumber", () => {
    const body = relayed({ commitNumber: 0 }).replace('"commitNumber":0', '"commitNumber":1745500706683617281');
    expect(decodeChange(body).commitNumber).toBe("1745500706683617281");
  });

  test("takes the commit time as ISO date too", () => {
    expect(changeOf({ commitTimestamp: new Date(COMMIT).toISOString() }).commitTimestamp).toBe(COMMIT);
    expect(changeOf({ commitTimestamp: "2026-09-21T16:13:20+02:00" }).commitTimestamp).toBe(COMMIT);
  });

  test("completes 15-character ids and names each record once", () => {
    expect(changeOf({ recordIds: [ACCOUNT.slice(0, 15), ACCOUNT, OTHER_ACCOUNT] }).recordIds).toEqual([
      ACCOUNT,
      OTHER_ACCOUNT,
    ]);
  });

  test("keeps one bad id apart from the good ones", () => {
    const change = changeOf({ recordIds: [ACCOUNT, "0015f00002J9YYEAAA"] });
    expect(change.recordIds).toEqual([ACCOUNT]);
    expect(change.refusedIds).toMatchObject([{ recordId: "0015f00002J9YYEAAA", error: { code: "BAD_ID" } }]);
  });

  test.each(["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"])("%s has a header alone", (changeType) => {
    const detail = { payload: { ChangeEventHeader: header({ changeType, changedFields: undefined }) } };
    const change = changeOf({}, { detail });
    expect(change).toMatchObject({ changeType, recordIds: [ACCOUNT], unnamed: undefined, changedFields: [] });
    expect(change.changedValues.size).toBe(0);
  });

  test.each(["Lead", "Opportunity", "Employee__c"])("is one of %s too, which nobody may follow", (entityName) => {
    expect(changeOf({ entityName })).toMatchObject({ entityName, recordIds: [ACCOUNT] });
  });

  test("of an overflow names no record", () => {
    const overflow = { changeType: "GAP_OVERFLOW", recordIds: ["000000000000000AAA"], changedFields: undefined };
    expect(changeOf(overflow)).toMatchObject({
      recordIds: [],
      refusedIds: [],
      unnamed: { reason: "overflow", placeholders: ["000000000000000AAA"] },
    });
    expect(changeOf({ ...overflow, recordIds: [] }).unnamed?.placeholders).toHaveLength(1);
  });

  test("of a wildcard keeps the ids beside it", () => {
    expect(changeOf({ recordIds: ["001*", ACCOUNT, "rubbish"] })).toMatchObject({
      recordIds: [ACCOUNT],
      refusedIds: [{ recordId: "rubbish" }],
      unnamed: { reason: "wildcard", placeholders: ["001*"] },
    });
  });

  test("may have siblings of payload and header members that nobody documented", () => {
    const detail = { schemaId: "s", id: "i", event: { replayId: 7 }, payload: { ChangeEventHeader: header({ x: 1 }) } };
    expect(changeOf({}, { detail }).recordIds).toEqual([ACCOUNT]);
  });

  test("may leave out changeOrigin, changedFields and commitNumber", () => {
    const optional = { changeOrigin: undefined, changedFields: undefined, commitNumber: undefined };
    expect(changeOf(optional)).toMatchObject({ changeOrigin: "", changedFields: [], commitNumber: undefined });
  });
});

describe("a message that cannot be worked", () => {
  test.each([
    ["no JSON", "{", ContractError, "NOT_JSON", /not JSON/],
    ["no event", "[]", ContractError, "NOT_AN_EVENT", /EventBridge/],
    ["null", "null", ContractError, "NOT_AN_EVENT", /EventBridge/],
    ["no detail", JSON.stringify({ id: "1", source: "x" }), ContractError, "NOT_AN_EVENT", /detail/],
    [
      "no header",
      relayed({}, { detail: { payload: { Name: "Acme" } } }),
      ContractError,
      "NO_HEADER",
      /ChangeEventHeader/,
    ],
    ["text payload", relayed({}, { detail: { payload: "avro" } }), ContractError, "NO_HEADER", /ChangeEventHeader/],
    [
      "event that catch-up could not decode",
      relayed(
        {},
        { detail: { unreadable: { replayId: "0a", schemaId: "s1", payload: "AA==", reason: "It is cut off." } } },
      ),
      ContractError,
      "UNREADABLE",
      /^The event at replay id 0a cannot be decoded with schema s1: It is cut off\. Its payload is in the message/,
    ],
    [
      "event that catch-up could not decode and that says nothing",
      relayed({}, { detail: { unreadable: {} } }),
      ContractError,
      "BAD_EVENT",
      /detail\.unreadable is wrong: replayId/,
    ],
    ["unnamed entity", relayed({ entityName: "" }), ContractError, "BAD_HEADER", /entityName/],
    ["unknown type", relayed({ changeType: "SNAPSHOT" }), ContractError, "BAD_HEADER", /changeType/],
    ["empty recordIds", relayed({ recordIds: [] }), ContractError, "BAD_HEADER", /recordIds: must name/],
    ["bad checksum", relayed({ recordIds: ["0015f00002J9YaUAAA"] }), ContractError, "BAD_ID", /checksum/],
    ["text sequence", relayed({ sequenceNumber: "1" }), ContractError, "BAD_HEADER", /sequenceNumber/],
    ["no date", relayed({ commitTimestamp: "yesterday" }), ContractError, "BAD_HEADER", /commitTimestamp/],
    [
      "overflow of no entity",
      relayed({ changeType: "GAP_OVERFLOW", entityName: {} }),
      ContractError,
      "BAD_HEADER",
      /entityName/,
    ],
  ])("%s", (_name, body, type, code, message) => {
    const error = refusalOf(body);
    expect(error).toBeInstanceOf(type);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test.each([
    "entityName",
    "recordIds",
    "changeType",
    "transactionKey",
    "sequenceNumber",
    "commitTimestamp",
    "commitUser",
  ])("a header without %s is refused by its name", (member) => {
    expect(refusalOf(relayed({ [member]: undefined }))).toMatchObject({
      name: "ContractError",
      code: "BAD_HEADER",
      message: expect.stringContaining(member),
    });
  });
});

describe("any message", () => {
  const anyHeader = fc.record(
    {
      entityName: fc.oneof(fc.constant("Account"), fc.jsonValue()),
      recordIds: fc.oneof(fc.array(fc.oneof(fc.constant(ACCOUNT), fc.string())), fc.jsonValue()),
      changeType: fc.oneof(fc.constantFrom("UPDATE", "GAP_OVERFLOW"), fc.jsonValue()),
      commitTimestamp: fc.oneof(fc.nat(), fc.date({ noInvalidDate: true }), fc.jsonValue()),
      commitNumber: fc.jsonValue(),
      sequenceNumber: fc.oneof(fc.nat(), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );

  test("is either decoded into usable values or refused with a reason that is never retried", () => {
    const body = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
      anyHeader.map((members) => relayed(members)),
      fc.jsonValue().map((detail) => relayed({}, { detail })),
    );
    fc.assert(
      fc.property(body, (text) => {
        try {
          const change = decodeChange(text);
          expect(change.recordIds.length + (change.unnamed?.placeholders.length ?? 0)).toBeGreaterThan(0);
          expect(Number.isSafeInteger(change.commitTimestamp)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(FleetError);
          expect((error as FleetError).retryable).toBe(false);
          expect((error as FleetError).message).not.toBe("");
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

function refusalOf(body: string): FleetError {
  try {
    decodeChange(body);
  } catch (error) {
    return error as FleetError;
  }
  throw new Error("expected a refusal");
}
