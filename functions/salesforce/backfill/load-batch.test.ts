import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Metadata } from "#shared/contracts/metadata.ts";
import { TargetUnavailableError, TransientError } from "#shared/errors.ts";
import type { Salesforce } from "../client/types.ts";
import { newBench, startTables } from "../sweep/testing.ts";
import { type Loaded, loadBatch } from "./load-batch.ts";

const tables = await startTables();
afterAll(() => tables.close());
let { org, bench } = newBench(tables);
beforeEach(() => {
  ({ org, bench } = newBench(tables));
});

/** Loads accounts as a page lists them, with the moments they have now. */
function load(ids: readonly string[], store = tables.store): Promise<Loaded> {
  const records = ids.map((Id) => ({ Id, SystemModstamp: new Date(org.modstampOf(Id)).toISOString() }));
  const metadata = {
    eventId: "backfill-1",
    correlationId: "backfill-1",
    orgId: org.id,
    actor: "system:backfill",
  } as Metadata;
  return loadBatch(records, metadata, {
    ...bench.deps,
    behind: tables.behind,
    store,
    salesforce: org.salesforce as Salesforce,
  });
}

const created = (count: number) => Array.from({ length: count }, (_, n) => org.create("Account", { Name: `A${n}` }));
const later = (seconds: number) => {
  org.time += seconds * 1000;
};

describe("a batch", () => {
  test("of new accounts is sent on the bulk lane and lies in the store", async () => {
    const ids = created(60);
    later(60);
    expect(await load(ids)).toEqual({ compared: 60, sent: 60, equal: 0, behind: 0, unusable: 0 });
    const stored = await tables.store.readMany(ids);
    expect([...stored.values()].map(({ customer }) => customer?.name).sort()).toEqual(
      ids.map((_, n) => `A${n}`).sort(),
    );
    expect(new Set(bench.published.map(({ detail }) => detail.metadata.lane))).toEqual(new Set(["bulk"]));
    expect(new Set(bench.published.map(({ detail }) => detail.metadata.actor))).toEqual(new Set(["system:backfill"]));
    const correlations = new Set(bench.published.map(({ detail }) => detail.metadata.correlationId));
    expect(correlations.size).toBe(60);
    for (const { customerId, correlationId } of stored.values())
      expect([customerId, correlations.has(correlationId)]).toEqual([customerId, true]);
  });

  test("that was loaded before costs no call and sends nothing", async () => {
    const ids = created(5);
    later(60);
    await load(ids);
    const calls = org.calls.length;
    bench.published = [];
    later(60);
    expect(await load(ids)).toEqual({ compared: 5, sent: 0, equal: 5, behind: 5, unusable: 0 });
    expect([org.calls.length - calls, bench.published]).toEqual([0, []]);
  });

  test("sends only what differs, and notes what our own write-back moved", async () => {
    const ids = created(3);
    later(60);
    await load(ids);
    for (const id of ids) await bench.bill(id);
    bench.published = [];
    later(60);
    org.update(ids[0] as string, { Name: "Changed" });
    org.update(ids[1] as string);
    later(60);
    expect(await load(ids)).toEqual({ compared: 3, sent: 1, equal: 2, behind: 0, unusable: 0 });
    expect(bench.repaired).toEqual([`changed ${ids[0]}`]);
    const calls = org.calls.length;
    expect(await load(ids)).toMatchObject({ sent: 0 });
    expect(org.calls.length).toBe(calls);
  });

  test("loses to a live change that was faster", async () => {
    const [id = ""] = created(1);
    later(60);
    org.update(id, { Name: "Live" });
    later(60);
    await bench.capture(id);
    expect(await load([id])).toMatchObject({ sent: 0, equal: 1 });
    expect((await tables.store.read(id))?.customer?.name).toBe("Live");
  });

  test("brings back what the store holds as deleted, and leaves out what is gone since the page was made", async () => {
    const [back = "", gone = ""] = created(2);
    later(60);
    org.remove(back);
    await bench.capture(back);
    later(60);
    org.restore(back);
    org.remove(gone);
    later(60);
    expect(await load([back, gone])).toEqual({ compared: 2, sent: 1, equal: 1, behind: 0, unusable: 0 });
    expect((await tables.store.read(back))?.deleted).toBe(false);
    expect(await tables.store.read(gone)).toBeUndefined();
  });
});

describe("billing that is behind", () => {
  /** Those that are looked at now, not hours later. */
  const due = async () => (await tables.behind.due("billing", { limit: 1000 })).map(({ customerId }) => customerId);

  test("of equal accounts is brought there, when nobody else would", async () => {
    const [billed = "", given = "", marked = ""] = created(3);
    const ids = [billed, given, marked];
    later(60);
    await load(ids);
    await bench.bill(billed);
    const { version = "" } = (await tables.store.read(given)) ?? {};
    await tables.behind.giveUp(given, { target: "billing", parkedId: "p1", state: "UpsertBilling", version });
    bench.published = [];
    later(60);
    expect(await load(ids)).toEqual({ compared: 3, sent: 0, equal: 3, behind: 2, unusable: 0 });
    expect(bench.published).toEqual([]);
    const found = await due();
    expect(ids.filter((id) => found.includes(id))).toEqual([given]);
    expect(await tables.store.read(given)).not.toHaveProperty("parked");
  });

  test("of what is sent, or is another organisation's, is left to whoever brings it there", async () => {
    const [sent = "", foreign = ""] = created(2);
    const customer = { customerId: foreign, orgId: "00D000000009999EAA", name: "Other", email: null, phone: null };
    const version = "2099-01-01T00:00:00.000Z/000000000000001/000000000000001";
    const cause = { correlationId: "c", actor: "a", occurredAt: "2020-01-01T00:00:00.000Z" };
    await tables.store.save({ ...customer, address: null, plan: null }, version, cause);
    later(60);
    expect(await load([sent, foreign])).toMatchObject({ sent: 1, behind: 0 });
  });
});

describe("trouble", () => {
  test("an account that cannot be used is parked once with its field, and the others go on", async () => {
    const [good = "", bad = ""] = [
      org.create("Account"),
      org.create("Account", { Name: null, Billing_Email__c: "no address" }),
    ];
    later(60);
    expect(await load([good, bad])).toEqual({ compared: 2, sent: 1, equal: 0, behind: 0, unusable: 1 });
    await load([good, bad]);
    const parked = [...bench.parked.values()];
    expect(parked).toEqual([
      expect.objectContaining({
        kind: "comparison",
        hop: "salesforce/backfill",
        customerId: bad,
        errorName: "InvalidInputError",
        errorMessage: expect.stringContaining("Name is empty"),
      }),
    ]);
    const [{ input = "" } = {}] = parked;
    expect(JSON.parse(input)).toEqual({
      metadata: expect.objectContaining({ orgId: org.id, correlationId: "backfill-1" }),
      data: { entity: "Account", recordIds: [bad] },
    });
    expect(input).not.toContain("no address");
  });

  test("a batch that dies between sending and storing is sent again", async () => {
    const ids = created(3);
    later(60);
    const save = () => Promise.reject(new TransientError("THROTTLED", "throttled"));
    await expect(load(ids, { ...tables.store, save })).rejects.toThrow("throttled");
    expect(bench.repaired).toHaveLength(3);
    later(1);
    bench.published = [];
    expect(await load(ids)).toMatchObject({ sent: 3 });
    expect(bench.repaired).toHaveLength(3);
  });

  test("an event that the bus refuses for now fails the batch, and nothing of it is stored", async () => {
    const ids = created(3);
    later(60);
    bench.failPublish = ({ detail }) =>
      JSON.stringify(detail).includes(ids[1] as string) ? new TransientError("InternalFailure", "later") : undefined;
    await expect(load(ids)).rejects.toThrow("later");
    expect((await tables.store.readMany(ids)).size).toBe(0);
  });

  test("the reserve of API calls makes it wait", async () => {
    const ids = created(1);
    org.fail = () => new TargetUnavailableError("API_RESERVE", "kept for live changes", { retryAfterSeconds: 3600 });
    await expect(load(ids)).rejects.toMatchObject({ name: "TargetUnavailableError" });
  });

  test("a customer of another organisation is never overwritten", async () => {
    const [id = ""] = created(1);
    const customer = { customerId: id, orgId: "00D000000009999EAA", name: "Other", email: null, phone: null };
    const version = "2020-01-01T00:00:00.000Z/000000000000001/000000000000001";
    const cause = { correlationId: "c", actor: "a", occurredAt: "2020-01-01T00:00:00.000Z" };
    await tables.store.save({ ...customer, address: null, plan: null }, version, cause);
    expect(await load([id])).toMatchObject({ sent: 0, unusable: 1 });
    expect((await tables.store.read(id))?.customer?.name).toBe("Other");
  });
});
