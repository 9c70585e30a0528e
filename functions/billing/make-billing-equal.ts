import type { CustomerRecord } from "#shared/customer-record.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import { FleetError, InvalidInputError, RejectedByTargetError, TransientError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { type Billing, STORED_FAILURE } from "./client.ts";
import { identityOf, toBillingCustomer } from "./map.ts";
import { writeWhatIsTaken } from "./set-aside.ts";

export interface BillingDependencies {
  readonly billing: Billing;
  readonly store: Pick<CustomerStore, "read" | "askBilling" | "linkBilling">;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What was done in billing, and the version it is equal to now. */
export interface BillingResult {
  readonly outcome: "created" | "updated" | "unchanged" | "archived" | "none";
  readonly stripeCustomerId: string | null;
  readonly version: string;
  /** Fields whose value did not fit, shortened or kept as metadata; absent when all fit. */
  readonly adjusted?: readonly string[];
}

const MAX_ROUNDS = 5;
const MAX_KEYS = 3;
// Stripe forgets idempotency keys after at least 24 hours; https://docs.stripe.com/api/idempotent_requests
const KEY_TRUSTED_MS = 20 * 3600 * 1000;

/**
 * Makes the Stripe customer equal to the stored one, whatever version asked for it.
 *
 * Two runs for one customer may overlap, and the slower one may write the older version last. So whoever finds that it
 * was overtaken, after its own write or because a try before it may have written, writes the newest version again
 * instead of trusting the link.
 * @param change the version on whose behalf it is done
 * @throws InvalidInputError when the customer is not stored
 * @throws RejectedByTargetError when Stripe refuses, or the link points nowhere
 * @throws TransientError when Stripe fails, or newer versions kept coming in
 */
export async function makeBillingEqual(
  change: { readonly customerId: string; readonly version: string },
  deps: BillingDependencies,
): Promise<BillingResult> {
  const { customerId } = change;
  let record = await readRecord(customerId, deps);
  let overtaken = record.version > change.version ? change.version : undefined;
  let created = false;
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const result = await bringTo(record, overtaken, deps);
    created ||= result.outcome === "created";
    if (result.outcome === "unchanged" || result.outcome === "none") return result;
    const after = await readRecord(customerId, deps);
    if (after.version === record.version)
      return created && result.outcome === "updated" ? { ...result, outcome: "created" } : result;
    overtaken = record.version;
    record = after;
  }
  throw new TransientError("OVERTAKEN", `Customer ${customerId} changed ${MAX_ROUNDS} times while it was written.`);
}

async function readRecord(customerId: string, { store }: BillingDependencies): Promise<CustomerRecord> {
  const record = await store.read(customerId);
  if (record) return record;
  throw new InvalidInputError("NOT_STORED", `Customer ${customerId} is not in the store; it must be stored first.`);
}

/** Brings Stripe to the record's version. With `overtaken`, an older version may have been written meanwhile. */
async function bringTo(
  record: CustomerRecord,
  overtaken: string | undefined,
  deps: BillingDependencies,
): Promise<BillingResult> {
  const { customerId, version, deleted } = record;
  const link = record.links.stripe;
  const { customer: target, adjusted } = toBillingCustomer(record);
  const { id, created } = link ? { id: link.id, created: false } : await obtainCustomer(record, deps);
  if (id === null) return { outcome: "none", stripeCustomerId: null, version };
  const unchanged = !overtaken && link?.contentHash === hashOf(target);
  const { written, refused } = await writeWhatIsTaken(target, async (customer) => {
    const keyOf = (again: number) =>
      hashOf(record.orgId, customerId, version, "update", hashOf(customer), overtaken, again);
    if (!unchanged) await withFreshKey(keyOf, (key) => deps.billing.update(id, customer, key));
  }).catch((error) => {
    throw explain(error, id, customerId);
  });
  if (!unchanged || link?.version !== version)
    await linkTo({ id, version, contentHash: hashOf(written) }, customerId, deps);
  const fields = [...new Set([...adjusted, ...refused])];
  return {
    outcome: unchanged ? "unchanged" : deleted ? "archived" : created ? "created" : "updated",
    stripeCustomerId: id,
    version,
    ...(fields.length > 0 ? { adjusted: fields } : {}),
  };
}

/**
 * The id of the customer's counterpart, created when there is none. It is created empty, under a key that depends on
 * the account alone, so that runs for two versions can never create two. Once Stripe may have forgotten the key, it is
 * searched first. For a deleted account nothing is created.
 */
async function obtainCustomer(
  record: CustomerRecord,
  deps: BillingDependencies,
): Promise<{ id: string | null; created: boolean }> {
  const { customerId, orgId, deleted } = record;
  const { billing, store, now } = deps;
  if (deleted && record.billingAskedAt === undefined) return { id: null, created: false };
  const askedAt = await store.askBilling(customerId, new Date(now()));
  const forgotten = now() - askedAt.getTime() > KEY_TRUSTED_MS;
  const found = deleted || forgotten ? await billing.find(orgId, customerId) : undefined;
  if (deleted && found === undefined) return { id: null, created: false };
  const id = found ?? (await create(record, deps));
  await linkTo({ id }, customerId, deps);
  return { id, created: found === undefined };
}

async function create(record: CustomerRecord, { billing }: BillingDependencies): Promise<string> {
  const { orgId, customerId } = record;
  const keyOf = (again: number) => hashOf(orgId, customerId, "initial", "create", again);
  // A stored failure does not say whether the customer came to be.
  const find = () => billing.find(orgId, customerId);
  return withFreshKey(keyOf, (key) => billing.create(identityOf(record), key), find);
}

/**
 * Runs `call` under an idempotency key. Stripe stores failures too and repeats them for a day, so after a stored one
 * the next key of the series is used; all runs walk the same series, so they still share one result.
 */
async function withFreshKey<T>(
  keyOf: (again: number) => string,
  call: (key: string) => Promise<T>,
  find: () => Promise<T | undefined> = async () => undefined,
): Promise<T> {
  for (let again = 0; ; again += 1)
    try {
      return await call(keyOf(again));
    } catch (error) {
      const stored = error instanceof FleetError && error.code === STORED_FAILURE;
      if (!stored || again + 1 >= MAX_KEYS) throw error;
      const found = await find();
      if (found !== undefined) return found;
    }
}

async function linkTo(
  link: { id: string; version?: string; contentHash?: string },
  customerId: string,
  { store }: BillingDependencies,
): Promise<void> {
  const linked = await store.linkBilling(customerId, link);
  if (linked.outcome !== "conflict") return;
  throw new RejectedByTargetError(
    "LINK_CONFLICT",
    `Customer ${customerId} is linked to ${linked.link.id}, but ${link.id} was made for it too: delete ${link.id} in Stripe, then redrive.`,
  );
}

/** Says what to do when the linked customer is gone. */
function explain(error: unknown, id: string, customerId: string): unknown {
  if (!(error instanceof RejectedByTargetError) || error.code !== "resource_missing") return error;
  return new RejectedByTargetError(
    error.code,
    `Stripe customer ${id}, linked to ${customerId}, is not in Stripe any more. Restore it there, or remove links.stripe ` +
      "and billingAskedAt from the stored customer to have a new one created; then redrive.",
    { cause: error },
  );
}
