import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { chunks } from "#shared/chunks.ts";
import { formatVersion } from "#shared/contracts/customer.ts";
import { customerChanged, customerDriftFound, reconciliationRequested } from "#shared/contracts/events.ts";
import { InvalidInputError, NotAuthorizedError, TargetUnavailableError, TransientError } from "#shared/errors.ts";
import type { CustomerSnapshot } from "../mapping/map.ts";
import { readCustomers } from "../mapping/snapshots.ts";
import { readMark } from "./mark.ts";
import { newBench, startTables } from "./testing.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const tables = await startTables();
afterAll(() => tables.close());
let { org, bench } = newBench(tables);
beforeEach(() => {
  ({ org, bench } = newBench(tables));
});

/** Accounts that the live feed has brought into the store, an hour ago. */
async function captured(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => org.create("Account"));
  org.time += 10_000;
  for (const some of chunks(ids, 25)) await Promise.all(some.map((id) => bench.capture(id)));
  org.time += HOUR;
  return ids;
}

/** Sweeps once, so that the next sweep has a beginning. */
async function swept(count = 0): Promise<string[]> {
  const ids = await captured(count);
  await bench.sweep();
  await bench.sync();
  org.calls.length = 0;
  return ids;
}

const iso = (time: number) => new Date(time).toISOString();
const mark = () => readMark(tables.state, org.id, "Account");

describe("a store that is equal", () => {
  test("costs four calls for a thousand customers, written back ones included, and fewer the next time", async () => {
    await swept();
    const ids = await captured(1_000);
    for (const id of ids.slice(0, 400)) org.update(id);
    org.time += HOUR;
    await bench.sweep({ reason: "manual" });
    expect(bench.repaired).toEqual([]);
    expect(org.calls).toHaveLength(4);
    expect(bench.drift).toMatchObject({ compared: 1_000, missing: 0, different: 0, deleted: 0, apiCalls: 4 });

    org.calls.length = 0;
    await bench.sweep({ reason: "manual", window: { from: iso(org.time - 3 * HOUR), to: iso(org.time) } });
    expect(org.calls).toEqual(["query Account", "deletedBetween Account"]);
    expect(bench.drift).toMatchObject({ compared: 1_000, apiCalls: 2 });
  }, 120_000);

  test("costs two calls for every two thousand when everything is compared", async () => {
    await captured(20);
    await bench.sweep({ full: true, reason: "manual" });
    expect(org.calls).toEqual(["query Account", "readRecords Account 20"]);
  });

  test("is nothing to tell of when a clock asked", async () => {
    await swept(3);
    await bench.sweep();
    expect(bench.published).toEqual([]);
  });

  test("keeps who changed a customer last when its version is noted", async () => {
    const [id = ""] = await swept(1);
    const before = await tables.store.read(id);
    org.update(id);
    org.time += HOUR;
    await bench.sweep();
    const after = await tables.store.read(id);
    expect(after?.version).toBe(formatVersion(org.modstampOf(id), org.modstampOf(id), org.time));
    const version = after?.version;
    expect(after).toEqual({ ...before, version, links: { stripe: { ...before?.links.stripe, version } } });
  });
});

describe("a repair", () => {
  test("goes into the sync as a change of its own, made by the sweep", async () => {
    await swept();
    const id = org.create("Account", { Name: "Adatum" });
    const happened = org.modstampOf(id);
    org.time += HOUR;
    const [event, drift] = await bench.sweep();
    expect(event?.contract).toBe(customerChanged);
    expect(event?.detail).toMatchObject({
      metadata: {
        actor: "system:sweep",
        causationId: "request-2",
        orgId: org.id,
        occurredAt: iso(happened),
        correlationId: expect.stringMatching(/^[0-9a-f]{32}$/),
        traceHeader: expect.stringMatching(/^Root=1-/),
      },
      data: { customer: { customerId: id, name: "Adatum" }, version: formatVersion(happened, happened, org.time) },
    });
    expect(event?.detail.metadata).not.toHaveProperty("lane");
    expect(drift?.contract).toBe(customerDriftFound);
    expect(drift?.detail).toMatchObject({
      metadata: { correlationId: "sweep-2", causationId: "request-2", actor: "system:sweep" },
      data: { entity: "Account", reason: "schedule", full: false, compared: 1, missing: 1, different: 0, apiCalls: 4 },
    });
  });

  test("waits behind live changes when a full sweep has found a thousand others", async () => {
    org.pageSize = 1_000;
    for (let n = 0; n < 1_001; n += 1) org.create("Account");
    org.time += HOUR;
    await bench.sweep({ full: true, reason: "manual" });
    const lanes = bench.published.map(({ detail }) => detail.metadata.lane);
    expect(lanes.filter((lane) => lane === "bulk")).toHaveLength(1);
    expect(bench.drift).toMatchObject({ missing: 1_001 });
  });

  test("is left out when it is too large for the bus, and counted", async () => {
    await swept();
    const [large, fine] = [org.create("Account", { Name: "Large" }), org.create("Account")];
    org.time += HOUR;
    bench.failPublish = ({ detail }) =>
      JSON.stringify(detail).includes("Large") ? new InvalidInputError("EVENT_TOO_LARGE", large) : undefined;
    await bench.sweep();
    expect(bench.repaired).toEqual([`changed ${fine}`]);
    expect(bench.drift).toMatchObject({ missing: 1, unusable: 1 });
  });
});

describe("accounts that are gone", () => {
  test("are told from those that the user cannot see any more, which are left alone", async () => {
    const [bin = "", gone = "", hidden = "", old = ""] = await captured(4);
    org.remove(bin);
    org.removeForGood(gone);
    org.hide(hidden);
    org.time += HOUR;
    await bench.sweep({ full: true, reason: "manual" });
    expect(bench.repaired).toEqual([`deleted ${bin}`, `deleted ${gone}`].sort());
    expect(bench.drift).toMatchObject({ deleted: 2, unexplained: 1 });
    await bench.sync();
    expect(await tables.store.read(hidden)).toMatchObject({ deleted: false });

    org.removeForGood(old);
    org.time += 31 * DAY;
    await bench.sweep({ full: true, reason: "manual" });
    expect(bench.repaired).toEqual([]);
    expect(bench.drift).toMatchObject({ deleted: 0, unexplained: 2 });
  });

  test("are not taken for deleted by an entry of the log that is older than what is stored", async () => {
    const [id = ""] = await captured(1);
    org.removeForGood(id);
    const cause = { correlationId: "c", actor: "a", occurredAt: iso(org.time) };
    const record = await tables.store.read(id);
    if (!record?.customer) throw new TransientError("TEST", "not stored");
    await tables.store.save(record.customer, formatVersion(org.time + 60_000, org.time, org.time), cause);
    org.time += HOUR;
    await bench.sweep({ full: true, reason: "manual" });
    expect(bench.drift).toMatchObject({ deleted: 0, unexplained: 1 });
  });

  test("beyond the delete log are left to a full sweep", async () => {
    await swept();
    const window = { from: iso(org.time - 40 * DAY), to: iso(org.time - 35 * DAY) };
    await bench.sweep({ reason: "manual", window });
    expect(org.calls).toEqual(["query Account"]);
  });
});

describe("customers that are equal", () => {
  test("keep their version until billing has it: whoever brings it there must not find it superseded", async () => {
    const [id = ""] = await captured(1);
    const before = await tables.store.read(id);
    if (!before?.customer) throw new TransientError("TEST", "not stored");
    const moved = formatVersion(org.time, org.time, org.time);
    const cause = { correlationId: "c", actor: "a", occurredAt: iso(org.time) };
    await tables.store.save(before.customer, moved, cause);
    org.update(id, { Description: "seen" });
    org.time += HOUR;
    await bench.sweep({ full: true });
    expect(bench.repaired).toEqual([]);
    expect(await tables.store.read(id)).toMatchObject({ version: moved });
    await bench.bill(id);
    await bench.sweep({ full: true });
    const after = await tables.store.read(id);
    expect(String(after?.version) > moved).toBe(true);
    expect(after?.links.stripe?.version).toBe(after?.version);
  });
});

describe("accounts that tell something else of their billing than was written back", () => {
  test.each<[string, Record<string, string | null>]>([
    ["no state", { Sync_State__c: null }],
    ["a state of somebody else's", { Sync_State__c: "checked by hand" }],
    ["no billing customer", { Stripe_Customer_Id__c: null }],
    ["another billing customer", { Stripe_Customer_Id__c: "cus_wrong" }],
  ])("%s: go through the sync once more, which writes back again", async (_what, fields) => {
    const [id = ""] = await captured(2);
    await swept();
    org.update(id, fields);
    org.time += HOUR;
    await bench.sweep();
    expect(bench.repaired).toEqual([`changed ${id}`]);
    expect(bench.drift).toMatchObject({ compared: 1, different: 1 });
    await bench.sync();
    org.time += HOUR;
    await bench.sweep({ full: true });
    expect(bench.repaired).toEqual([]);
  });

  test("are equal while they tell of a failed run, or billing does not know them yet", async () => {
    const [failed = "", unbilled = ""] = [...(await captured(1)), org.create("Account")];
    const snapshot = (await readCustomers(bench.salesforce, [unbilled])).get(unbilled) as CustomerSnapshot;
    const cause = { correlationId: "c", actor: "a", occurredAt: iso(org.time) };
    await tables.store.save(snapshot.customer, formatVersion(org.time, org.time, org.time), cause);
    org.time += HOUR;
    org.update(failed, { Sync_State__c: "failed: UpsertBilling" });
    org.update(unbilled, { Description: "seen" });
    await bench.sweep({ full: true });
    expect(bench.repaired).toEqual([]);
  });
});

describe("customers that cannot be compared", () => {
  test("are counted, parked once with their reason, and stay as they are", async () => {
    await swept();
    const [bad, foreign] = [org.create("Account", { Name: null }), org.create("Account")];
    const customer = { customerId: foreign, orgId: "00D000000000009EAA", name: "x", email: null, phone: null };
    const cause = { correlationId: "c", actor: "a", occurredAt: iso(org.time) };
    await tables.store.save({ ...customer, address: null, plan: null }, formatVersion(1_000, 1, 1), cause);
    org.time += HOUR;
    await bench.sweep();
    expect(bench.repaired).toEqual([]);
    expect(bench.drift).toMatchObject({ compared: 2, unusable: 2 });
    expect(await tables.store.read(bad)).toBeUndefined();
    expect(await tables.store.read(foreign)).toMatchObject({ orgId: "00D000000000009EAA" });
    await bench.sweep({ full: true });
    const input = { metadata: expect.objectContaining({ orgId: org.id }), data: { entity: "Account" } };
    expect([...bench.parked.values()].map((work) => ({ ...work, input: JSON.parse(work.input) }))).toEqual(
      [bad, foreign].map((id) => ({
        parkedId: expect.stringMatching(/^[0-9a-f]{64}$/),
        parking: expect.stringMatching(/^sweep-/),
        kind: "comparison",
        hop: "salesforce/sweep",
        input: { ...input, data: { ...input.data, recordIds: [id] } },
        errorName: "InvalidInputError",
        errorCode: id === bad ? "BAD_FIELD" : "OTHER_ORG",
        errorMessage: expect.stringContaining(id === bad ? "Name is empty" : "is stored for organisation"),
        correlationId: expect.stringMatching(/^sweep-/),
        customerId: id,
        orgId: org.id,
        traceHeader: "none",
        tries: 1,
        parkedAt: expect.any(String),
      })),
    );
  });

  test("stop the sweep when they cannot be parked, so that none is lost", async () => {
    await swept();
    org.create("Account", { Name: null });
    org.time += HOUR;
    bench.failPark = () => new TransientError("DOWN", "not now");
    bench.maxTries = 0;
    await expect(bench.sweep()).rejects.toThrow("not now");
    expect(bench.drift).toBeUndefined();
    bench.failPark = () => undefined;
    await bench.sweep();
    expect([bench.parked.size, bench.drift]).toEqual([1, expect.objectContaining({ unusable: 1 })]);
  });
});

describe("the window", () => {
  test("is everything the first time, then what moved since, but for the last five minutes of a scheduled sweep", async () => {
    await captured(1);
    await bench.sweep({ reason: "manual" });
    expect(bench.drift).toMatchObject({ full: true, window: { from: iso(0), to: iso(org.time) } });
    expect(await mark()).toBe(iso(org.time));
    const first = org.time;
    org.time += HOUR;
    const old = org.create("Account");
    org.time += 6 * 60_000;
    const young = org.create("Account");
    org.time += 60_000;
    await bench.sweep();
    expect(bench.repaired).toEqual([`changed ${old}`]);
    expect(bench.drift).toMatchObject({ full: false, window: { from: iso(first), to: iso(org.time - 5 * 60_000) } });
    await bench.sync();
    org.time += HOUR;
    await bench.sweep();
    expect(bench.repaired).toEqual([`changed ${young}`]);
  });

  test("moves the mark only where it follows on what was swept", async () => {
    await swept(1);
    const until = Date.parse((await mark()) ?? "");
    org.time += 2 * DAY;
    const sweep = (from: number, to: number) =>
      bench.sweep({ reason: "manual", window: { from: iso(from), to: iso(to) } });
    await sweep(until + 1, until + HOUR);
    expect(await mark()).toBe(iso(until));
    await sweep(until - HOUR, until - 1);
    expect(await mark()).toBe(iso(until));
    await sweep(until, until + HOUR);
    expect(await mark()).toBe(iso(until + HOUR));
    await sweep(until, org.time + DAY);
    expect(await mark()).toBe(iso(org.time));
  });

  test("is not noted before what was found is published", async () => {
    await swept();
    const before = await mark();
    org.create("Account");
    org.time += HOUR;
    bench.failPublish = () => new NotAuthorizedError("DENIED", "no");
    await expect(bench.sweep()).rejects.toMatchObject({ code: "DENIED" });
    expect(await mark()).toBe(before);
  });
});

describe("an invocation", () => {
  test("hands over the rest when its time is up, with what was found so far", async () => {
    org.pageSize = 2;
    for (let n = 0; n < 5; n += 1) org.create("Account");
    org.time += HOUR;
    bench.budgetMs = 0;
    await bench.sweep({ full: true, reason: "manual" });
    const requests = bench.published.filter(({ contract }) => contract === reconciliationRequested);
    expect(requests).toHaveLength(3);
    expect(requests[1]?.detail).toMatchObject({
      metadata: { correlationId: "sweep-1", actor: "system:schedule" },
      data: { full: true, cursor: { phase: "records", after: { at: iso(org.time - HOUR) }, counts: { missing: 4 } } },
    });
    expect(bench.drift).toMatchObject({ compared: 5, missing: 5, apiCalls: org.calls.length });
  });

  test("waits on its queue when the reserve of API calls is reached, and hands over first what it has done", async () => {
    org.pageSize = 2;
    for (let n = 0; n < 5; n += 1) org.create("Account");
    org.time += HOUR;
    let full = false;
    org.fail = (call) => {
      if (!full || !call.startsWith("query Account")) return undefined;
      return new TargetUnavailableError("API_RESERVE", "later", { retryAfterSeconds: 900 });
    };
    bench.failPublish = (event) => {
      full ||= event.contract === customerChanged;
      return undefined;
    };
    bench.maxTries = 0;
    await expect(bench.sweep({ full: true, reason: "manual" })).rejects.toMatchObject({
      code: "API_RESERVE",
      retryAfterSeconds: 900,
    });
    const requests = bench.published.filter(({ contract }) => contract === reconciliationRequested);
    expect(requests).toHaveLength(1);
  });
});

describe("a request that cannot be", () => {
  test.each([
    ["an object that is no part of a customer", { entity: "Lead" }, "UNKNOWN_ENTITY"],
    ["a window that ends before it begins", { window: { from: iso(DAY), to: iso(0) } }, "BAD_WINDOW"],
    ["a cursor without its window", { cursor: { phase: "log" } }, "BAD_WINDOW"],
    ["a cursor of another shape", { window: { from: iso(0), to: iso(1) }, cursor: { phase: "log" } }, "BAD_CURSOR"],
    [
      "a cursor of another kind of sweep",
      {
        window: { from: iso(0), to: iso(1) },
        cursor: {
          phase: "contents",
          counts: { compared: 0, missing: 0, different: 0, deleted: 0, unexplained: 0, unusable: 0, apiCalls: 0 },
        },
      },
      "BAD_CURSOR",
    ],
  ])("%s is refused with the reason", async (_what, data, code) => {
    await expect(bench.sweep(data)).rejects.toMatchObject({ name: "InvalidInputError", code });
    expect(org.calls).toEqual([]);
  });
});
