import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type Behind, createBehind } from "../behind/behind.ts";
import { formatVersion } from "../contracts/customer.ts";
import { type CustomerStore, createCustomerStore } from "../customer-store.ts";
import { createStateTable, type StateTable } from "../state-table.ts";
import { cause, newCustomer, spoil, startCustomersTable, TABLE } from "../testing/customers-table.ts";
import { startTable } from "../testing/dynamo.ts";
import { parkedWork, startParkedTable } from "../testing/parked-table.ts";
import { SETTLING_MS, settleParked } from "./settle.ts";
import type { ParkedTable } from "./table.ts";
import type { ParkedStatus, ParkedWork } from "./work.ts";

const HOUR = 3_600_000;
const PARKED_AT = Date.parse("2026-03-01T10:00:00.000Z");

let table: Awaited<ReturnType<typeof startParkedTable>>;
let customers: Awaited<ReturnType<typeof startCustomersTable>>;
let kept: Awaited<ReturnType<typeof startTable>>;
let store: CustomerStore;
let behind: Behind;
let state: StateTable;
let now = PARKED_AT;

beforeAll(async () => {
  [customers, kept] = await Promise.all([startCustomersTable(), startTable("fleet-state-test", "key")]);
  store = createCustomerStore(TABLE, customers.client, () => now);
  behind = createBehind(TABLE, { client: customers.client, now: () => now });
});
beforeEach(async () => {
  now = PARKED_AT;
  state = createStateTable("fleet-state-test", { client: kept.client });
  await state.writeMany([{ key: "parked/settle", value: {} }]);
  table = await startParkedTable();
});
afterEach(() => table.close());
afterAll(() => Promise.all([customers.close(), kept.close()]));

/** A version that was read so many hours after the work was parked. */
const version = (hours: number) => formatVersion(PARKED_AT + hours * HOUR, PARKED_AT, PARKED_AT + hours * HOUR);
const settle = (limit?: number) =>
  settleParked({ parked: table.parked, store, state, now: () => new Date(now), ...(limit ? { limit } : {}) });
const statusOf = async (parkedId: string) => (await table.parked.read(parkedId))?.status;

/** Stores a version of a customer and brings it to the targets named. */
async function bring(customerId: string, hours: number, ...targets: ("billing" | "salesforce")[]): Promise<void> {
  await store.save({ ...newCustomer(), customerId, name: `v${hours}` }, version(hours), cause());
  if (targets.includes("billing"))
    await store.linkBilling(customerId, { id: `cus_${customerId}`, version: version(hours) });
  if (targets.includes("salesforce")) await behind.reached(customerId, "salesforce", version(hours));
}

async function park(parkedId: string, work: Partial<ParkedWork>, redriven = false): Promise<void> {
  await table.parked.park(parkedWork(parkedId, { parkedAt: new Date(PARKED_AT).toISOString(), ...work }));
  if (redriven) await redrive(parkedId);
}

/** As redriving does, which may be killed before it has sent anything. */
async function redrive(parkedId: string, killed = false): Promise<void> {
  const at = new Date(now);
  await table.parked.move(parkedId, "redriven", { by: "ann", at });
  if (!killed) await table.parked.noteSent(parkedId, at.toISOString(), at);
}

const sync = { kind: "customer-sync", hop: "customer-sync/UpsertBilling" } as const;
const account = { kind: "message", hop: "connector-fleet-test-write-back" } as const;
const comparison = { kind: "comparison", hop: "salesforce/sweep" } as const;

/** Settles while something happens between the look at the work and the step. */
const settleWhile = (meanwhile: () => Promise<unknown>) =>
  settleParked({
    parked: {
      ...table.parked,
      list: async (query) => {
        const page = await table.parked.list(query);
        if (page.items.length > 0) await meanwhile();
        return page;
      },
    },
    store,
    state,
    now: () => new Date(now),
  });

/** The lines for logs and metrics that something writes. */
async function printed(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const write = jest.spyOn(process.stdout, "write").mockImplementation(() => true);
  const errors = jest.spyOn(process.stderr, "write").mockImplementation(() => true);
  try {
    await work();
    return [...write.mock.calls, ...errors.mock.calls].map(([line]) => JSON.parse(String(line)));
  } finally {
    for (const spy of [write, errors]) spy.mockRestore();
  }
}

describe("work that goes on while it is judged", () => {
  const letter = { kind: "message", hop: "connector-fleet-test-catch-up", customerId: "unknown" } as const;

  test("stays parked when it was parked again", async () => {
    await park("letter", letter, true);
    now += 2 * HOUR;
    const again = { ...letter, parking: "second", parkedAt: new Date(now).toISOString() };
    expect(await settleWhile(() => park("letter", again))).toMatchObject({ done: 0 });
    expect(await statusOf("letter")).toBe("parked");
  });

  test("stays redriven when it was redriven again", async () => {
    await park("letter", letter, true);
    now += 2 * HOUR;
    const step = { by: "bob", at: new Date(now) };
    expect(await settleWhile(() => table.parked.move("letter", "redriven", step))).toMatchObject({ done: 0 });
    expect(await statusOf("letter")).toBe("redriven");
  });

  test("stays parked when a version came that no target has", async () => {
    await bring("0015f00002J9YYEAA3", 2, "billing");
    await park("sync", { ...sync, customerId: "0015f00002J9YYEAA3", version: version(1) });
    const newer = {
      parking: "second",
      version: version(3),
      errorMessage: "another reason",
      parkedAt: new Date(now + 1).toISOString(),
    };
    const parkNewer = () => park("sync", { ...sync, customerId: "0015f00002J9YYEAA3", ...newer });
    expect(await settleWhile(parkNewer)).toMatchObject({ superseded: 0 });
    expect(await statusOf("sync")).toBe("parked");
  });
});

describe("work about version 1 of a customer", () => {
  test.each<[string, Partial<ParkedWork>, boolean, (id: string) => Promise<void>, ParkedStatus]>([
    ["stays while nothing happens", sync, false, (id) => bring(id, 1), "parked"],
    ["is overtaken by a newer version in billing", sync, false, (id) => bring(id, 2, "billing"), "superseded"],
    ["is not overtaken by one that is only stored", sync, false, (id) => bring(id, 2), "parked"],
    ["is done when its version got there all the same", sync, false, (id) => bring(id, 1, "billing"), "done"],
    ["is done after a redrive that worked", sync, true, (id) => bring(id, 2, "billing"), "done"],
    ["stays redriven while the customer is behind", sync, true, (id) => bring(id, 2), "redriven"],
    ["waits for the account", account, true, (id) => bring(id, 1, "billing"), "redriven"],
    ["is done when the account was told", account, true, (id) => bring(id, 1, "billing", "salesforce"), "done"],
    ["is overtaken in the account", account, false, (id) => bring(id, 2, "billing", "salesforce"), "superseded"],
  ])("%s", async (what, work, redriven, happens, status) => {
    const { customerId } = newCustomer();
    await park(what, { ...work, customerId, version: version(1) }, redriven);
    await happens(customerId);
    now += HOUR;
    await settle();
    expect(await statusOf(what)).toBe(status);
    if (status === "done" || status === "superseded")
      expect((await table.parked.read(what))?.history.at(-1)).toMatchObject({ by: "system:reconcile" });
  });
});

test("the deletion of an account ends what is parked about it, as any newer version does", async () => {
  const { customerId, orgId } = newCustomer();
  await park("a-run", { ...sync, customerId, version: version(-1) });
  await park("a-change", { hop: "connector-fleet-test-salesforce-changes", customerId });
  await park("a-comparison", { ...comparison, customerId });
  await bring(customerId, -2);
  await settle();
  const statuses = () => Promise.all(["a-run", "a-change", "a-comparison"].map(statusOf));
  expect(await statuses()).toEqual(["parked", "parked", "parked"]);
  await store.markDeleted({ customerId, orgId }, version(1), cause());
  await settle();
  expect(await statuses()).toEqual(["superseded", "superseded", "superseded"]);
});

describe("work without a version", () => {
  test.each<[string, number, boolean, ParkedStatus]>([
    ["is overtaken by what was read later", 1, false, "superseded"],
    ["is not by what was read before", -1, false, "parked"],
    ["is done by what was read later, once redriven", 1, true, "done"],
    ["is not done by what was read before", -1, true, "redriven"],
  ])("%s", async (what, hours, redriven, status) => {
    const { customerId } = newCustomer();
    await park(what, { ...comparison, customerId }, redriven);
    await bring(customerId, hours, "billing", "salesforce");
    await settle();
    expect(await statusOf(what)).toBe(status);
  });
});

describe("changes that capture could not use", () => {
  const change = { hop: "connector-fleet-test-salesforce-changes" } as const;
  const edits = ["edit-1", "edit-2", "edit-3", "edit-4", "edit-5"];

  test.each<[string, number, "parked" | "superseded"]>([
    ["are all superseded once a version that was read later is stored, wherever it got", 1, "superseded"],
    ["are not by one that was read before", -1, "parked"],
  ])("%s", async (_what, hours, status) => {
    const { customerId } = newCustomer();
    for (const id of edits) await park(id, { ...change, customerId });
    await settle();
    expect(await Promise.all(edits.map(statusOf))).toEqual(edits.map(() => "parked"));
    await bring(customerId, hours);
    await settle();
    expect(await Promise.all(edits.map(statusOf))).toEqual(edits.map(() => status));
  });

  test("are done by it when they were redriven", async () => {
    const { customerId } = newCustomer();
    await park("redriven", { ...change, customerId }, true);
    await bring(customerId, 1);
    await settle();
    expect(await statusOf("redriven")).toBe("done");
  });

  test("that are about no account alone wait for a person", async () => {
    await park("contact", change);
    await bring(newCustomer().customerId, 1);
    await settle();
    expect(await statusOf("contact")).toBe("parked");
  });
});

describe("redriven work", () => {
  test("that names no customer is done when it was not parked again for an hour", async () => {
    await park("notice", { hop: "connector-fleet-test-slack-notices" }, true);
    await park("waiting", { hop: "connector-fleet-test-slack-notices" });
    now += HOUR;
    await settle();
    expect(await statusOf("notice")).toBe("redriven");
    now += 1;
    expect(await settle()).toMatchObject({ done: 1 });
    expect([await statusOf("notice"), await statusOf("waiting")]).toEqual(["done", "parked"]);
  });

  test.each(["slack-notices", "salesforce-changes"])(
    "of which nothing was sent, as the redrive was killed, is parked again after an hour: %s",
    async (queue) => {
      await park("killed", { hop: `connector-fleet-test-${queue}`, customerId: newCustomer().customerId });
      await redrive("killed", true);
      now += HOUR;
      expect(await settle()).toMatchObject({ done: 0, returned: 0 });
      now += 1;
      expect(await settle()).toMatchObject({ done: 0, returned: 1 });
      const item = await table.parked.read("killed");
      expect(item).toMatchObject({ status: "parked", tries: 3 });
      expect(item?.history.at(-1)).toMatchObject({
        by: "system:reconcile",
        note: "the redrive ended before it sent it",
      });
      await redrive("killed");
      now += HOUR + 1;
      expect(await settle()).toMatchObject({ done: 1 });
    },
  );

  test("that was killed and redriven again while it is judged stays redriven", async () => {
    await park("twice", { hop: "connector-fleet-test-slack-notices" });
    await redrive("twice", true);
    now += 2 * HOUR;
    expect(await settleWhile(() => redrive("twice"))).toMatchObject({ done: 0, returned: 0 });
    expect(await statusOf("twice")).toBe("redriven");
  });

  test("a notice is not done because its customer is in step", async () => {
    const { customerId } = newCustomer();
    await bring(customerId, 1, "billing", "salesforce");
    await park("untold", { hop: "connector-fleet-test-slack-notices", customerId, version: version(1) });
    await settle();
    expect(await statusOf("untold")).toBe("parked");
  });

  test("of which nothing came within a day is parked again, unless the customer waits by itself", async () => {
    const waiting = newCustomer().customerId;
    await bring(waiting, 1);
    await park("lost", { customerId: newCustomer().customerId, version: version(1) }, true);
    await park("behind", { ...sync, customerId: waiting, version: version(1) }, true);
    now += 26 * HOUR;
    const lines = await printed(async () => expect(await settle()).toMatchObject({ returned: 1 }));
    // As loud as every other parking: for the alarm, and for who reads the log.
    expect(lines.filter((line) => "WorkParked" in line)).toMatchObject([{ WorkParked: 1 }]);
    expect(lines.filter(({ level }) => level === "ERROR")).toMatchObject([
      { message: "Work parked again", parkedId: "lost", hop: "connector-fleet-test-customer-sync" },
    ]);
    expect([await statusOf("lost"), await statusOf("behind")]).toEqual(["parked", "redriven"]);
  });
});

test("everything is looked at, however little in one go, and again afterwards", async () => {
  const { customerId } = newCustomer();
  for (let n = 0; n < 250; n += 1)
    await park(`many-${n}`, n % 50 === 0 ? { ...sync, customerId, version: version(1) } : {}, n % 2 === 0);
  let looked = 0;
  for (let round = 0; round < 3; round += 1) looked += (await settle(100)).looked;
  expect(looked).toBeGreaterThanOrEqual(250);
  await bring(customerId, 2, "billing");
  let closed = 0;
  for (let round = 0; round < 4; round += 1) {
    const { done, superseded } = await settle(100);
    closed += done + superseded;
  }
  expect(closed).toBe(5);
  expect(await settle()).toMatchObject({ done: 0, superseded: 0 });
});

test("a customer that cannot be read keeps nobody else's work open", async () => {
  const [broken, good] = [newCustomer(), newCustomer()];
  await bring(broken.customerId, 2, "billing");
  await bring(good.customerId, 2, "billing");
  await spoil(customers.client, broken.customerId);
  for (const { customerId } of [broken, good]) await park(customerId, { ...sync, customerId, version: version(1) });
  expect(await settle()).toMatchObject({ looked: 2, superseded: 1 });
  expect([await statusOf(broken.customerId), await statusOf(good.customerId)]).toEqual(["parked", "superseded"]);
});

test("a walk in which AWS is slow ends in time, and the next one closes what is left", async () => {
  for (const id of ["first", "second"]) {
    const { customerId } = newCustomer();
    await park(id, { ...sync, customerId, version: version(1) });
    await bring(customerId, 2, "billing");
  }
  const slow: Pick<ParkedTable, "list" | "move" | "read"> = {
    ...table.parked,
    async move(...input) {
      now += SETTLING_MS;
      return table.parked.move(...input);
    },
  };
  const walk = () => settleParked({ parked: slow, store, state, now: () => new Date(now) });
  expect([await walk(), await walk()]).toMatchObject([{ superseded: 1 }, { superseded: 1 }]);
});
