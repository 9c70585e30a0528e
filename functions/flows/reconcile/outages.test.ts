import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import { TARGETS, type Target } from "#shared/behind/marks.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { TransientError } from "#shared/errors.ts";
import type { BreakerState } from "#shared/targets/breakers.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import { type ReconcileDependencies, reconcile } from "./run.ts";

const START = Date.parse("2026-01-01T10:00:00.000Z");
const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString();
const orgOf = (n: number) => `00D0000000${String(n).padStart(5, "0")}EAA`;
const [OURS, OTHERS] = [orgOf(1), orgOf(2)];

let close: () => Promise<void>;
let store: CustomerStore;
let behind: Behind;
let moment = START;
let queued = 0;
let queuedLive = 0;
let breakers: BreakerState[] = [];
let sent: Record<Target | "live", string[]>;
let deps: ReconcileDependencies;

beforeAll(async () => {
  const table = await startCustomersTable();
  close = table.close;
  const now = () => moment;
  store = createCustomerStore(TABLE, table.client, now);
  behind = createBehind(TABLE, { client: table.client, now, random: () => 0 });
  const queue = (target: Target | "live") => ({
    waiting: async () => (target === "live" ? queuedLive : queued),
    async send(bodies: readonly string[]) {
      const data = bodies.map((body) => JSON.parse(body).detail.data);
      sent[target].push(...data.map(({ customer, customerId }) => customerId ?? customer.customerId));
    },
  });
  deps = {
    behind,
    store,
    queues: { billing: queue("billing"), salesforce: queue("salesforce") },
    live: queue("live"),
    breakers: {
      list: async () => breakers,
      markTold: async () => false,
      unmarkTold: async () => undefined,
      closeIdle: async () => false,
    },
    publish: async (events) => events.map((event) => ({ event })),
    settleParked: async () => undefined,
    report: () => undefined,
    now,
  };
});

afterAll(() => close());

beforeEach(async () => {
  for (const target of TARGETS)
    for (const one of await behind.due(target, { limit: 1e6, markedBefore: "9" })) {
      await behind.reached(one.customerId, target, one.version);
      await behind.reached(one.customerId, "salesforce", one.version);
    }
  [moment, queued, queuedLive] = [START, 0, 0];
  [breakers, sent] = [[], { billing: [], salesforce: [], live: [] }];
});

async function round(seconds: number): Promise<number> {
  moment = START + seconds * 1000;
  return reconcile(deps);
}

/** Customers that are behind since now, and due for billing after 180 seconds. */
async function behindBilling(count: number, orgId = OURS): Promise<string[]> {
  const customers = Array.from({ length: count }, () => ({ ...newCustomer(), orgId }));
  for (const customer of customers) await store.save(customer, version(1), cause());
  return customers.map(({ customerId }) => customerId);
}

/** Customers whose accounts are behind since now, and due after 180 seconds. */
async function behindSalesforce(count: number, orgId = OURS): Promise<string[]> {
  const ids = await behindBilling(count, orgId);
  for (const id of ids) await store.linkBilling(id, { id: `cus_${id}`, version: version(1) });
  return ids;
}

/** A breaker that is open until so many seconds. */
function openUntil(seconds: number, endpoint: string, target: Target = "billing"): BreakerState {
  const about = { key: `${target} ${endpoint}`, target, endpoint, since: iso(0), code: "rate_limit" };
  return { ...about, state: "open", until: iso(seconds), reason: "asked-to-wait", needsPerson: false };
}

const closedAt = (seconds: number, endpoint: string, target: Target = "billing"): BreakerState => ({
  ...openUntil(0, endpoint, target),
  state: "closed",
  closedAt: iso(seconds),
});

describe("an endpoint of billing that few need", () => {
  const SEARCH = "GET /v1/customers/search";

  test("holds nobody back while it asks for time", async () => {
    await behindBilling(8);
    breakers = [openUntil(3_600, SEARCH)];
    await round(200);
    expect(sent.billing).toHaveLength(8);
  });

  test("is asked by a few, due or not, once its time is over, while everybody else goes on", async () => {
    await behindBilling(8);
    breakers = [openUntil(10, SEARCH)];
    await round(20);
    expect(sent.billing).toHaveLength(5);
    await round(200);
    expect(new Set(sent.billing).size).toBe(8);
  });

  test("holds nobody back any more when none of those who asked came to it for minutes, though it is open", async () => {
    await behindBilling(30);
    breakers = [openUntil(10, "POST /v1/customers")];
    await round(250);
    expect(sent.billing).toHaveLength(5);
    await round(311);
    expect(new Set(sent.billing).size).toBe(30);
  });

  test("changes nothing about one that all need", async () => {
    await behindBilling(8);
    breakers = [openUntil(10, SEARCH), openUntil(3_600, "POST /v1/customers/:id")];
    await round(200);
    expect(sent.billing).toEqual([]);
  });
});

describe("an organisation whose breaker has waited", () => {
  test("is asked by one account, though none is due", async () => {
    await behindSalesforce(3);
    breakers = [openUntil(10, OURS, "salesforce")];
    await round(20);
    expect(sent.salesforce).toHaveLength(1);
  });

  test("is asked although another one has more waiting than there is room for", async () => {
    await behindSalesforce(12, OTHERS);
    moment += 60_000;
    const ours = await behindSalesforce(3);
    breakers = [openUntil(10, OURS, "salesforce")];
    queued = 4_000 - 10;
    await round(190);
    expect(sent.salesforce).toHaveLength(10);
    expect(sent.salesforce.filter((id) => ours.includes(id))).toHaveLength(1);
  });

  test("is asked although another one, which is to be asked too, has more waiting than there is room for", async () => {
    await behindSalesforce(12, OTHERS);
    moment += 60_000;
    const ours = await behindSalesforce(3);
    breakers = [openUntil(10, OURS, "salesforce"), openUntil(10, OTHERS, "salesforce")];
    queued = 4_000 - 10;
    await round(400);
    expect(sent.salesforce).toHaveLength(2);
    expect(sent.salesforce.filter((id) => ours.includes(id))).toHaveLength(1);
  });

  test("takes up its own accounts when it is there again, and nobody else's before their time", async () => {
    const ours = await behindSalesforce(2);
    await behindSalesforce(2, OTHERS);
    breakers = [closedAt(100, OURS, "salesforce")];
    await round(120);
    expect(sent.salesforce.toSorted()).toEqual(ours.toSorted());
  });
});

test("the Pub/Sub API of an organisation keeps nobody back, and nobody is sent to ask it", async () => {
  const ours = await behindSalesforce(2);
  breakers = [openUntil(10, `${OURS}/pub-sub`, "salesforce")];
  await round(20);
  expect(sent.salesforce).toEqual([]);
  await round(200);
  expect(sent.salesforce.toSorted()).toEqual(ours.toSorted());
});

test("any number of organisations may be away", async () => {
  await behindSalesforce(1);
  breakers = Array.from({ length: 300 }, (_, n) => openUntil(3_600, orgOf(n + 2), "salesforce"));
  await round(200);
  expect(sent.salesforce).toHaveLength(1);
});

test("people are told how many wait for each organisation that is away, and all are counted once", async () => {
  await behindSalesforce(3);
  await behindSalesforce(1, OTHERS);
  breakers = [OURS, OTHERS, orgOf(3)].map((org) => openUntil(3_600, org, "salesforce"));
  const waiting: unknown[] = [];
  let counts = 0;
  moment = START + 120_000;
  await reconcile({
    ...deps,
    behind: {
      ...behind,
      countByOrg(target) {
        counts += 1;
        return behind.countByOrg(target);
      },
    },
    breakers: { ...deps.breakers, markTold: async () => true },
    async publish(events) {
      waiting.push(...events.map(({ detail }) => (detail.data as { waiting: number }).waiting));
      return events.map((event) => ({ event }));
    },
  });
  expect([waiting, counts]).toEqual([[3, 1, 0], 1]);
});

test("whose run may still be under way when an outage ends is left for the next round", async () => {
  const [early] = await behindBilling(1);
  moment = START + 98_000;
  const [late] = await behindBilling(1);
  breakers = [closedAt(100, "POST /v1/customers")];
  await round(106);
  expect(sent.billing).toEqual([early]);
  await round(166);
  expect(sent.billing).toEqual([early, late]);
});

test("while some functions may still find the breaker open nobody loses a turn, and who came meanwhile goes a round later", async () => {
  const [early] = await behindBilling(1);
  breakers = [closedAt(100, "POST /v1/customers")];
  const seconds = await round(101);
  expect(sent.billing).toEqual([]);
  expect(seconds).toBe(4);
  moment = START + 104_000;
  const [meanwhile] = await behindBilling(1);
  expect(await round(101 + seconds)).toBe(0);
  expect(sent.billing).toEqual([early]);
  await round(166);
  expect(sent.billing).toEqual([early, meanwhile]);
});

describe("while a backfill fills the queue of the bulk lane for hours", () => {
  test("those that are due go with the live changes, a few a minute", async () => {
    const ids = await behindBilling(65);
    queued = 100_000;
    await round(200);
    expect([sent.billing.length, sent.live.length]).toEqual([0, 60]);
    await round(260);
    expect(new Set(sent.live)).toEqual(new Set(ids));
  });

  test("they leave live changes that wait in front", async () => {
    await behindBilling(5);
    [queued, queuedLive] = [100_000, 58];
    await round(200);
    expect(sent.live).toHaveLength(2);
    queuedLive = 500;
    await round(260);
    expect(sent.live).toHaveLength(2);
  });
});

test("a failure among those that are taken up leaves only few of them without their piece", async () => {
  await behindBilling(250);
  let takes = 0;
  const take: Behind["take"] = async (...input) => {
    takes += 1;
    if (takes === 210) throw new TransientError("ProvisionedThroughputExceededException", "throttled");
    return behind.take(...input);
  };
  moment = START + 200_000;
  await expect(reconcile({ ...deps, behind: { ...behind, take } })).rejects.toThrow("throttled");
  expect(sent.billing).toHaveLength(200);
});

test("a round in which nobody is behind looks once at every shard, and asks no queue", async () => {
  const asked: string[] = [];
  const survey: Behind["survey"] = (target, most) => {
    asked.push(target);
    return behind.survey(target, most);
  };
  const no = async () => {
    throw new Error("nobody waits");
  };
  await reconcile({
    ...deps,
    behind: { ...behind, survey, due: no },
    live: { ...deps.live, waiting: no },
    queues: {
      billing: { ...deps.queues.billing, waiting: no },
      salesforce: { ...deps.queues.salesforce, waiting: no },
    },
  });
  expect(asked).toEqual(["billing", "salesforce"]);
});
