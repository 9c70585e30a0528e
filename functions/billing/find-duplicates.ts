import type { CustomerStore } from "#shared/customer-store.ts";
import type { Billing } from "./client.ts";
import { liveLinkOf } from "./requests.ts";

/** A Stripe customer that says it is an account's, while the account is linked to another one. A person decides about it. */
export interface Duplicate {
  readonly customerId: string;
  readonly orgId: string;
  /** The one that is too many. */
  readonly stripeCustomerId: string;
  /** The one that is kept in step. */
  readonly linkedId: string;
  /** When the one too many was created, ISO 8601 in UTC. */
  readonly createdAt: string;
}

/** Some of the duplicates; `next` is given back to go on, and undefined at the end. */
export interface DuplicatesPage {
  readonly duplicates: readonly Duplicate[];
  readonly next: string | undefined;
}

/**
 * Looks through a hundred of the Stripe customers created since `from`, newest first, for those that are one too many: a
 * request that Stripe carried out long after it was given up, or a copy made by hand. An account without a link is left
 * out: whoever links it finds its customers.
 * @param from epoch milliseconds
 */
export async function findDuplicates(
  { from, after }: { readonly from: number; readonly after?: string },
  deps: { readonly billing: Pick<Billing, "list">; readonly store: Pick<CustomerStore, "readMany"> },
): Promise<DuplicatesPage> {
  const { customers, next } = await deps.billing.list({ from }, after);
  const records = await deps.store.readMany(customers.flatMap(({ customerId }) => customerId ?? []));
  const duplicates = customers.flatMap(({ id, customerId = "", orgId, createdAt }): Duplicate[] => {
    const record = records.get(customerId);
    const link = record && record.orgId === orgId ? liveLinkOf(record) : undefined;
    if (!record || !link || link.id === id) return [];
    const moment = new Date(createdAt).toISOString();
    return [{ customerId, orgId: record.orgId, stripeCustomerId: id, linkedId: link.id, createdAt: moment }];
  });
  return { duplicates, next };
}
