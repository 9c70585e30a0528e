import { describe, expect, test } from "@jest/globals";
import { RejectedByTargetError, TransientError } from "#shared/errors.ts";
import { createEchoFilter } from "../changes/echo.ts";
import { ACCOUNT, CLIENT_NAME, changeOf, header, ORG } from "../testing.ts";
import { deliveries, failed, setUp, synced, unchanged } from "./testing.ts";
import { writeOutcomes } from "./write-outcomes.ts";

type World = ReturnType<typeof setUp>;
const codes = (failures: Awaited<ReturnType<typeof writeOutcomes>>) =>
  failures.map(({ error }) => (error as { code: string }).code);

/** The change event that a write of ours causes. */
function echoOf({ Id, ...values }: Record<string, unknown>) {
  const changedFields = [...Object.keys(values), "LastModifiedDate"];
  const changeOrigin = `com/salesforce/api/rest/67.0;client=${CLIENT_NAME}`;
  const ChangeEventHeader = header({ recordIds: [Id], changeOrigin, changedFields });
  return changeOf({}, { detail: { payload: { ChangeEventHeader, ...values } } });
}

describe("an older outcome that comes late", () => {
  test("changes nothing, as the newer one is remembered", async () => {
    const { deps, accounts, updates } = setUp();
    await writeOutcomes(deliveries(synced(2)), deps);
    const told = { ...accounts[ACCOUNT] };
    expect(await writeOutcomes(deliveries(failed(1)), deps)).toEqual([]);
    expect([accounts[ACCOUNT], updates.length]).toEqual([told, 1]);
  });

  test("changes nothing even when the newer one had nothing to write", async () => {
    const { deps, accounts } = setUp({ [ACCOUNT]: { Sync_State__c: "synced", Stripe_Customer_Id__c: "cus_1" } });
    await writeOutcomes(deliveries(unchanged(2)), deps);
    await writeOutcomes(deliveries(failed(1)), deps);
    expect(accounts[ACCOUNT]?.Sync_State__c).toBe("synced");
  });

  test("repairs the newer one, which somebody broke meanwhile", async () => {
    const { deps, accounts } = setUp();
    await writeOutcomes(deliveries(synced(2)), deps);
    const told = { ...accounts[ACCOUNT] };
    accounts[ACCOUNT] = { ...told, Stripe_Customer_Id__c: "cus_typo" };
    await writeOutcomes(deliveries(failed(1)), deps);
    expect(accounts[ACCOUNT]).toEqual(told);
  });

  test("of another shape than this version knows is as good as forgotten", async () => {
    const { deps, accounts, items } = setUp();
    items.set(`written/${ORG}/${ACCOUNT}`, { value: { ancient: true }, revision: 7 });
    expect(await writeOutcomes(deliveries(synced(1)), deps)).toEqual([]);
    expect(accounts[ACCOUNT]?.Sync_State__c).toBe("synced");
  });
});

describe("two batches with the same account at once", () => {
  /** Runs `meanwhile` once, when the first batch is about to make this call. */
  function interrupt(world: World, call: "readRecords" | "updateRecords", meanwhile: () => Promise<unknown>) {
    const original = world.salesforce[call] as (...input: unknown[]) => Promise<unknown>;
    world.salesforce[call] = (async (...input: unknown[]) => {
      world.salesforce[call] = original as never;
      await meanwhile();
      return original(...input);
    }) as never;
  }

  test("the one that comes second to claim it tries again", async () => {
    const world = setUp();
    interrupt(world, "readRecords", () => writeOutcomes(deliveries(synced(2)), world.deps));
    expect(codes(await writeOutcomes(deliveries(failed(1)), world.deps))).toEqual(["OVERTAKEN"]);
    expect(await writeOutcomes(deliveries(failed(1)), world.deps)).toEqual([]);
    expect(world.accounts[ACCOUNT]?.Sync_State__c).toBe("synced");
  });

  test("the one whose older values land last tries again and writes the newer ones", async () => {
    const world = setUp();
    interrupt(world, "updateRecords", () => writeOutcomes(deliveries(synced(2)), world.deps));
    expect(codes(await writeOutcomes(deliveries(failed(1)), world.deps))).toEqual(["OVERTAKEN"]);
    expect(world.accounts[ACCOUNT]?.Sync_State__c).toBe("failed: UpsertBilling");
    expect(await writeOutcomes(deliveries(failed(1)), world.deps)).toEqual([]);
    expect(world.accounts[ACCOUNT]?.Sync_State__c).toBe("synced");
  });
});

describe("our own change events", () => {
  test("are recognised as soon as Salesforce may send them", async () => {
    const world = setUp();
    const seen: unknown[] = [];
    const { updateRecords } = world.salesforce;
    world.salesforce.updateRecords = async (entity, records) => {
      const echo = echoOf(records[0] ?? {});
      seen.push((await createEchoFilter(world.deps.state)([echo], CLIENT_NAME, ORG)).has(echo));
      return updateRecords(entity, records);
    };
    await writeOutcomes(deliveries(synced(1)), world.deps);
    await writeOutcomes(deliveries(failed(2)), world.deps);
    expect(seen).toEqual([true, true]);
  });

  test.each([
    ["synced", synced, unchanged],
    ["failed", failed, failed],
  ])("that are not recognised bring one more run and no further write: %s", async (_state, first, next) => {
    const world = setUp();
    let runs = 0;
    for (let event: ReturnType<typeof first> | undefined = first(1); event; ) {
      runs += 1;
      const before = world.updates.length;
      await writeOutcomes(deliveries(event), world.deps);
      world.items.clear();
      // Whatever was written is captured as a change, which leads to one more run.
      const written = world.updates.slice(before).flat()[0];
      const echo = written && echoOf(written);
      if (echo) expect((await createEchoFilter(world.deps.state)([echo], CLIENT_NAME, ORG)).size).toBe(0);
      event = echo && next(runs + 1);
    }
    expect({ runs, reads: world.reads.length, updates: world.updates.length }).toEqual({
      runs: 2,
      reads: 2,
      updates: 1,
    });
  });
});

describe("an automation that sets our values back each time", () => {
  const fight = async (world: World, from: number, runs: number) => {
    const ends: string[] = [];
    for (let n = from; n < from + runs; n += 1) {
      ends.push(...codes(await writeOutcomes(deliveries(unchanged(n)), world.deps)));
      world.accounts[ACCOUNT] = { ...world.accounts[ACCOUNT], Sync_State__c: "SYNCED" };
    }
    return ends;
  };

  test("is let win after five repairs, with the work parked; redriven it goes on", async () => {
    const world = setUp();
    expect(await fight(world, 1, 6)).toEqual([]);
    const [failure] = await writeOutcomes(deliveries(unchanged(7)), world.deps);
    expect(failure?.error).toMatchObject({
      name: "RejectedByTargetError",
      code: "OVERWRITTEN",
      message: expect.stringContaining(`Somebody changed Sync_State__c of account ${ACCOUNT} `),
    });
    expect(world.updates).toHaveLength(6);
    expect(await writeOutcomes(deliveries(unchanged(7)), world.deps)).toEqual([]);
    expect(world.accounts[ACCOUNT]?.Sync_State__c).toBe("synced");
  });

  test("is not suspected after a real change, after finding things in order, or of what Salesforce refused", async () => {
    const world = setUp();
    await fight(world, 1, 6);
    await writeOutcomes(deliveries(synced(7)), world.deps);
    await writeOutcomes(deliveries(unchanged(8)), world.deps);
    expect(await fight(world, 9, 6)).toEqual([]);
    const rejected = new RejectedByTargetError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no");
    const refusing = setUp({ [ACCOUNT]: {} }, () => rejected);
    expect(await fight(refusing, 1, 9)).toEqual(Array(9).fill(rejected.code));
    const lock = new TransientError("UNABLE_TO_LOCK_ROW", "locked");
    const locked = setUp({ [ACCOUNT]: {} }, () => lock);
    for (let n = 0; n < 9; n += 1)
      expect(codes(await writeOutcomes(deliveries(unchanged(1)), locked.deps))).toEqual([lock.code]);
  });
});
