import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import type { Target } from "#shared/behind/marks.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { type Answer, afterCall, type Breaker, claimProbe, closeIdle, told, waitOf } from "#shared/targets/breaker.ts";
import type { BreakerState } from "#shared/targets/breakers.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import { reconcile, TAKING_MS } from "./run.ts";
import { takeUp } from "./take.ts";

const START = Date.parse("2026-01-01T10:00:00.000Z");
const ENDPOINTS = { billing: "POST /v1/customers", salesforce: newCustomer().orgId };

let close: () => Promise<void>;
let store: CustomerStore;
let behind: Behind;
let moment = START;

beforeAll(async () => {
  const table = await startCustomersTable();
  close = table.close;
  store = createCustomerStore(TABLE, table.client, () => moment);
  behind = createBehind(TABLE, { client: table.client, now: () => moment, random: () => 0 });
});

afterAll(() => close());

const iso = (time: number) => new Date(time).toISOString();

function stateOf(target: Target, { open, closed }: Breaker): BreakerState[] {
  const outage = open ?? closed;
  if (!outage) return [];
  const { since, reason, code, toldAt } = outage;
  const about = { key: target, target, endpoint: ENDPOINTS[target], since: iso(since), reason, code };
  return [
    {
      ...about,
      state: open ? "open" : "closed",
      needsPerson: open?.reason === "refused",
      ...(open ? { until: iso(open.until) } : {}),
      ...(!open && closed ? { closedAt: iso(closed.at) } : {}),
      ...(toldAt === undefined ? {} : { toldAt: iso(toldAt) }),
      ...(!open && closed?.endToldAt !== undefined ? { endToldAt: iso(closed.endToldAt) } : {}),
    },
  ];
}

/** What people are told in 75 minutes in which a target answers every call so, and `waiting` customers wait for it. */
async function toldOf(target: Target, answer: Answer, waiting: number): Promise<string[]> {
  const events: string[] = [];
  let breaker: Breaker = {};
  let pieces: string[] = [];
  const change = (next: Breaker | undefined) => {
    breaker = next ?? breaker;
    return next !== undefined;
  };
  for (let n = 0; n < waiting; n += 1) {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    if (target === "salesforce") await store.linkBilling(customer.customerId, { id: `cus_${n}`, version: version(1) });
    pieces.push(customer.customerId);
  }
  const call = async (customerId: string) => {
    if (breaker.open && waitOf(breaker.open, moment) > 0) return;
    if (breaker.open) change(claimProbe(breaker, customerId, 30_000, moment));
    change(afterCall(breaker, { answer, subject: customerId, startedAt: moment, probeId: customerId }, moment));
    const error = { name: "Failed", code: "failed", message: "It failed." };
    await behind.failed(customerId, target, error);
  };
  const queue = {
    waiting: async () => 0,
    async send(bodies: readonly string[]) {
      const data = bodies.map((body) => JSON.parse(body).detail.data);
      pieces.push(...data.map(({ customer, customerId }) => customerId ?? customer.customerId));
    },
  };
  for (let minute = 0; minute < 75; minute += 1) {
    for (const customerId of pieces.splice(0)) for (let tries = 0; tries < 4; tries += 1) await call(customerId);
    moment += 60_000;
    pieces = [];
    await reconcile({
      behind,
      store,
      queues: { billing: queue, salesforce: queue },
      live: queue,
      breakers: {
        list: async () => stateOf(target, breaker),
        markTold: async ({ since }, what) => change(told(breaker, what, Date.parse(since), moment)),
        unmarkTold: async () => undefined,
        closeIdle: async () => change(closeIdle(breaker, moment)),
      },
      async publish(outgoing) {
        events.push(...outgoing.map(({ contract }) => contract.type));
        return outgoing.map((event) => ({ event }));
      },
      settleParked: async () => undefined,
      report: () => undefined,
      now: () => moment,
    });
  }
  for (const { customerId, version: at } of await behind.due(target, { limit: 1e6, markedBefore: "9" })) {
    await behind.reached(customerId, target, at);
    await behind.reached(customerId, "salesforce", at);
  }
  return events;
}

const REFUSED: Answer = { kind: "refused", code: "api_key_expired" };
const FAILED: Answer = { kind: "failed", code: "api_error" };

test.each<[Target, Answer, number]>([
  ["billing", REFUSED, 1],
  ["billing", FAILED, 4],
  ["salesforce", REFUSED, 1],
  ["salesforce", FAILED, 4],
])(
  "people hear once of an outage of more than an hour: %s, %j, while %d customers wait",
  async (target, answer, waiting) => {
    expect(await toldOf(target, answer, waiting)).toEqual(["target.unreachable"]);
  },
  120_000,
);

test("a round in which AWS is slow ends in time, and the next one takes up who is left", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 150; n += 1) {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    ids.push(customer.customerId);
  }
  moment += 3_600_000;
  const sent: string[] = [];
  const queue = {
    waiting: async () => 0,
    async send(pieces: readonly string[]) {
      sent.push(...pieces);
      moment += TAKING_MS;
    },
  };
  const round = async () => {
    const until = moment + TAKING_MS;
    const deps = {
      behind,
      store,
      queues: { billing: queue, salesforce: queue },
      live: queue,
      now: () => moment,
      until,
    };
    return takeUp("billing", [{ limit: Number.POSITIVE_INFINITY }], await behind.survey("billing"), deps);
  };
  expect([await round(), await round()]).toEqual([100, 50]);
  const taken = sent.map((piece) => JSON.parse(piece).detail.data.customer.customerId);
  expect(taken.toSorted()).toEqual(ids.toSorted());
});
