import type { CustomerRecord } from "#shared/customer-record.ts";
import { TransientError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { toBillingCustomer } from "./map.ts";
import { obtainCustomer } from "./obtain-customer.ts";
import { type BillingDependencies, readRecord, withDeadline } from "./records.ts";
import { isDirty, liveLinkOf, requestsOf } from "./requests.ts";
import { writeWhatIsTaken } from "./set-aside.ts";
import { linkTo, type Written, writeCustomer } from "./write-customer.ts";

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

/**
 * Makes the Stripe customer equal to the stored one, whatever version asked for it. One that was deleted in Stripe is
 * made anew.
 *
 * Two runs for one customer may overlap, and the slower one may write the older version last. So a run goes round again
 * until it finds the newest version recorded, by itself or by another one, with nothing that may lie on top of it.
 * @param change the version on whose behalf it is done
 * @throws InvalidInputError when the customer is not stored
 * @throws RejectedByTargetError when Stripe refuses, or has never had the linked customer
 * @throws RateLimitedError when Stripe names a time to wait, or an earlier request must settle first
 * @throws TransientError when Stripe fails, or newer versions kept coming in
 */
export async function makeBillingEqual(change: Change, dependencies: BillingDependencies): Promise<BillingResult> {
  const { customerId } = change;
  const deps = withDeadline(dependencies);
  let created = false;
  let written = false;
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const counterpart = await obtainCustomer(await readRecord(customerId, deps), deps);
    const { id, record } = counterpart;
    const { version, deleted } = record;
    created ||= counterpart.created;
    if (id === null) return { outcome: "none", stripeCustomerId: null, version };
    const { outcome, adjusted } = await bringTo(record, id, deps);
    written ||= outcome === "written";
    const isNewest = outcome === "written" && (await readRecord(customerId, deps)).version === version;
    if (outcome !== "unchanged" && !isNewest) continue;
    const done = deleted ? "archived" : created ? "created" : "updated";
    return {
      outcome: written ? done : "unchanged",
      stripeCustomerId: id,
      version,
      ...(adjusted.length > 0 ? { adjusted } : {}),
    };
  }
  throw new TransientError("OVERTAKEN", `Customer ${customerId} changed ${MAX_ROUNDS} times while it was written.`);
}

/** Makes the linked customer equal to the record. */
async function bringTo(
  record: CustomerRecord,
  id: string,
  deps: BillingDependencies,
): Promise<{ readonly outcome: Written | "unchanged"; readonly adjusted: readonly string[] }> {
  const { customerId, version } = record;
  const link = liveLinkOf(record);
  const { customer, adjusted } = toBillingCustomer(record);
  const contentHash = hashOf(customer);
  if (link?.contentHash === contentHash && !isDirty(requestsOf(record), contentHash)) {
    if (link.version !== version)
      await deps.store.linkBilling(customerId, linkTo({ id, contentHash, adjusted }, version));
    return { outcome: "unchanged", adjusted };
  }
  let outcome: Written = "overtaken";
  const allOf = (refused: readonly string[]) => [...new Set([...adjusted, ...refused])];
  const { refused } = await writeWhatIsTaken(customer, async (target, without) => {
    outcome = await writeCustomer(record, { id, target, adjusted: allOf(without) }, deps);
  });
  return { outcome, adjusted: allOf(refused) };
}
