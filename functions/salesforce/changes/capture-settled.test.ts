import { describe, expect, test } from "@jest/globals";
import { InvalidInputError, TransientError } from "#shared/errors.ts";
import { keys } from "../org/keys.ts";
import { ACCOUNT, account, CLIENT_NAME, changeOf, ORG, OTHER_ACCOUNT, USER } from "../testing.ts";
import { captureChanges } from "./capture-changes.ts";
import { deliveries, idOf, NOW, setUp, summary } from "./testing.ts";

const HEADER = { transactionKey: "0001ae4b-7024-a64a-87f0-f2c8cebdca76", sequenceNumber: 1 };
const FOUR_DAYS = 4 * 24 * 3600;
const seenKey = (recordId: string, change = HEADER) => keys.seen(ORG, change, recordId);
const records = { Account: [account(ACCOUNT), account(OTHER_ACCOUNT)] };

describe("records that no event names", () => {
  const overflow = changeOf({ changeType: "GAP_OVERFLOW", recordIds: ["000000000000000AAA"] });
  const wildcard = changeOf({ recordIds: ["001*", ACCOUNT], transactionKey: "w" });

  test("are left to a reconciliation of all, once for every object and batch", async () => {
    const { deps, published, calls, seen } = setUp({ records });
    const later = changeOf({ changeType: "GAP_OVERFLOW", transactionKey: "b", recordIds: ["000000000000000AAA"] });
    const contacts = changeOf({ entityName: "Contact", recordIds: ["003*"], transactionKey: "c" });
    expect(await captureChanges(deliveries(overflow, later, contacts), deps)).toEqual([]);
    expect(published.map(({ contract, detail }) => [contract.type, detail.data])).toEqual([
      ["reconciliation.requested", { entity: "Account", reason: "overflow", full: true }],
      ["reconciliation.requested", { entity: "Contact", reason: "wildcard", full: true }],
    ]);
    expect(published[0]?.detail.metadata).toMatchObject({ orgId: ORG, actor: USER, causationId: overflow.eventId });
    expect(calls()).toEqual([]);
    expect(seen()).toContain(seenKey("000000000000000AAA"));
  });

  test("do not keep the named ones from being captured", async () => {
    const { deps, published } = setUp({ records });
    expect(await captureChanges(deliveries(wildcard), deps)).toEqual([]);
    expect(published.map(idOf).sort()).toEqual([ACCOUNT, "Account"].sort());
  });

  test("are tried again when the request could not be published", async () => {
    const refuse = { Account: new TransientError("ThrottlingException", "slow down") };
    const { deps, seen } = setUp({ records, refuse });
    const failures = await captureChanges(deliveries(overflow, wildcard, changeOf({ sequenceNumber: 2 })), deps);
    expect(summary(failures)).toEqual([
      ["m1", "TransientError", "ThrottlingException"],
      ["m2", "TransientError", "RECORDS_FAILED"],
    ]);
    expect(seen()).toEqual([
      seenKey(ACCOUNT, { transactionKey: "w", sequenceNumber: 1 }),
      seenKey(ACCOUNT, { ...HEADER, sequenceNumber: 2 }),
    ]);
  });

  test("of an object that does not feed the customer are of no interest", async () => {
    const { deps, published } = setUp({ records });
    const lead = changeOf({ entityName: "Lead", changeType: "GAP_OVERFLOW", recordIds: ["000000000000000AAA"] });
    expect(await captureChanges(deliveries(lead), deps)).toEqual([]);
    expect(published).toEqual([]);
  });
});

describe("a captured change", () => {
  test("is marked as seen for four days, every record of it", async () => {
    const { deps, expiries } = setUp({ records });
    await captureChanges(deliveries(changeOf({ recordIds: [ACCOUNT, OTHER_ACCOUNT] })), deps);
    const expiresAt = Math.floor(NOW / 1000) + FOUR_DAYS;
    expect(Object.fromEntries(expiries)).toEqual({
      [seenKey(ACCOUNT)]: expiresAt,
      [seenKey(OTHER_ACCOUNT)]: expiresAt,
    });
  });

  test("is done even when the mark could not be written", async () => {
    const { deps, published } = setUp({ records, stateFails: new TransientError("THROTTLED", "slow down") });
    expect(await captureChanges(deliveries(changeOf()), deps)).toEqual([]);
    expect(published).toHaveLength(1);
  });

  test.each([
    ["echo", { changeOrigin: `x;client=${CLIENT_NAME}`, changedFields: ["Sync_State__c"] }],
    ["change of another object", { entityName: "Opportunity", recordIds: ["006000000000001AAA"] }],
  ])("is marked too when it is left out as an %s", async (_what, members) => {
    const { deps, seen, calls } = setUp();
    const change = changeOf(members);
    await captureChanges(deliveries(change), deps);
    expect(seen()).toEqual([seenKey(change.recordIds[0] ?? "")]);
    expect(calls()).toEqual([]);
  });

  test("is not marked where it will be tried again, and is where it is parked", async () => {
    const refuse = {
      [ACCOUNT]: new TransientError("ThrottlingException", "slow down"),
      [OTHER_ACCOUNT]: new InvalidInputError("EVENT_TOO_LARGE", "too large"),
    };
    const { deps, seen } = setUp({ records, refuse });
    await captureChanges(deliveries(changeOf({ recordIds: [ACCOUNT, OTHER_ACCOUNT] })), deps);
    expect(seen()).toEqual([seenKey(OTHER_ACCOUNT)]);
  });

  test("is marked only after its event was published", async () => {
    const { deps, seen } = setUp({ records });
    const before: number[] = [];
    const publish: typeof deps.publish = (events) => {
      before.push(seen().length);
      return deps.publish(events);
    };
    await captureChanges(deliveries(changeOf()), { ...deps, publish });
    expect([before, seen().length]).toEqual([[0], 1]);
  });
});

test("the echoes that cannot be told fail the batch of their organisation, to be tried again", async () => {
  const { deps, published } = setUp({ records });
  const findEchoes = () => Promise.reject(new TransientError("THROTTLED", "slow down"));
  expect(summary(await captureChanges(deliveries(changeOf()), { ...deps, findEchoes }))).toEqual([
    ["m1", "TransientError", "THROTTLED"],
  ]);
  expect(published).toEqual([]);
});
