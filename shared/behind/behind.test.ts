import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type CustomerStore, createCustomerStore } from "../customer-store.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "../testing/customers-table.ts";
import { type Behind, createBehind } from "./behind.ts";
import { keysOf, type Target } from "./marks.ts";

const START = Date.parse("2026-01-01T10:00:00.000Z");
const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString();
const FAILURE = { name: "TransientError", code: "api_error", message: "Stripe failed: HTTP 500" };

let client: DynamoDBClient;
let close: () => Promise<void>;
let store: CustomerStore;
let behind: Behind;
let moment = START;

beforeAll(async () => {
  ({ client, close } = await startCustomersTable());
  store = createCustomerStore(TABLE, client, () => moment);
  behind = createBehind(TABLE, { client, now: () => moment, random: () => 0 });
});

afterAll(() => close());

/** Seconds since the start of the test. */
const at = (seconds: number) => {
  moment = START + seconds * 1000;
};

/** Leaves nothing of an earlier test in the index. */
beforeEach(async () => {
  at(1e6);
  for (const target of ["salesforce", "billing"] as const)
    for (const { customerId, version: stored } of await behind.due(target, { limit: 1e6, markedBefore: "9" })) {
      await behind.reached(customerId, target, stored);
      if (target === "billing") await behind.reached(customerId, "salesforce", stored);
    }
  at(0);
});

async function stored(n = 1, lane?: "bulk"): Promise<string> {
  const customer = newCustomer();
  await store.save(customer, version(n), { ...cause(), ...(lane ? { lane } : {}) });
  return customer.customerId;
}

const idsDue = async (target: Target, options = {}) =>
  (await behind.due(target, { limit: 100, ...options })).map(({ customerId }) => customerId);

describe("the write that stores a version", () => {
  test("puts the customer behind billing, to be looked at some minutes later", async () => {
    const customerId = await stored();
    at(179);
    expect(await idsDue("billing")).toEqual([]);
    at(180);
    expect(await behind.due("billing", { limit: 10 })).toEqual([
      {
        customerId,
        orgId: "00D000000000001EAA",
        target: "billing",
        version: version(1),
        nextTryAt: iso(180),
        mark: { since: iso(0), tries: 0, markedAt: iso(0) },
      },
    ]);
  });

  test("gives work of the bulk lane hours", async () => {
    const customerId = await stored(1, "bulk");
    at(6 * 3600 - 1);
    expect(await idsDue("billing")).toEqual([]);
    at(6 * 3600);
    expect(await idsDue("billing")).toEqual([customerId]);
  });

  test("keeps age and tries of a customer that is behind already", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await behind.failed(customer.customerId, "billing", FAILURE);
    at(100);
    await store.save({ ...customer, name: "New" }, version(2), cause());
    at(280);
    const [one] = await behind.due("billing", { limit: 10 });
    expect(one).toMatchObject({ version: version(2), mark: { since: iso(0), tries: 1, error: FAILURE } });
  });

  test("of an older version, or of the same, puts nobody behind", async () => {
    const customer = newCustomer();
    await store.save(customer, version(2), cause());
    await behind.reached(customer.customerId, "billing", version(2));
    await behind.reached(customer.customerId, "salesforce", version(2));
    await store.save(customer, version(2), cause());
    await store.save(customer, version(1), cause());
    at(1e5);
    expect((await behind.survey("billing")).count).toBe(0);
  });

  test("marks a deletion too", async () => {
    const customer = newCustomer();
    await store.markDeleted(customer, version(1), cause());
    at(180);
    expect(await idsDue("billing")).toEqual([customer.customerId]);
  });
});

describe("a target that is reached", () => {
  test("makes way for the next one, and the last for none", async () => {
    const customerId = await stored();
    at(10);
    await behind.reached(customerId, "billing", version(1));
    expect([(await behind.survey("billing")).count, (await behind.survey("salesforce")).count]).toEqual([0, 1]);
    at(190);
    expect(await behind.due("salesforce", { limit: 10 })).toMatchObject([{ customerId, mark: { since: iso(10) } }]);
    await behind.reached(customerId, "salesforce", version(1));
    expect((await behind.survey("salesforce")).count).toBe(0);
    const record = await store.read(customerId);
    expect(record?.writtenBack).toBe(version(1));
    for (const name of ["behindKey", "nextTryAt", "billingBehind", "salesforceBehind", "parked"])
      expect(record).not.toHaveProperty(name);
  });

  test("at an older version leaves the newer one behind", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await store.save({ ...customer, name: "New" }, version(2), cause());
    await behind.reached(customer.customerId, "billing", version(1));
    expect((await behind.survey("billing")).count).toBe(1);
  });

  test("by a link in billing is recorded in the same write", async () => {
    const customerId = await stored();
    await store.linkBilling(customerId, { id: "cus_1", version: version(1) });
    expect([(await behind.survey("billing")).count, (await behind.survey("salesforce")).count]).toEqual([0, 1]);
  });

  test("by a link of an older version leaves the newer one behind", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await store.save({ ...customer, name: "New" }, version(2), cause());
    await store.linkBilling(customer.customerId, { id: "cus_1", version: version(1) });
    expect([(await behind.survey("billing")).count, (await behind.survey("salesforce")).count]).toEqual([1, 0]);
    expect((await store.read(customer.customerId))?.links.stripe).toEqual({ id: "cus_1", version: version(1) });
  });
});

describe("a try that fails", () => {
  test("is noted, and the next one waits longer every time, up to half an hour", async () => {
    const customerId = await stored();
    const waits: number[] = [];
    for (let n = 0; n < 11; n += 1) {
      await behind.failed(customerId, "billing", FAILURE);
      const record = await store.read(customerId);
      waits.push((Date.parse(record?.nextTryAt ?? "") - moment) / 1000);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800, 1800]);
    expect((await store.read(customerId))?.billingBehind).toMatchObject({ since: iso(0), tries: 11, error: FAILURE });
  });

  test("with a time that the target names waits exactly so long", async () => {
    const customerId = await stored();
    await behind.failed(customerId, "billing", { ...FAILURE, retryAfterSeconds: 4321 });
    expect((await store.read(customerId))?.nextTryAt).toBe(iso(4321));
  });

  test("without a call counts as none, but says why and waits as long as it has to", async () => {
    const customerId = await stored();
    const reserve = { name: "TargetUnavailableError", code: "API_RESERVE", message: "later" };
    await behind.failed(customerId, "billing", { ...reserve, retryAfterSeconds: 3600, isTry: false });
    const record = await store.read(customerId);
    expect(record?.nextTryAt).toBe(iso(3600));
    expect(record?.billingBehind).toMatchObject({ tries: 0, error: reserve });
  });

  test("is of a row of failures only as far as somebody tried: waiting for an outage or a reserve makes it no older", async () => {
    const customerId = await stored();
    const HOUR = 3_600;
    const fail = async (hours: number, more: object = {}) => {
      at(hours * HOUR);
      const mark = await behind.failed(customerId, "billing", { ...FAILURE, counts: true, ...more });
      return (moment - Date.parse(mark?.failingSince ?? "")) / (HOUR * 1000);
    };
    for (const hours of [0, 0.5, 1, 1.5]) expect(await fail(hours)).toBe(hours);
    for (const hours of [3, 20, 40]) await fail(hours, { counts: false, isTry: false });
    expect(await fail(50)).toBe(2.5);
    expect(await fail(51)).toBe(3.5);
    expect(await fail(90)).toBe(4.5);
  });

  test("of a customer that is in step meanwhile is forgotten", async () => {
    const customerId = await stored();
    await behind.reached(customerId, "billing", version(1));
    expect(await behind.failed(customerId, "billing", FAILURE)).toBeUndefined();
    expect(await behind.failed("001000000000000AAA", "billing", FAILURE)).toBeUndefined();
  });
});

describe("a try that could not be made", () => {
  test("is made within the time given, however long somebody had taken the customer for, and counts for none", async () => {
    const customerId = await stored();
    at(180);
    const [one] = await behind.due("billing", { limit: 1 });
    if (one) await behind.take(one, 900);
    await behind.postpone(customerId, "billing", 30);
    expect(await idsDue("billing")).toEqual([]);
    at(210);
    expect(await behind.due("billing", { limit: 1 })).toMatchObject([
      { customerId, mark: { tries: 0, since: iso(0) } },
    ]);
  });

  test("leaves what is due earlier, and what is in step or behind another target", async () => {
    const due = await stored();
    await behind.retryNow(due, "billing");
    await behind.postpone(due, "billing", 30);
    expect(await idsDue("billing")).toEqual([due]);
    const billed = await stored();
    await behind.reached(billed, "billing", version(1));
    const before = await store.read(billed);
    await behind.postpone(billed, "billing", 30);
    expect(await store.read(billed)).toEqual(before);
    await behind.postpone("001000000000000AAA", "billing", 30);
    expect(await store.read("001000000000000AAA")).toBeUndefined();
  });
});

describe("taking up", () => {
  test("gives a customer to one of many", async () => {
    await stored();
    at(180);
    const [one] = await behind.due("billing", { limit: 10 });
    if (!one) throw new Error("nobody is due");
    const takes = await Promise.all(Array.from({ length: 5 }, () => behind.take(one, 600)));
    expect(takes.filter(Boolean)).toHaveLength(1);
    expect(await idsDue("billing")).toEqual([]);
    at(780);
    expect(await idsDue("billing")).toHaveLength(1);
  });

  test("after an outage takes everything that was marked before its end, due or not, once", async () => {
    const ids = [await stored(), await stored(), await stored()].sort();
    at(60);
    expect((await idsDue("billing", { markedBefore: iso(50) })).sort()).toEqual(ids);
    for (const one of await behind.due("billing", { limit: 10, markedBefore: iso(50) })) await behind.take(one, 600);
    expect(await idsDue("billing", { markedBefore: iso(50) })).toEqual([]);
  });

  test("leaves out whom nobody wants, and takes no more of one organisation than asked for", async () => {
    await stored();
    await stored();
    at(180);
    expect(await idsDue("billing", { wants: () => false })).toEqual([]);
    expect(await idsDue("billing", { mostPerOrg: 1 })).toHaveLength(1);
  });

  test("begins with those that wait longest", async () => {
    const late = await stored();
    await behind.failed(late, "billing", { ...FAILURE, retryAfterSeconds: 300 });
    const early = await stored();
    at(1000);
    expect(await idsDue("billing", { limit: 1 })).toEqual([early]);
    expect(await idsDue("billing")).toEqual([early, late]);
  });
});

describe("giving up", () => {
  const parked = { target: "billing", parkedId: "p1", state: "UpsertBilling", version: version(1) } as const;

  test("leaves billing as it is, and the account is told of that", async () => {
    const customerId = await stored();
    await behind.giveUp(customerId, parked);
    expect([(await behind.survey("billing")).count, (await behind.survey("salesforce")).count]).toEqual([0, 1]);
    expect((await store.read(customerId))?.parked).toEqual(parked);
  });

  test("ends with a newer version, or when it shall be tried now", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await behind.giveUp(customer.customerId, parked);
    expect(await behind.retryNow(customer.customerId, "billing")).toBe(true);
    expect(await idsDue("billing")).toEqual([customer.customerId]);
    await behind.giveUp(customer.customerId, parked);
    await store.save({ ...customer, name: "New" }, version(2), cause());
    expect(await store.read(customer.customerId)).not.toHaveProperty("parked");
  });

  test("of an older version says nothing of the newer one", async () => {
    const customer = newCustomer();
    await store.save(customer, version(2), cause());
    await behind.giveUp(customer.customerId, parked);
    expect((await behind.survey("billing")).count).toBe(1);
  });
});

describe("trying now", () => {
  test("is not possible for a customer that is not stored", async () => {
    expect(await behind.retryNow("001000000000000AAA", "billing")).toBe(false);
  });

  test("of the account leaves billing first", async () => {
    const customerId = await stored();
    expect(await behind.retryNow(customerId, "salesforce")).toBe(false);
    await behind.reached(customerId, "billing", version(1));
    expect(await behind.retryNow(customerId, "salesforce")).toBe(true);
  });
});

test("any history of writes leaves exactly the customers behind whose newest version is not everywhere", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("save" as const), n: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant("delete" as const), n: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant("billed" as const), n: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant("told" as const), n: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant("failed" as const), n: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      const customer = newCustomer();
      const { customerId } = customer;
      const done = { stored: 0, billed: 0, told: 0 };
      for (const { kind, n } of steps) {
        if (kind === "save") await store.save({ ...customer, name: `v${n}` }, version(n), cause());
        if (kind === "delete") await store.markDeleted(customer, version(n), cause());
        if (kind === "save" || kind === "delete") done.stored = Math.max(done.stored, n);
        if (done.stored === 0) continue;
        if (kind === "failed") await behind.failed(customerId, "billing", FAILURE);
        if (kind === "billed") await behind.reached(customerId, "billing", version(n));
        if (kind === "told") await behind.reached(customerId, "salesforce", version(n));
        if (kind === "billed" && n === done.stored) done.billed = n;
        if (kind === "told" && n === done.stored && done.billed === n) done.told = n;
      }
      const record = await store.read(customerId);
      const first = done.billed < done.stored ? "billing" : done.told < done.stored ? "salesforce" : undefined;
      expect(record?.behindKey?.split("#")[0]).toBe(first);
      expect(record?.nextTryAt === undefined).toBe(first === undefined);
    }),
    { numRuns: 60 },
  );
});

test("customers are spread over all keys", async () => {
  expect(keysOf("billing")).toHaveLength(16);
  const ids = await Promise.all(Array.from({ length: 200 }, () => stored()));
  const keys = await Promise.all(ids.map(async (id) => (await store.read(id))?.behindKey));
  expect(new Set(keys).size).toBe(16);
  expect((await behind.survey("billing")).count).toBe(200);
});
