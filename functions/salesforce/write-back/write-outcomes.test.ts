import { describe, expect, test } from "@jest/globals";
import { RateLimitedError, RejectedByTargetError, TargetUnavailableError, TransientError } from "#shared/errors.ts";
import { version } from "#shared/testing/customers-table.ts";
import { RecordRefusedError } from "../client/errors.ts";
import { ACCOUNT, ORG, OTHER_ACCOUNT } from "../testing.ts";
import { tellsOutcome } from "./outcome.ts";
import { deliveries, deliveryOf, endOf, failed, fakeOrg, setUp, synced, timeOf, unchanged } from "./testing.ts";
import { START_WITHIN_MS, writeOutcomes } from "./write-outcomes.ts";

const inStep = (n: number) => ({
  Stripe_Customer_Id__c: "cus_1",
  Sync_State__c: "synced",
  Sync_Time__c: timeOf(n),
});

describe("an account", () => {
  test("is told its billing customer, its state and since when", async () => {
    const { deps, accounts } = setUp();
    expect(await writeOutcomes(deliveries(synced(1)), deps)).toEqual([]);
    expect(accounts[ACCOUNT]).toEqual(inStep(1));
  });

  test("that tells it all already costs one read and no write, not even after an unchanged run", async () => {
    const { deps, accounts, reads, updates } = setUp({ [ACCOUNT]: inStep(1) });
    await writeOutcomes(deliveries(synced(1), unchanged(2)), deps);
    await writeOutcomes(deliveries(unchanged(3)), deps);
    expect([reads.length, updates]).toEqual([2, [[{ Id: ACCOUNT, Sync_Time__c: "2026-01-01T00:00:02.000Z" }]]]);
    expect(accounts[ACCOUNT]).toEqual(inStep(2));
  });

  test("gets a new time with every real change", async () => {
    const { deps, accounts, updates } = setUp({ [ACCOUNT]: inStep(1) });
    await writeOutcomes(deliveries(synced(2)), deps);
    expect(updates).toHaveLength(1);
    expect(accounts[ACCOUNT]).toEqual(inStep(2));
  });

  test.each([{ Sync_State__c: "broken" }, { Stripe_Customer_Id__c: null }, { Stripe_Customer_Id__c: "cus_2" }])(
    "that a person changed is repaired by the next run, changed or not: %j",
    async (broken) => {
      const { deps, accounts } = setUp({ [ACCOUNT]: { ...inStep(1), ...broken } });
      await writeOutcomes(deliveries(unchanged(2)), deps);
      expect(accounts[ACCOUNT]).toEqual(inStep(2));
    },
  );

  test("is told where its run failed, in 80 characters without what was refused", async () => {
    const { deps, accounts } = setUp({ [ACCOUNT]: inStep(1) });
    await writeOutcomes(deliveries(failed(2)), deps);
    expect(accounts[ACCOUNT]).toEqual({ ...inStep(2), Sync_State__c: "failed: UpsertBilling" });
    await writeOutcomes(deliveries(failed(3, { data: { state: `${"x".repeat(71)} tail` } })), deps);
    expect(accounts[ACCOUNT]).toEqual({ ...inStep(3), Sync_State__c: `failed: ${"x".repeat(71)}` });
  });

  test.each([
    [["phone"], "synced, adjusted: phone"],
    [["phone", "address.line1"], "synced, adjusted: phone, address.line1"],
    [
      ["name", "email", "phone", "address.country", "address.line1", "address.line2"],
      "synced, adjusted: name, email, phone, address.country, address.line1 and 1 more",
    ],
    [["x".repeat(90)], "synced, adjusted: 1 field"],
    [[], "synced"],
  ])("is told which fields billing adjusted, in 80 characters: %j", async (adjusted, state) => {
    const { deps, accounts, updates } = setUp();
    const billing = { outcome: "updated" as const, stripeCustomerId: "cus_1", adjusted };
    await writeOutcomes(deliveries(synced(1, { data: { billing } })), deps);
    expect(accounts[ACCOUNT]).toEqual({ ...inStep(1), Sync_State__c: state });
    expect(state.length).toBeLessThanOrEqual(80);
    expect(tellsOutcome(accounts[ACCOUNT] ?? {}, "cus_1")).toBe(true);
    await writeOutcomes(deliveries(unchanged(2, { data: { billing: { ...billing, outcome: "unchanged" } } })), deps);
    expect(updates).toHaveLength(1);
  });

  test("keeps the time of its first failure: a try that fails the same way is no news", async () => {
    const { deps, accounts, updates } = setUp();
    await writeOutcomes(deliveries(failed(1)), deps);
    await writeOutcomes(deliveries(failed(2)), deps);
    expect([accounts[ACCOUNT]?.Sync_Time__c, updates.length]).toEqual([timeOf(1), 1]);
  });

  test("never gets an older time than it has", async () => {
    const { deps, accounts } = setUp({ [ACCOUNT]: { Sync_Time__c: timeOf(5) } });
    await writeOutcomes(deliveries(synced(1)), deps);
    expect(accounts[ACCOUNT]).toEqual(inStep(5));
  });

  test("that was deleted is done, whoever notices", async () => {
    const gone = new RecordRefusedError("ENTITY_IS_DELETED", "entity is deleted");
    const { deps, reads, updates } = setUp({ [OTHER_ACCOUNT]: {} }, () => gone);
    const deleted = synced(1, { data: { change: "deleted", billing: { outcome: "none", stripeCustomerId: null } } });
    expect(await writeOutcomes(deliveries(deleted), deps)).toEqual([]);
    expect(reads).toEqual([]);
    expect(await writeOutcomes(deliveries(synced(1)), deps)).toEqual([]);
    expect(await writeOutcomes(deliveries(synced(2, { data: { customerId: OTHER_ACCOUNT } })), deps)).toEqual([]);
    expect([reads.length, updates.length]).toEqual([2, 1]);
  });

  test("that its failed run did not know is nobody's", async () => {
    const { deps, asked } = setUp();
    const lost = failed(1, { data: { customerId: "unknown", version: "unknown" } });
    expect(await writeOutcomes(deliveries(lost), deps)).toEqual([]);
    expect(asked).toEqual([]);
  });
});

describe("a batch", () => {
  const other = (n: number) => synced(n, { data: { customerId: OTHER_ACCOUNT } });

  test("costs one read and one update, in the order of the ids", async () => {
    const { deps, reads, updates } = setUp({ [ACCOUNT]: {}, [OTHER_ACCOUNT]: {} });
    await writeOutcomes(deliveries(synced(1), other(1), synced(2), other(2)), deps);
    const ids = [ACCOUNT, OTHER_ACCOUNT].toSorted();
    expect([reads, updates.map((records) => records.map(({ Id }) => Id))]).toEqual([[ids], [ids]]);
  });

  test("of several outcomes tells the newest, whatever their order", async () => {
    const again = synced(1, { metadata: { occurredAt: endOf(4) } });
    for (const [events, state, n] of [
      [[failed(1), synced(2)], "synced", 2],
      [[failed(2), synced(1)], "failed: UpsertBilling", 2],
      // A redriven run ends later with the same version, a redelivered one may then fail.
      [[failed(1), again], "synced", 4],
      [[failed(4, { data: { version: version(1) } }), synced(1)], "failed: UpsertBilling", 4],
      [[failed(9, { data: { version: "unknown" } }), synced(1)], "synced", 1],
    ] as const)
      for (const order of [events, events.toReversed()]) {
        const { deps, accounts } = setUp();
        expect(await writeOutcomes(deliveries(...order), deps)).toEqual([]);
        expect(accounts[ACCOUNT]).toEqual({ ...inStep(n), Sync_State__c: state });
      }
  });

  test("runs every delivery inside its own change, and marks those that fail", async () => {
    const { deps, segments } = setUp({ [ACCOUNT]: {} }, () => new TransientError("SERVER_UNAVAILABLE", "down"));
    await writeOutcomes(deliveries(synced(1), synced(2)), deps);
    expect(segments).toEqual([
      { correlationId: "correlation-1", failed: false },
      { correlationId: "correlation-2", failed: true },
    ]);
  });

  test("asks every organisation by itself, and leaves to live work what it needs", async () => {
    const elsewhere = fakeOrg({ [OTHER_ACCOUNT]: {} });
    const orgId = "00D5f000005KcCoEAK";
    const unknownOrg = "00D5f000005KcCpEAK";
    const { deps, asked, accounts } = setUp({ [ACCOUNT]: {}, [OTHER_ACCOUNT]: {} }, undefined, { [orgId]: elsewhere });
    const failures = await writeOutcomes(
      deliveries(
        synced(1, { metadata: { lane: "bulk" } }),
        synced(1, { metadata: { orgId: unknownOrg } }),
        synced(1, { metadata: { orgId }, data: { customerId: OTHER_ACCOUNT } }),
        other(1),
      ),
      deps,
    );
    expect(asked.slice(0, 3).sort()).toEqual([`live ${ORG}`, `live ${orgId}`, `live ${unknownOrg}`]);
    expect(asked.slice(3)).toEqual([`background ${ORG}`]);
    expect(failures.map(({ record, error }) => [record.messageId, (error as { code: string }).code])).toEqual([
      ["m2", "OTHER_ORG"],
    ]);
    expect([accounts[ACCOUNT], accounts[OTHER_ACCOUNT], elsewhere.accounts[OTHER_ACCOUNT]]).toEqual(
      Array(3).fill(inStep(1)),
    );
  });

  test("begins with nothing more when its time is nearly up: no call was made for what may wait", async () => {
    const world = setUp({ [ACCOUNT]: {}, [OTHER_ACCOUNT]: {} });
    let time = world.deps.now();
    const slowly = { read: world.deps.state.read, readMany: world.deps.state.readMany };
    const state: typeof world.deps.state = {
      ...slowly,
      replace(...args) {
        time += START_WITHIN_MS + 1;
        return world.deps.state.replace(...args);
      },
    };
    const batch = deliveries(synced(1, { metadata: { lane: "bulk" } }), other(1));
    const failures = await writeOutcomes(batch, { ...world.deps, state, now: () => time });
    expect([world.asked, world.updates.length]).toEqual([[`live ${ORG}`], 1]);
    expect(failures).toMatchObject([
      { record: { messageId: "m1" }, error: { name: "TargetUnavailableError", code: "NO_TIME_LEFT" } },
    ]);
  });
});

describe("a record that fails", () => {
  const failWith = async (error: Error) => {
    const world = setUp({ [ACCOUNT]: {}, [OTHER_ACCOUNT]: {} }, (id) => (id === ACCOUNT ? error : undefined));
    const other = synced(1, {
      data: { customerId: OTHER_ACCOUNT, billing: { outcome: "created", stripeCustomerId: "cus_2" } },
    });
    const batch = [deliveryOf(failed(1), "older"), deliveryOf(synced(2), "newest"), deliveryOf(other, "other")];
    const failures = await writeOutcomes(batch, world.deps);
    // The others are never blocked.
    expect(world.accounts[OTHER_ACCOUNT]).toMatchObject({ Sync_State__c: "synced", Stripe_Customer_Id__c: "cus_2" });
    expect(failures.map(({ record }) => record.messageId)).toEqual(["newest"]);
    return failures[0]?.error as Error;
  };

  test("for an id that another account has is parked with both named", async () => {
    const twin = "0015f00002J9YZZAA3";
    const text = `duplicate value found: Stripe_Customer_Id__c duplicates value on record with id: ${twin}`;
    const error = await failWith(new RejectedByTargetError("DUPLICATE_VALUE", text));
    expect(error).toMatchObject({ name: "RejectedByTargetError", code: "DUPLICATE_VALUE" });
    for (const part of [ACCOUNT, twin, "cus_1", "then redrive"]) expect(error.message).toContain(part);
  });

  test.each([
    new TransientError("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    new RejectedByTargetError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Accounts on hold must not change"),
    new RejectedByTargetError("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Sync_State__c"),
    new RateLimitedError("DAILY_LIMIT", "TotalRequests", { retryAfterSeconds: 3_600 }),
    new TransientError("TIMEOUT", "no answer in time"),
  ])("for $code goes its way as it is", async (error) => {
    expect(await failWith(error)).toBe(error);
  });
});

describe("a call that fails", () => {
  test("takes all messages of its organisation with it", async () => {
    const { deps } = setUp();
    const limit = new TargetUnavailableError("API_RESERVE", "below the reserve", { retryAfterSeconds: 60 });
    const orgs = { salesforce: () => ({ readRecords: () => Promise.reject(limit) }) as never };
    const broken = { ...deps, orgs: { live: orgs, background: orgs } };
    const failures = await writeOutcomes(
      deliveries(synced(1), synced(1, { data: { customerId: OTHER_ACCOUNT } })),
      broken,
    );
    expect(failures.map(({ error }) => error)).toEqual([limit, limit]);
  });

  test("to the state comes before anything is written: an echo could not be recognised", async () => {
    const { deps, updates } = setUp();
    const down = new TransientError("THROTTLED", "slow down");
    const state = { ...deps.state, replace: () => Promise.reject(down) };
    const failures = await writeOutcomes(deliveries(synced(1)), { ...deps, state });
    expect([failures.map(({ error }) => error), updates]).toEqual([[down], []]);
  });
});
