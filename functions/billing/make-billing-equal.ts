import type { BillingLink, CustomerRecord } from "#shared/customer-record.ts";
import { TransientError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { toBillingCustomer } from "./map.ts";
import { obtainCustomer } from "./obtain-customer.ts";
import { type BillingDependencies, contended, note, readRecord, withDeadline } from "./records.ts";
import { isDirty, liveLinkOf, requestsOf } from "./requests.ts";
import { writeWhatIsTaken } from "./set-aside.ts";
import { type Written, writeCustomer } from "./write-customer.ts";

export type { BillingDependencies } from "./records.ts";

/** What was done in billing, and the version it is equal to now. */
export interface BillingResult {
  readonly outcome: "created" | "updated" | "unchanged" | "archived" | "none";
  readonly stripeCustomerId: string | null;
  readonly version: string;
  /** Fields whose value did not fit, shortened or kept as metadata; absent when all fit. */
  readonly adjusted?: readonly string[];
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
  for (let burials = 0; burials <= MAX_BURIALS; burials += 1) {
    const counterpart = await obtainCustomer(current, deps);
    const { id } = counterpart;
    current = counterpart.record;
    const { version, deleted } = current;
    if (id === null) return { outcome: "none", stripeCustomerId: null, version };
    const { outcome, adjusted } = await writeTo(current, id, circumstances, deps);
    const result = { stripeCustomerId: id, version, ...(adjusted.length > 0 ? { adjusted } : {}) };
    if (outcome === "unchanged") return { outcome, ...result };
    if (outcome === "written")
      return { outcome: deleted ? "archived" : counterpart.created ? "created" : "updated", ...result };
    current = await readRecord(record.customerId, deps);
  }
  throw contended(record.customerId);
}

interface Outcome {
  /** `gone`: the customer was deleted in Stripe, or the link went to another one. */
  readonly outcome: "unchanged" | "written" | "gone";
  readonly adjusted: readonly string[];
}

/** Makes the linked customer equal to the record. */
async function writeTo(
  record: CustomerRecord,
  id: string,
  circumstances: Circumstances,
  deps: BillingDependencies,
): Promise<Outcome> {
  const { customerId, version } = record;
  const link = liveLinkOf(record);
  const { customer, adjusted } = toBillingCustomer(record);
  const contentHash = hashOf(customer);
  const isEqual = link?.contentHash === contentHash && !isDirty(requestsOf(record), contentHash);
  if (isEqual && !circumstances.overtaken) {
    if (link.version !== version) await deps.store.linkBilling(customerId, { id, version, contentHash });
    return { outcome: "unchanged", adjusted };
  }
  let last: Written = { outcome: "gone" };
  const { written, refused } = await writeWhatIsTaken(customer, async (target) => {
    last = await writeCustomer(record, { id, target, contentHash: hashOf(target), version, ...circumstances }, deps);
  });
  const isLinked = await recordWritten(record, { id, version, contentHash: hashOf(written) }, last, deps);
  return { outcome: isLinked ? "written" : "gone", adjusted: [...new Set([...adjusted, ...refused])] };
}

/** Records what was written; false when the customer is not the linked one any more. */
async function recordWritten(
  record: CustomerRecord,
  link: BillingLink,
  written: Written,
  { store }: BillingDependencies,
): Promise<boolean> {
  if (written.outcome === "gone") return false;
  const { settles } = written;
  const { outcome } = await store.linkBilling(record.customerId, link, { settles });
  if (outcome === "superseded") await note(record, (requests) => without(requests, settles), { store });
  return outcome !== "conflict";
}

function without(requests: ReturnType<typeof requestsOf>, keys: readonly string[]): ReturnType<typeof requestsOf> {
  const pending = Object.entries(requests.pending).filter(([key]) => !keys.includes(key));
  return { ...requests, pending: Object.fromEntries(pending) };
}
