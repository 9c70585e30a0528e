import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { duplicatesRequested } from "#shared/contracts/events.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import type { FleetEvent } from "#shared/handler/delivery.ts";
import type { OutgoingEvent } from "#shared/publish.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import type { FoundCustomer } from "./client.ts";
import { searchDuplicates } from "./search-duplicates.ts";

const NOW = Date.parse("2026-01-02T03:45:00.000Z");
const NIGHT = new Date(NOW - 25 * 3_600_000).toISOString();

let store: CustomerStore;
let close: () => Promise<void>;

beforeAll(async () => {
  const table = await startCustomersTable();
  close = table.close;
  store = createCustomerStore(TABLE, table.client);
});

afterAll(() => close());

const metadata = {
  eventId: "request",
  occurredAt: new Date(NOW).toISOString(),
  correlationId: "night",
  causationId: "clock",
  orgId: "000000000000000AAA",
  actor: "system:schedule",
  schemaVersion: 1 as const,
};

/** Searches billing, whose pages these are, with a clock that moves on by a minute with every page. */
async function search(pages: readonly (readonly FoundCustomer[])[], data: object = {}, budgetMs = 1e9) {
  const published: OutgoingEvent[] = [];
  const asked: [number, string | undefined][] = [];
  let now = NOW;
  const request = { type: duplicatesRequested.type, detail: { metadata, data } } as FleetEvent<
    typeof duplicatesRequested
  >;
  await searchDuplicates(request, {
    store,
    billing: {
      async list({ from }, after) {
        asked.push([from, after]);
        now += 60_000;
        const page = Number(after ?? 0);
        return { customers: pages[page] ?? [], next: page + 1 < pages.length ? String(page + 1) : undefined };
      },
    },
    async publish(events) {
      published.push(...events);
      return events.map((event) => ({ event }));
    },
    now: () => now,
    budgetMs,
  });
  return { asked, published: published.map(({ contract, detail }) => [contract.type, detail.data]) };
}

async function linked(): Promise<FoundCustomer> {
  const { customerId, orgId } = newCustomer();
  await store.save({ ...newCustomer(), customerId, orgId }, version(1), cause());
  await store.linkBilling(customerId, { id: `cus_${customerId}`, version: version(1) });
  return { id: `cus_${customerId}`, createdAt: NOW - 60_000, customerId, orgId };
}

test("looks through the last day, and says what is one too many", async () => {
  const [one, other] = [await linked(), await linked()];
  const { asked, published } = await search([[{ ...one, id: "cus_late" }, one], [other]]);
  expect(asked).toEqual([
    [Date.parse(NIGHT), undefined],
    [Date.parse(NIGHT), "1"],
  ]);
  expect(published).toEqual([
    [
      "customer.duplicate-found",
      {
        customerId: one.customerId,
        stripeCustomerId: "cus_late",
        linkedId: one.id,
        createdAt: new Date(NOW - 60_000).toISOString(),
      },
    ],
  ]);
});

test("hands over what it has no time for, and goes on there", async () => {
  const { asked, published } = await search([[], [], []], {}, 60_000);
  expect(asked).toHaveLength(1);
  expect(published).toEqual([["duplicates.requested", { from: NIGHT, after: "1" }]]);
  expect((await search([[], [], []], { from: NIGHT, after: "1" })).asked).toEqual([
    [Date.parse(NIGHT), "1"],
    [Date.parse(NIGHT), "2"],
  ]);
});
