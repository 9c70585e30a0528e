import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import { TARGETS, type Target } from "#shared/behind/marks.ts";
import { customerChanged, customerDeleted, customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { decodeFleetEvent } from "#shared/handler/delivery.ts";
import type { OutgoingEvent } from "#shared/publish.ts";
import type { BreakerState } from "#shared/targets/breakers.ts";
import { cause, newCustomer, spoil, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import type { Measured } from "./measure.ts";
import { type ReconcileDependencies, reconcile } from "./run.ts";

const START = Date.parse("2026-01-01T10:00:00.000Z");
const FAILURE = { name: "TransientError", code: "api_error", message: "down" };
const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString();
const decode = decodeFleetEvent([customerChanged, customerDeleted, customerSynced, customerSyncFailed]);

let client: DynamoDBClient;
let close: () => Promise<void>;
let store: CustomerStore;
let behind: Behind;
let moment = START;
let sent: Record<Target, string[]>;
let published: OutgoingEvent[];
let measured: readonly Measured[];
let breakers: BreakerState[];
let queued: number;
const settled: number[] = [];
const idle = new Set<string>();
let deps: ReconcileDependencies;

beforeAll(async () => {
  const table = await startCustomersTable();
  ({ client, close } = table);
  const now = () => moment;
  store = createCustomerStore(TABLE, table.client, now);
  behind = createBehind(TABLE, { client: table.client, now, random: () => 0 });
  const queue = (target: Target) => ({
    waiting: async () => queued,
    send: async (bodies: readonly string[]) => void sent[target].push(...bodies),
  });
  deps = {
    behind,
    store,
    queues: { billing: queue("billing"), salesforce: queue("salesforce") },
    live: queue("billing"),
    breakers: {
      list: async () => breakers,
      async markTold({ key }, what) {
        const told = what === "began" ? { toldAt: iso(0) } : { endToldAt: iso(0) };
        breakers = breakers.map((one) => (one.key === key ? { ...one, ...told } : one));
        return true;
      },
      unmarkTold: async () => undefined,
      async closeIdle({ key }) {
        if (!idle.has(key)) return false;
        breakers = breakers.map((one) => (one.key === key ? { ...one, state: "closed", closedAt: iso(0) } : one));
        return true;
      },
    },
    async publish(events) {
      published.push(...events);
      return events.map((event) => ({ event }));
    },
    settleParked: async () => settled.push(moment),
    report: (values) => {
      measured = values;
    },
    now,
  };
});

afterAll(() => close());

beforeEach(async () => {
  moment = START + 1e9;
  for (const target of TARGETS.toReversed())
    for (const one of await behind.due(target, { limit: 1e6, markedBefore: "9" })) {
      await behind.reached(one.customerId, target, one.version);
      await behind.reached(one.customerId, "salesforce", one.version);
    }
  moment = START;
  [sent, published, measured, breakers, queued] = [{ billing: [], salesforce: [] }, [], [], [], 0];
  idle.clear();
});

const at = (seconds: number) => {
  moment = START + seconds * 1000;
};

/** Lets the clock stand at `seconds` and does one round. */
async function round(seconds: number): Promise<void> {
  at(seconds);
  await reconcile(deps);
}

async function stored(more: object = {}) {
  const customer = newCustomer();
  await store.save(customer, version(1), { ...cause(), ...more });
  return customer;
}

/** A breaker that is open for a long time yet. */
function open(more: Partial<BreakerState> = {}): BreakerState {
  const state: BreakerState = {
    key: "",
    target: "billing",
    endpoint: "POST /v1/customers",
    state: "open",
    since: iso(0),
    until: iso(1e6),
    reason: "failing",
    code: "api_error",
    needsPerson: false,
    ...more,
  };
  return { ...state, key: `${state.target} ${state.endpoint}` };
}

/** One whose wait is over. */
const probable = (more: Partial<BreakerState> = {}) => open({ until: iso(0), ...more });
const closedAt = (seconds: number) => ({ state: "closed" as const, closedAt: iso(seconds) });

describe("taking up", () => {
  test("sends one piece of work for a customer, however many changes came, in the name of the newest", async () => {
    const trace = { eventId: "event-9", traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1" };
    const customer = await stored();
    for (let n = 2; n < 6; n += 1)
      await store.save({ ...customer, name: `v${n}` }, version(n), { ...cause(n), ...trace });
    await round(179);
    expect(sent.billing).toEqual([]);
    await round(180);
    await round(240);
    expect(sent.billing).toHaveLength(1);
    expect(decode(sent.billing[0] ?? "")).toMatchObject({
      type: "customer.changed",
      detail: {
        metadata: { ...cause(5), causationId: "event-9", traceHeader: trace.traceHeader, orgId: customer.orgId },
        data: { customer: { ...customer, name: "v5" }, version: version(5) },
      },
    });
  });

  test("comes again when the piece is lost", async () => {
    await stored();
    await round(180);
    await round(180 + 899);
    expect(sent.billing).toHaveLength(1);
    await round(180 + 900);
    expect(sent.billing).toHaveLength(2);
  });

  test("goes on without a customer that cannot be read", async () => {
    const [broken, good] = [await stored(), await stored()];
    await spoil(client, broken.customerId);
    await round(180);
    expect(sent.billing.map((body) => JSON.parse(body).detail.data.customer.customerId)).toEqual([good.customerId]);
    await store.save(broken, version(2), cause(2));
    await round(3_600);
    await behind.reached(broken.customerId, "billing", version(2));
  });

  test("sends a deletion", async () => {
    const customer = newCustomer();
    await store.markDeleted(customer, version(1), cause());
    await round(180);
    expect(decode(sent.billing[0] ?? "")).toMatchObject({
      type: "customer.deleted",
      detail: { data: { version: version(1) } },
    });
  });

  test("keeps the lane of the change", async () => {
    await stored({ lane: "bulk" });
    await round(6 * 3600);
    expect(decode(sent.billing[0] ?? "").detail.metadata.lane).toBe("bulk");
  });

  test("tells the account, once billing is there, which customer it is, since when and what was adjusted", async () => {
    const { customerId } = await stored();
    at(20);
    await store.linkBilling(customerId, { id: "cus_1", version: version(1), adjusted: ["phone"] });
    await round(200);
    expect(sent.billing).toEqual([]);
    expect(decode(sent.salesforce[0] ?? "")).toMatchObject({
      type: "customer.synced",
      detail: {
        metadata: { occurredAt: iso(20) },
        data: { customerId, billing: { stripeCustomerId: "cus_1", adjusted: ["phone"] } },
      },
    });
  });

  test("tells the account that its work is parked", async () => {
    const { customerId } = await stored();
    await behind.giveUp(customerId, { target: "billing", parkedId: "p1", state: "UpsertBilling", version: version(1) });
    await round(200);
    expect(decode(sent.salesforce[0] ?? "")).toMatchObject({
      type: "customer.sync-failed",
      detail: { data: { customerId, parkedId: "p1", state: "UpsertBilling" } },
    });
  });

  test.each([
    ["billing", 600],
    ["salesforce", 4_000],
  ] as const)("for %s fills its queue up to %d, and takes the rest a minute later", async (target, most) => {
    const waiting = await Promise.all(Array.from({ length: 5 }, () => stored()));
    if (target === "salesforce")
      for (const { customerId } of waiting)
        await store.linkBilling(customerId, { id: customerId, version: version(1) });
    const takes: number[] = [];
    for (const [minute, there] of [most - 2, most, 0].entries()) {
      queued = there;
      await round(180 + 60 * minute);
      takes.push(sent[target].length);
    }
    expect(takes).toEqual([2, 2, 5]);
  });

  test("of two rounds at once sends every customer once", async () => {
    for (let n = 0; n < 20; n += 1) await stored();
    at(180);
    await Promise.all([reconcile(deps), reconcile(deps)]);
    expect(sent.billing).toHaveLength(20);
  });
});

describe("while billing is down", () => {
  test("nothing is taken up, and nothing is written", async () => {
    const { customerId } = await stored();
    breakers = [open()];
    const before = await store.read(customerId);
    await round(3600);
    expect(sent.billing).toEqual([]);
    expect(await store.read(customerId)).toEqual(before);
  });

  test("a few customers see whether it is there again", async () => {
    for (let n = 0; n < 8; n += 1) await stored();
    breakers = [probable()];
    await round(200);
    expect(sent.billing).toHaveLength(5);
  });

  test("an endpoint that nobody needs any more keeps nobody waiting", async () => {
    for (let n = 0; n < 8; n += 1) await stored();
    breakers = [probable()];
    idle.add(breakers[0]?.key ?? "");
    await round(3600);
    expect(sent.billing).toHaveLength(8);
  });

  test("the accounts go on", async () => {
    const { customerId } = await stored();
    await store.linkBilling(customerId, { id: "cus_1", version: version(1) });
    breakers = [open()];
    await round(200);
    expect(sent.salesforce).toHaveLength(1);
  });

  test("what waited goes out at once when it is over, due or not, once", async () => {
    for (let n = 0; n < 4; n += 1) await stored();
    const late = await stored();
    await behind.failed(late.customerId, "billing", { ...FAILURE, retryAfterSeconds: 1500 });
    breakers = [open(closedAt(100))];
    await round(106);
    expect(sent.billing).toHaveLength(5);
    await round(166);
    expect(sent.billing).toHaveLength(5);
  });
});

test("whoever found the breaker still open when it was taken up goes again a round after it closes", async () => {
  for (let n = 0; n < 8; n += 1) await stored();
  breakers = [probable()];
  await round(100);
  expect(sent.billing).toHaveLength(5);
  breakers = [open(closedAt(103))];
  await round(109);
  expect(sent.billing).toHaveLength(8);
  await round(169);
  expect(sent.billing).toHaveLength(13);
});

describe("while an organisation is down", () => {
  const org = "00D000000000001EAA";

  test("its accounts wait, and one of them sees whether it is there again", async () => {
    for (let n = 0; n < 3; n += 1) {
      const { customerId } = await stored();
      await store.linkBilling(customerId, { id: `cus_${n}`, version: version(1) });
    }
    breakers = [open({ target: "salesforce", endpoint: org })];
    await round(200);
    expect(sent.salesforce).toEqual([]);
    breakers = [probable({ target: "salesforce", endpoint: org })];
    await round(260);
    expect(sent.salesforce).toHaveLength(1);
    breakers = [open({ target: "salesforce", endpoint: "00D000000000002EAA" })];
    await round(320);
    expect(sent.salesforce).toHaveLength(3);
  });
});

describe("people", () => {
  const told = () => published.map(({ contract, detail }) => [contract.type, detail.data]);

  test("are told once that billing is down, with how many wait, and once that it is back", async () => {
    for (let n = 0; n < 3; n += 1) await stored();
    breakers = [open({ since: iso(5) }), open({ endpoint: "GET /v1/customers" })];
    await round(30);
    expect(told()).toEqual([]);
    await round(60);
    await round(120);
    const outage = { target: "billing", since: iso(0) };
    expect(told()).toEqual([
      [
        "target.unreachable",
        expect.objectContaining({ ...outage, needsPerson: false, waiting: 3, reason: "api_error" }),
      ],
    ]);
    breakers = breakers.map((one, n) => ({ ...one, ...closedAt(130 + n) }));
    await round(240);
    expect(told()).toHaveLength(1);
    await round(300);
    await round(360);
    expect(told().slice(1)).toEqual([["target.recovered", expect.objectContaining({ ...outage, until: iso(131) })]]);
  });

  test("are told at once that a person is needed, also after they were told of the outage", async () => {
    breakers = [open()];
    await round(60);
    breakers = [
      ...breakers,
      open({ endpoint: "GET /v1/customers", needsPerson: true, code: "api_key_expired", since: iso(61) }),
    ];
    await round(62);
    await round(122);
    expect(published.map(({ detail }) => (detail.data as { needsPerson: boolean }).needsPerson)).toEqual([false, true]);
  });

  test("are told that a person is needed, also when the endpoint they were told of refuses the key", async () => {
    breakers = [open()];
    await round(60);
    // The breaker forgets that it was told, as what was told is true no more.
    breakers = breakers.map(({ toldAt: _, ...one }) => ({
      ...one,
      reason: "refused",
      code: "api_key_expired",
      needsPerson: true,
    }));
    await round(120);
    await round(180);
    expect(published.map(({ detail }) => (detail.data as { needsPerson: boolean }).needsPerson)).toEqual([false, true]);
    breakers = breakers.map((one) => ({ ...one, ...closedAt(190), needsPerson: false }));
    await round(310);
    expect(told().slice(2)).toEqual([["target.recovered", expect.objectContaining({ neededPerson: true })]]);
  });

  test("hear nothing of a short outage", async () => {
    breakers = [open()];
    await round(40);
    breakers = [open(closedAt(50))];
    await round(60);
    expect(published).toEqual([]);
  });

  test("hear of every organisation by itself", async () => {
    breakers = ["1", "2"].map((n) => open({ target: "salesforce", endpoint: `00D00000000000${n}EAA` }));
    await round(60);
    expect(published).toHaveLength(2);
  });
});

test("every round measures, and closes parked work that needs nobody any more", async () => {
  const before = settled.length;
  await round(60);
  expect(settled).toHaveLength(before + 1);
  expect(measured.map(({ target }) => target)).toEqual(["billing", "salesforce", "slack"]);
});

test("an outage with 10 changes to each of 200 customers leaves 200 pieces of work", async () => {
  const customers = await Promise.all(Array.from({ length: 200 }, () => stored()));
  for (let n = 2; n <= 10; n += 1)
    await Promise.all(customers.map((customer) => store.save({ ...customer, name: `v${n}` }, version(n), cause())));
  breakers = [open()];
  await round(3600);
  expect(sent.billing).toEqual([]);
  breakers = [open(closedAt(3601))];
  await round(3611);
  const pieces = sent.billing.map(
    (body) => decode(body).detail.data as { customer: { name: string; customerId: string } },
  );
  expect(new Set(pieces.map(({ customer }) => customer.customerId)).size).toBe(200);
  expect(pieces).toHaveLength(200);
  expect(pieces.every(({ customer }) => customer.name === "v10")).toBe(true);
});
