import type { CustomerRecord } from "#shared/customer-record.ts";
import type { FoundCustomer } from "./client.ts";
import type { BillingDependencies } from "./records.ts";
import { lastCreateAt, requestsOf, SETTLED_MS } from "./requests.ts";

/** What older than this is, search is trusted with: it lags by a minute, in an outage more. */
const SEARCH_TRUSTED_MS = 15 * 60_000;
/** Clocks of Stripe and of ours may differ by this. */
const SKEW_MS = 60_000;
/** 1,000 customers, and the time they may take, so that the function has time left for its work. */
const MAX_PAGES = 10;
const LISTING_MS = 4_000;

/** The customers of an account in Stripe. */
export interface Found {
  /** Oldest first; none that was deleted. */
  readonly ids: readonly string[];
  /** When looking again tells whether there are more, in epoch milliseconds; undefined when these are all. */
  readonly openUntil: number | undefined;
}

/**
 * Looks for the customers of an account. The list tells what was created lately, at once; search knows what is older, by
 * its metadata. When so many customers were created lately that the list would take too long, search must be waited for.
 */
export async function findCustomers(record: CustomerRecord, deps: BillingDependencies): Promise<Found> {
  const { customerId, orgId, billingAskedAt } = record;
  const startedAt = deps.now();
  const oldest = billingAskedAt === undefined ? 0 : Date.parse(billingAskedAt) - SKEW_MS;
  const from = Math.max(oldest, startedAt - SEARCH_TRUSTED_MS);
  const isOwn = (one: FoundCustomer) => one.customerId === customerId && one.orgId === orgId;
  const found = new Map<string, FoundCustomer>();
  let after: string | undefined;
  let isListed = false;
  for (let page = 0; page < MAX_PAGES && !isListed && deps.now() - startedAt < LISTING_MS; page += 1) {
    const { customers, next } = await deps.billing.list(from, after);
    for (const one of customers) if (isOwn(one)) found.set(one.id, one);
    after = next;
    isListed = next === undefined;
  }
  if (!isListed || oldest < from)
    for (const one of await deps.billing.search(orgId, customerId))
      if (isOwn(one) && !found.has(one.id) && !(await deps.billing.isDeleted(one.id))) found.set(one.id, one);
  const ids = [...found.values()]
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
  const searchable = (lastCreateAt(requestsOf(record)) ?? 0) + SETTLED_MS + SEARCH_TRUSTED_MS;
  return { ids, openUntil: isListed || searchable <= startedAt ? undefined : searchable };
}
