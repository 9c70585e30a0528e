import type { BillingRequests, PendingRequest } from "#shared/billing-requests.ts";
import type { BillingLink, CustomerRecord } from "#shared/customer-record.ts";

/**
 * After this long a request whose answer was lost is over. Stripe's own clients wait 80 seconds for an answer; ten more
 * are for the call's way and for clocks that differ. https://github.com/stripe/stripe-node#configuration
 */
export const SETTLED_MS = 90_000;

/** Stripe keeps keys for 24 hours at least, so one is a promise for a little less. */
const KEY_TRUSTED_MS = 20 * 3600 * 1000;

/** What is known of the requests about a customer; of one that was stored before this was noted, what can be told. */
export function requestsOf({ billingRequests, billingAskedAt }: CustomerRecord): BillingRequests {
  if (billingRequests) return billingRequests;
  const since = billingAskedAt === undefined ? {} : { since: billingAskedAt };
  return { revision: 0, create: { generation: 0, ...since }, update: { generation: 0 }, pending: {} };
}

/** The link, unless its customer was deleted in Stripe. */
export function liveLinkOf(record: CustomerRecord): BillingLink | undefined {
  const link = record.links.stripe;
  return link && link.id === requestsOf(record).deadId ? undefined : link;
}

/** A customer is asked for under `key`. */
export function askedToCreate(requests: BillingRequests, key: string, now: number): BillingRequests {
  const at = new Date(now).toISOString();
  return {
    ...requests,
    create: { ...requests.create, since: requests.create.since ?? at },
    pending: { ...requests.pending, [key]: { kind: "create", at, ...repeated(requests.pending, key) } },
  };
}

/** An update is sent under `key`. Older ones that never settled are only remembered as such. */
export function askedToUpdate(
  requests: BillingRequests,
  key: string,
  contentHash: string,
  now: number,
): BillingRequests {
  const kept = Object.entries(requests.pending).filter(([, one]) => one.kind === "create" || !isOver(one, now));
  const isDirty = requests.isDirty || kept.length < Object.keys(requests.pending).length;
  const pending = Object.fromEntries(kept);
  const one = { kind: "update" as const, at: new Date(now).toISOString(), contentHash, ...repeated(pending, key) };
  return {
    ...requests,
    pending: { ...pending, [key]: one },
    ...(isDirty ? { isDirty } : {}),
  };
}

function repeated(pending: BillingRequests["pending"], key: string) {
  return pending[key] ? { isRepeated: true } : {};
}

/** One sending of a request came to nothing. That settles it, unless it was sent before: that may still be under way. */
export function cameToNothing(requests: BillingRequests, key: string): BillingRequests {
  return requests.pending[key]?.isRepeated ? requests : settled(requests, key);
}

/** The outcome of a request is known, however often it was sent. */
export function settled(requests: BillingRequests, key: string): BillingRequests {
  const { [key]: _settled, ...pending } = requests.pending;
  return { ...requests, pending };
}

/** An update was answered, and still it is not sure what Stripe holds. */
export function ended(requests: BillingRequests, key: string): BillingRequests {
  const one = requests.pending[key];
  return one ? { ...requests, pending: { ...requests.pending, [key]: { ...one, isEnded: true } } } : requests;
}

/** Stripe repeats a failure under the present key of creation. */
export function spentCreate(requests: BillingRequests): BillingRequests {
  return { ...requests, create: { ...requests.create, isSpent: true } };
}

/** From now on the next key creates. Whatever was asked for under the keys before is settled. */
export function nextCreate(requests: BillingRequests): BillingRequests {
  const pending = Object.entries(requests.pending).filter(([, { kind }]) => kind !== "create");
  const create = { generation: requests.create.generation + 1 };
  return { ...requests, create, pending: Object.fromEntries(pending) };
}

/** From now on other keys update. */
export function nextUpdate(requests: BillingRequests): BillingRequests {
  return { ...requests, update: { ...requests.update, generation: requests.update.generation + 1 } };
}

/** The customer of this id was deleted in Stripe: nothing is outstanding for it, and another one is looked for. */
export function buried(requests: BillingRequests, id: string): BillingRequests {
  const pending = Object.entries(requests.pending).filter(([, { kind }]) => kind === "create");
  const { isDirty: _isDirty, ...rest } = requests;
  return { ...spentCreate(rest), pending: Object.fromEntries(pending), deadId: id };
}

/** Whether the present key of creation must not be used again: it repeats a failure, or Stripe may have forgotten it. */
export function isCreateSpent({ create }: BillingRequests, now: number): boolean {
  return create.isSpent === true || (create.since !== undefined && now - Date.parse(create.since) > KEY_TRUSTED_MS);
}

/** When a customer was asked for last, of what is not settled; undefined when all is. */
export function lastCreateAt({ pending }: BillingRequests): number | undefined {
  const moments = Object.values(pending).flatMap(({ kind, at }) => (kind === "create" ? [Date.parse(at)] : []));
  return moments.length > 0 ? Math.max(...moments) : undefined;
}

/** Whether Stripe may hold other content than what the link says. */
export function isDirty({ pending, isDirty = false }: BillingRequests, contentHash: string): boolean {
  return isDirty || Object.values(pending).some((one) => one.kind === "update" && one.contentHash !== contentHash);
}

/**
 * Until when an update with other content may still land on top of one that was sent at `sentAt`; undefined when none
 * can.
 */
export function openUntil({ pending }: BillingRequests, contentHash: string, sentAt: number): number | undefined {
  const moments = Object.values(pending)
    .filter((one) => one.kind === "update" && !one.isEnded && one.contentHash !== contentHash && !isOver(one, sentAt))
    .map(({ at }) => Date.parse(at) + SETTLED_MS);
  return moments.length > 0 ? Math.max(...moments) : undefined;
}

/**
 * Keys of the updates that one which was just answered settles: its own, and those that cannot land any more. One with
 * the same content under another key stays: it may land on top of what comes next.
 * @param sentAt when it was sent
 */
export function settledBy({ pending }: BillingRequests, key: string, sentAt: number): readonly string[] {
  return Object.entries(pending)
    .filter(([other, one]) => one.kind === "update" && (other === key || one.isEnded || isOver(one, sentAt)))
    .map(([other]) => other);
}

/** Keys under which customers were asked for. */
export function createKeysOf({ pending }: BillingRequests): readonly string[] {
  return Object.keys(pending).filter((key) => pending[key]?.kind === "create");
}

function isOver({ at }: PendingRequest, now: number): boolean {
  return now - Date.parse(at) >= SETTLED_MS;
}
