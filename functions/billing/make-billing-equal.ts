import type { CustomerRecord } from "#shared/customer-record.ts";
import { TransientError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { toBillingCustomer } from "./map.ts";
import { obtainCustomer } from "./obtain-customer.ts";
import { type BillingDependencies, contended, note, readRecord, withDeadline } from "./records.ts";
import { isDirty, liveLinkOf, requestsOf } from "./requests.ts";
import { writeCustomer } from "./write-customer.ts";

export type { BillingDependencies } from "./records.ts";

/** What was done in billing, and the version it is equal to now. */
export interface BillingResult {
  readonly outcome: "created" | "updated" | "unchanged" | "archived" | "none";
  readonly stripeCustomerId: string | null;
  readonly version: string;
}

interface Change {
  readonly customerId: string;
  readonly version: string;
}

const MAX_ROUNDS = 5;
/** A customer that is deleted time and again while it is made has somebody else at work on it. */
const MAX_BURIALS = 3;

/**
 * Makes the Stripe customer equal to the stored one, whatever version asked for it. One that was deleted in Stripe is
 * made anew.
 *
 * Two runs for one customer may overlap, and the slower one may write the older version last. So whoever finds that it
 * was overtaken, after its own write or because a try before it may have written, writes the newest version again
 * instead of trusting the link.
 * @param change the version on whose behalf it is done
 * @throws InvalidInputError when the customer is not stored
 * @throws RejectedByTargetError when Stripe refuses, or has never had the linked customer
 * @throws RateLimitedError when Stripe names a time to wait, or an earlier request must settle first
 * @throws TransientError when Stripe fails, or newer versions kept coming in
 */
export async function makeBillingEqual(change: Change, dependencies: BillingDependencies): Promise<BillingResult> {
  const { customerId } = change;
  const deps = withDeadline(dependencies);
  let record = await readRecord(customerId, deps);
  let overtaken = record.version > change.version ? change.version : undefined;
  let created = false;
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const result = await bringTo(record, { overtaken, askedFor: change.version }, deps);
    created ||= result.outcome === "created";
    if (result.outcome === "unchanged" || result.outcome === "none") return result;
    const after = await readRecord(customerId, deps);
    if (after.version === result.version)
      return created && result.outcome === "updated" ? { ...result, outcome: "created" } : result;
    overtaken = result.version;
    record = after;
  }
  throw new TransientError("OVERTAKEN", `Customer ${customerId} changed ${MAX_ROUNDS} times while it was written.`);
}

interface Circumstances {
  /** An older version that may have been written meanwhile. */
  readonly overtaken: string | undefined;
  /** The version on whose behalf this run works. */
  readonly askedFor: string;
}

/** Brings Stripe to the record's version, or to a newer one that came in. */
async function bringTo(
  record: CustomerRecord,
  circumstances: Circumstances,
  deps: BillingDependencies,
): Promise<BillingResult> {
  let current = record;
  let created = false;
  for (let burials = 0; burials <= MAX_BURIALS; burials += 1) {
    const counterpart = await obtainCustomer(current, deps);
    const { id } = counterpart;
    current = counterpart.record;
    created = counterpart.created;
    const { version, deleted } = current;
    if (id === null) return { outcome: "none", stripeCustomerId: null, version };
    const outcome = await writeTo(current, id, circumstances, deps);
    if (outcome === "unchanged") return { outcome, stripeCustomerId: id, version };
    if (outcome === "written")
      return { outcome: deleted ? "archived" : created ? "created" : "updated", stripeCustomerId: id, version };
    current = await readRecord(record.customerId, deps);
  }
  throw contended(record.customerId);
}

/** Makes the linked customer equal to the record. */
async function writeTo(
  record: CustomerRecord,
  id: string,
  circumstances: Circumstances,
  deps: BillingDependencies,
): Promise<"unchanged" | "written" | "gone"> {
  const { version } = record;
  const link = liveLinkOf(record);
  const target = toBillingCustomer(record);
  const contentHash = hashOf(target);
  const isEqual = link?.contentHash === contentHash && !isDirty(requestsOf(record), contentHash);
  if (isEqual && !circumstances.overtaken) {
    if (link.version !== version) await deps.store.linkBilling(record.customerId, { id, version, contentHash });
    return "unchanged";
  }
  const written = await writeCustomer(record, { id, target, contentHash, version, ...circumstances }, deps);
  if (written.outcome === "gone") return "gone";
  const { settles } = written;
  const linked = await deps.store.linkBilling(record.customerId, { id, version, contentHash }, { settles });
  // The link went to another customer, for this one was found deleted.
  if (linked.outcome === "conflict") return "gone";
  if (linked.outcome === "superseded") await note(record, (requests) => without(requests, settles), deps);
  return "written";
}

function without(requests: ReturnType<typeof requestsOf>, keys: readonly string[]): ReturnType<typeof requestsOf> {
  const pending = Object.entries(requests.pending).filter(([key]) => !keys.includes(key));
  return { ...requests, pending: Object.fromEntries(pending) };
}
