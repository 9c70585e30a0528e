import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ACCOUNT, changeOf, OTHER_ACCOUNT } from "../testing.ts";
import type { ChangeEvent } from "./cdc.ts";
import { coalesce } from "./coalesce.ts";

const source = (id: string, members: Record<string, unknown>) => ({ event: changeOf(members, { id }) });

describe("coalesce", () => {
  test("keeps the newest change by commit, then by sequence, and all causes", () => {
    const old = source("old", { commitTimestamp: 1000, sequenceNumber: 9 });
    const first = source("first", { commitTimestamp: 2000, sequenceNumber: 1 });
    const second = source("second", { commitTimestamp: 2000, sequenceNumber: 2 });
    const [record, ...others] = coalesce([second, old, first]);
    expect(others).toEqual([]);
    expect(record).toMatchObject({ recordId: ACCOUNT, newest: { eventId: "second" }, deletion: undefined });
    expect(record?.causes).toEqual([second, old, first]);
  });

  test("splits a merged event by record", () => {
    const merged = source("merged", { recordIds: [ACCOUNT, OTHER_ACCOUNT] });
    expect(coalesce([merged]).map(({ recordId, causes }) => [recordId, causes])).toEqual([
      [ACCOUNT, [merged]],
      [OTHER_ACCOUNT, [merged]],
    ]);
  });

  test.each(["DELETE", "GAP_DELETE"])("remembers a %s that is not the newest change", (changeType) => {
    const [record] = coalesce([source("2", { commitTimestamp: 2 }), source("1", { commitTimestamp: 1, changeType })]);
    expect(record).toMatchObject({ newest: { eventId: "2" }, deletion: { eventId: "1" } });
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

  function essence(sources: readonly { event: ChangeEvent }[]) {
    const records = coalesce(sources).map(({ recordId, newest, deletion, causes }) => ({
      recordId,
      newest: newest.eventId,
      deletion: deletion?.eventId,
      causes: causes.map(({ event }) => event.eventId).sort(),
    }));
    return records.sort((a, b) => (a.recordId < b.recordId ? -1 : 1));
  }
});
