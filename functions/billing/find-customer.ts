import type { CustomerRecord } from "#shared/customer-record.ts";
import type { Created, FoundCustomer } from "./client.ts";
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
 * Looks for the customers of an account. The list tells at once what was created lately, and what may have come of the
 * requests whose outcome is open, however long ago that was; search knows the others, by their metadata. When so many
 * customers were created then that the list would take too long, search must be waited for.
 */
export async function findCustomers(record: CustomerRecord, deps: BillingDependencies): Promise<Found> {
  const { customerId, orgId, billingAskedAt } = record;
  const startedAt = deps.now();
  const oldest = billingAskedAt === undefined ? 0 : Date.parse(billingAskedAt) - SKEW_MS;
  const from = Math.max(oldest, startedAt - SEARCH_TRUSTED_MS);
  const isOwn = (one: FoundCustomer) => one.customerId === customerId && one.orgId === orgId;
  const listed = await list([{ from }, ...openWindow(record, from)], startedAt, deps);
  const found = new Map(listed.customers.filter(isOwn).map((one) => [one.id, one]));
  if (!listed.isWhole || oldest < from)
    for (const one of await deps.billing.search(orgId, customerId))
      if (isOwn(one) && !found.has(one.id) && !(await deps.billing.isDeleted(one.id))) found.set(one.id, one);
  const ids = [...found.values()]
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
  const searchable = (lastCreateAt(requestsOf(record)) ?? 0) + SETTLED_MS + SEARCH_TRUSTED_MS;
  return { ids, openUntil: listed.isWhole || searchable <= startedAt ? undefined : searchable };
}

/** When the requests whose outcome is open may have created one, as far as that is before `to`. */
function openWindow(record: CustomerRecord, to: number): Created[] {
  const requests = requestsOf(record);
  const last = lastCreateAt(requests);
  if (last === undefined) return [];
  const from = Date.parse(requests.create.since ?? new Date(last).toISOString()) - SKEW_MS;
  return from < to ? [{ from, to: Math.min(to, last + SETTLED_MS + SKEW_MS) }] : [];
}

/** Everything that was created in some windows, as far as there is time. */
async function list(windows: readonly Created[], startedAt: number, { billing, now }: BillingDependencies) {
  const customers: FoundCustomer[] = [];
  let pages = 0;
  for (const window of windows) {
    let after: string | undefined;
    do {
      if (pages >= MAX_PAGES || now() - startedAt >= LISTING_MS) return { customers, isWhole: false };
      const page = await billing.list(window, after);
      customers.push(...page.customers);
      after = page.next;
      pages += 1;
    } while (after !== undefined);
  }
  return { customers, isWhole: true };
}
