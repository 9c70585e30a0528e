import { duplicatesRequested } from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { type Delivery, decodeFleetEvent, type FleetEvent } from "#shared/handler/delivery.ts";
import { eachDelivery, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { createPublisher } from "#shared/publish.ts";
import { openBilling, readEnvironment } from "./production.ts";
import { type SearchDependencies, searchDuplicates } from "./search-duplicates.ts";
import { SEARCH_MS } from "./waits.ts";

const production = lazy((): SearchDependencies => {
  const { CUSTOMERS_TABLE, EVENT_BUS_NAME } = readEnvironment();
  const [store, publish] = [createCustomerStore(CUSTOMERS_TABLE), createPublisher(EVENT_BUS_NAME)];
  return { billing: openBilling(), store, publish, now: Date.now, budgetMs: SEARCH_MS };
});

/** Looks for billing customers that are one too many, and says which. */
export function search({ event }: Delivery<FleetEvent<typeof duplicatesRequested>>, deps = production()) {
  return searchDuplicates(event, deps);
}

export const handler = queueHandler(
  decodeFleetEvent([duplicatesRequested]),
  eachDelivery((request) => search(request)),
);
