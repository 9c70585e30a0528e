import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ACCOUNT, CONTACT, changeOf, OTHER_ACCOUNT } from "../testing.ts";
import { type ChangeSource, coalesce } from "./coalesce.ts";

const source = (id: string, members: Record<string, unknown>) => {
  const event = changeOf(members, { id });
  return { event, accountIds: event.recordIds };
};

describe("coalesce", () => {
  test("keeps the newest change by commit, then by sequence, and all causes", () => {
    const old = source("old", { commitTimestamp: 1000, sequenceNumber: 9 });
    const first = source("first", { commitTimestamp: 2000, sequenceNumber: 1 });
    const second = source("second", { commitTimestamp: 2000, sequenceNumber: 2 });
    const [record, ...others] = coalesce([second, old, first]);
    expect(others).toEqual([]);
    expect(record).toMatchObject({ accountId: ACCOUNT, newest: { eventId: "second" }, deletion: undefined });
    expect(record?.causes).toEqual([second, old, first]);
  });

  test("splits a merged event by account", () => {
    const merged = source("merged", { recordIds: [ACCOUNT, OTHER_ACCOUNT] });
    expect(coalesce([merged]).map(({ accountId, causes }) => [accountId, causes])).toEqual([
      [ACCOUNT, [merged]],
      [OTHER_ACCOUNT, [merged]],
    ]);
  });

  test.each(["DELETE", "GAP_DELETE"])("remembers a %s that is not the newest change", (changeType) => {
    const [record] = coalesce([source("2", { commitTimestamp: 2 }), source("1", { commitTimestamp: 1, changeType })]);
    expect(record).toMatchObject({ newest: { eventId: "2" }, deletion: { eventId: "1" } });
  });

  test("brings a contact's change to its account, whose deletion it is not", () => {
    const event = changeOf({ entityName: "Contact", recordIds: [CONTACT], changeType: "DELETE" });
    expect(coalesce([{ event, accountIds: [ACCOUNT] }])).toMatchObject([{ accountId: ACCOUNT, deletion: undefined }]);
    expect(coalesce([{ event, accountIds: [] }])).toEqual([]);
  });

  test("does not depend on the order of arrival", () => {
    const change = fc
      .record({
        id: fc.uuid(),
        commitTimestamp: fc.integer({ min: 1, max: 3 }),
        sequenceNumber: fc.integer({ min: 1, max: 3 }),
        transactionKey: fc.constantFrom("a", "b"),
        changeType: fc.constantFrom("UPDATE", "DELETE", "GAP_DELETE", "UNDELETE"),
        recordIds: fc.constantFrom([ACCOUNT], [OTHER_ACCOUNT], [ACCOUNT, OTHER_ACCOUNT]),
      })
      .map(({ id, ...members }) => source(id, members));
    const shuffled = fc
      .array(change, { maxLength: 12 })
      .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
    fc.assert(fc.property(shuffled, ([one, other]) => expect(essence(one)).toEqual(essence(other))));
  });

  function essence(sources: readonly ChangeSource[]) {
    const records = coalesce(sources).map(({ accountId, newest, deletion, causes }) => ({
      accountId,
      newest: newest.eventId,
      deletion: deletion?.eventId,
      causes: causes.map(({ event }) => event.eventId).sort(),
    }));
    return records.sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
  }
});
