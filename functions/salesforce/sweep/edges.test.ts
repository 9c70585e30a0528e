import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { TransientError } from "#shared/errors.ts";
import { keys } from "../org/keys.ts";
import { readMark } from "./mark.ts";
import { newBench, SweepBench, startTables } from "./testing.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const tables = await startTables();
afterAll(() => tables.close());
let { org, bench } = newBench(tables);
beforeEach(() => {
  ({ org, bench } = newBench(tables));
});

/** An organisation of three hours' age with three accounts: one stays, one changes, one is deleted for good. */
async function youngOrg() {
  org.createdAt = org.time - 3 * HOUR;
  const [same = "", changed = "", gone = ""] = [1, 2, 3].map(() => org.create("Account"));
  for (const id of [same, changed, gone]) await bench.capture(id);
  org.time += HOUR;
  org.update(changed, { Name: "Changed" });
  org.removeForGood(gone);
  org.time += HOUR;
  return { same, changed, gone };
}

describe("an organisation that is younger than the delete log looks back", () => {
  test("is swept to the end: what changed is repaired, and what is gone is found in a shorter log", async () => {
    const { changed, gone } = await youngOrg();
    await bench.sweep({ full: true, reason: "manual" });
    expect(bench.repaired).toEqual([`changed ${changed}`, `deleted ${gone}`]);
    expect(bench.drift).toMatchObject({ different: 1, deleted: 1, unexplained: 0 });
    expect(org.calls.filter((call) => call.startsWith("deletedBetween")).length).toBeLessThanOrEqual(12);
  });

  test("is compared as a whole where the log does not tell of the window", async () => {
    const { changed, gone } = await youngOrg();
    const window = { from: new Date(org.time - 2 * DAY).toISOString(), to: new Date(org.time).toISOString() };
    await bench.sweep({ reason: "manual", window });
    expect(bench.repaired).toEqual([`changed ${changed}`, `deleted ${gone}`]);
  });

  test("names what is gone as unexplained when the log tells nothing at all", async () => {
    const { changed } = await youngOrg();
    org.createdAt = Number.POSITIVE_INFINITY;
    await bench.sweep({ full: true, reason: "manual" });
    expect(bench.repaired).toEqual([`changed ${changed}`]);
    expect(bench.drift).toMatchObject({ different: 1, deleted: 0, unexplained: 1 });
  });

  test("finds the account of a contact that is gone for good", async () => {
    const account = org.create("Account");
    const contact = org.create("Contact", { AccountId: account });
    await bench.capture(account);
    org.createdAt = org.time - HOUR;
    org.time += HOUR;
    org.removeForGood(contact);
    org.time += HOUR;
    const window = { from: new Date(org.time - 2 * DAY).toISOString(), to: new Date(org.time).toISOString() };
    await bench.sweep({ entity: "Contact", reason: "manual", window });
    expect(bench.repaired).toEqual([`changed ${account}`]);
  });
});

describe("what is kept and cannot be read", () => {
  test("of a mark is as good as none: everything is compared, and a new mark is written", async () => {
    const account = org.create("Account");
    const key = keys.sweep(org.id, "Account");
    await tables.state.replace(key, { until: "yesterday" }, 0);
    org.time += DAY;
    await bench.sweep();
    expect(bench.repaired).toEqual([`changed ${account}`]);
    expect(bench.drift).toMatchObject({ full: true });
    expect(await readMark(tables.state, org.id, "Account")).toBe(new Date(org.time - 5 * 60_000).toISOString());
  });

  test.each(["Account", "Contact"])(
    "of a contact's owners makes a sweep of %s ask for a comparison of all contacts",
    async (entity) => {
      const [old, next] = [org.create("Account"), org.create("Account")];
      const contact = org.create("Contact", { AccountId: old });
      for (const id of [old, next]) await bench.capture(id);
      org.time += HOUR;
      for (const swept of ["Account", "Contact"]) await bench.sweep({ entity: swept });
      await tables.state.writeMany([{ key: keys.related(org.id, contact), value: "unreadable" }]);
      org.time += HOUR;
      org.update(contact, { AccountId: next });
      org.update(next, { Name: "Next" });
      org.time += HOUR;
      await bench.sweep({ entity });
      // The bench works what is asked for as well.
      expect(bench.repaired).toEqual([old, next].map((id) => `changed ${id}`).sort());
      expect((await tables.state.read(keys.related(org.id, contact), z.unknown()))?.value).toEqual({
        accountIds: [next],
      });
    },
  );
});

test("a mark that another sweep moves at the same time is not moved back", async () => {
  org.create("Account");
  org.time += HOUR;
  const { state } = tables;
  const key = keys.sweep(org.id, "Account");
  const later = new Date(org.time + DAY).toISOString();
  let interrupts = 1;
  bench = new SweepBench(org, {
    ...tables,
    state: {
      ...state,
      async replace(at, value, revision, options) {
        if (at === key && interrupts-- > 0 && !(await state.replace(key, { until: later }, 0)))
          throw new TransientError("TEST", "the mark was there");
        return state.replace(at, value, revision, options);
      },
    },
  });
  await bench.sweep();
  expect(await readMark(state, org.id, "Account")).toBe(later);
});
