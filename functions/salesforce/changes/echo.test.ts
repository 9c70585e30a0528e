import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { TransientError } from "#shared/errors.ts";
import type { StateTable } from "#shared/state-table.ts";
import { keys } from "../org/keys.ts";
import { ACCOUNT, CLIENT_NAME, changeOf, header, ORG, OTHER_ACCOUNT } from "../testing.ts";
import type { WrittenValues } from "../write-back/fields.ts";
import { remember, type Written } from "../write-back/written.ts";
import type { ChangeEvent } from "./cdc.ts";
import { createEchoFilter } from "./echo.ts";

const TIME = "2026-09-21T14:13:20.000Z";
const VALUES = { Stripe_Customer_Id__c: "cus_1", Sync_State__c: "synced", Sync_Time__c: TIME };
const OUR_ORIGIN = `com/salesforce/api/rest/67.0;client=${CLIENT_NAME}`;
const THEIR_ORIGIN = "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/";

/** An UPDATE event with these values, as Event Relay brings it. */
function update(values: Record<string, unknown>, members: Record<string, unknown> = {}): ChangeEvent {
  const changedFields = [...Object.keys(values), "LastModifiedDate"];
  const ChangeEventHeader = header({ changeOrigin: OUR_ORIGIN, changedFields, ...members });
  return changeOf({}, { detail: { payload: { ChangeEventHeader, ...values, LastModifiedDate: TIME } } });
}

/** A state that remembers what was written to records, oldest first; `reads` has the keys of every read. */
function stateOf(writes: Readonly<Record<string, readonly WrittenValues[]>>) {
  const values = new Map(
    Object.entries(writes).map(([id, list]) => [
      keys.written(ORG, id),
      { written: list.reduce<Written>((written, one) => remember(written, one), {}) },
    ]),
  );
  const reads: (readonly string[])[] = [];
  const state: Pick<StateTable, "readMany"> = {
    async readMany(wanted) {
      reads.push(wanted);
      return new Map(
        wanted.flatMap((key) => (values.has(key) ? [[key, { value: values.get(key), revision: 1 }]] : [])),
      ) as never;
    },
  };
  return { state, reads };
}

const find = (state: Pick<StateTable, "readMany">, ...changes: ChangeEvent[]) =>
  createEchoFilter(state)(changes, CLIENT_NAME, ORG);

async function isEcho(change: ChangeEvent, writes: readonly WrittenValues[] = [VALUES]): Promise<boolean> {
  return (await find(stateOf({ [ACCOUNT]: writes }).state, change)).has(change);
}

describe("an echo", () => {
  test("has our origin and nothing but values that we wrote", async () => {
    expect(await isEcho(update(VALUES))).toBe(true);
    expect(await isEcho(update({ Sync_State__c: "synced" }))).toBe(true);
    expect(await isEcho(update({ ...VALUES, LastModifiedById: "005", SystemModstamp: TIME }))).toBe(true);
  });

  test.each([
    ["2026-09-21T14:13:20Z"],
    ["2026-09-21T14:13:20.000+0000"],
    ["2026-09-21T16:13:20.000+02:00"],
    [Date.parse(TIME)],
  ])("has the same moment however it is written: %s", async (Sync_Time__c) => {
    expect(await isEcho(update({ Sync_Time__c }))).toBe(true);
  });

  test("of a cleared field has null, or no value at all", async () => {
    const cleared = [{ Stripe_Customer_Id__c: null }];
    expect(await isEcho(update({ Stripe_Customer_Id__c: null }), cleared)).toBe(true);
    const absent = update({}, { changedFields: ["Stripe_Customer_Id__c", "LastModifiedDate"] });
    expect(await isEcho(absent, cleared)).toBe(true);
    expect(await isEcho(absent)).toBe(false);
  });

  test("may come after later writes, up to five of them", async () => {
    const states = ["1", "2", "3", "4", "5", "6"].map((n) => ({ Sync_State__c: `failed: ${n}` }));
    expect(await isEcho(update({ Sync_State__c: "failed: 2" }), states)).toBe(true);
    expect(await isEcho(update({ Sync_State__c: "failed: 1" }), states)).toBe(false);
  });
});

describe("no echo", () => {
  test.each<[string, ChangeEvent]>([
    ["is somebody else's edit to our own value", update(VALUES, { changeOrigin: THEIR_ORIGIN })],
    ["has no origin", update(VALUES, { changeOrigin: "" })],
    ["has a client name that only begins like ours", update(VALUES, { changeOrigin: `${OUR_ORIGIN}-test` })],
    [
      "has a client name that only ends like ours",
      update(VALUES, { changeOrigin: `rest/67.0;client=x${CLIENT_NAME}` }),
    ],
    ["has another field, as a trigger in our transaction sets it", update({ ...VALUES, Rating: "Hot" })],
    ["has our field with another value, as a flow sets it", update({ ...VALUES, Sync_State__c: "SYNCED" })],
    ["has another moment", update({ Sync_Time__c: "2026-09-21T14:13:21Z" })],
    ["has a moment that is none", update({ Sync_Time__c: "soon" })],
    ["names no field", update({}, { changedFields: [] })],
    ["names system fields alone", update({})],
    ["names its fields by a bitmap", update({}, { changedFields: ["0x400800"] })],
    ["is a gap", update(VALUES, { changeType: "GAP_UPDATE" })],
    ["is a creation", update(VALUES, { changeType: "CREATE" })],
    ["is a restoration", update(VALUES, { changeType: "UNDELETE" })],
    ["is a deletion", update(VALUES, { changeType: "DELETE" })],
    ["names a record by no id", update(VALUES, { recordIds: [ACCOUNT, "x"] })],
    ["names all records", update(VALUES, { recordIds: ["001*"] })],
    ["is about a record that we did not write to", update(VALUES, { recordIds: [OTHER_ACCOUNT] })],
  ])("%s", async (_case, change) => {
    expect(await isEcho(change)).toBe(false);
  });

  test("is a merged event of which one record got another value from us, or none", async () => {
    const both = update({ Sync_State__c: "synced" }, { recordIds: [ACCOUNT, OTHER_ACCOUNT] });
    const writes = (other: readonly WrittenValues[]) => stateOf({ [ACCOUNT]: [VALUES], [OTHER_ACCOUNT]: other }).state;
    expect((await find(writes([VALUES]), both)).has(both)).toBe(true);
    expect((await find(writes([{ Sync_State__c: "failed: X" }]), both)).has(both)).toBe(false);
    expect((await find(writes([]), both)).has(both)).toBe(false);
  });

  test("is a value that we wrote to another field", async () => {
    expect(await isEcho(update({ Sync_State__c: "cus_1" }))).toBe(false);
  });

  test("is anything while the state cannot be read", async () => {
    const readMany = () => Promise.reject(new TransientError("THROTTLED", "slow down"));
    expect((await find({ readMany }, update(VALUES))).size).toBe(0);
  });
});

describe("the look into the state", () => {
  test("happens once for a batch, with each record once", async () => {
    const { state, reads } = stateOf({ [ACCOUNT]: [VALUES] });
    const merged = update(VALUES, { recordIds: [ACCOUNT, OTHER_ACCOUNT] });
    expect((await find(state, update(VALUES), merged, update(VALUES))).size).toBe(2);
    expect(reads).toEqual([[keys.written(ORG, ACCOUNT), keys.written(ORG, OTHER_ACCOUNT)]]);
  });

  test("does not happen for changes that others made", async () => {
    const { state, reads } = stateOf({});
    expect((await find(state)).size).toBe(0);
    await find(state, changeOf(), update(VALUES, { changeOrigin: THEIR_ORIGIN }), update({ ...VALUES, Name: "x" }));
    expect(reads).toEqual([]);
  });
});

test("of any mix of our writes and others' changes exactly our writes are echoes", async () => {
  const ids = [ACCOUNT, OTHER_ACCOUNT];
  const value = fc.constantFrom("synced", "failed: UpsertBilling", "cus_1", null);
  const ours = fc.record(
    { Stripe_Customer_Id__c: value, Sync_State__c: value, Sync_Time__c: fc.constantFrom(TIME, null) },
    { requiredKeys: ["Sync_State__c"] },
  );
  const write = fc.record({ id: fc.constantFrom(...ids), values: ours, kind: fc.constant("ours" as const) });
  const foreign = fc.record({
    id: fc.constantFrom(...ids),
    values: ours,
    kind: fc.constantFrom("person", "derived field", "other value", "gap"),
  });
  const mix = fc.array(fc.oneof(write, foreign), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(mix, fc.integer(), async (steps, seed) => {
      const events = steps.map(({ id, values, kind }, n) => {
        const members = { recordIds: [id], sequenceNumber: n + 1 };
        if (kind === "person") return update(values, { ...members, changeOrigin: THEIR_ORIGIN });
        if (kind === "gap") return update(values, { ...members, changeType: "GAP_UPDATE" });
        if (kind === "derived field") return update({ ...values, Rating: "Hot" }, members);
        if (kind === "other value") return update({ ...values, Sync_State__c: `flow ${n}` }, members);
        return update(values, members);
      });
      const mine = steps.flatMap((step, n) => (step.kind === "ours" ? [{ ...step, event: events[n] }] : []));
      // No record has more writes than are remembered.
      fc.pre(ids.every((id) => mine.filter((step) => step.id === id).length <= 5));
      const writes = Object.fromEntries(
        ids.map((id) => [id, mine.filter((step) => step.id === id).map(({ values }) => values)]),
      );
      const shuffled = events.toSorted((a, b) => ((a.sequenceNumber * seed) % 7) - ((b.sequenceNumber * seed) % 7));
      const echoes = await find(stateOf(writes).state, ...shuffled);
      expect(echoes).toEqual(new Set(mine.map(({ event }) => event)));
    }),
    { numRuns: 300 },
  );
});
