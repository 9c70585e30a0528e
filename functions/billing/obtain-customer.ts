import type { CustomerRecord } from "#shared/customer-record.ts";
import { hashOf } from "#shared/hash.ts";
import { verdictOf } from "./errors.ts";
import { findCustomers } from "./find-customer.ts";
import { identityOf } from "./map.ts";
import { type BillingDependencies, contended, note, readRecord, stillOpen } from "./records.ts";
import {
  askedToCreate,
  cameToNothing,
  createKeysOf,
  isCreateSpent,
  lastCreateAt,
  liveLinkOf,
  nextCreate,
  requestsOf,
  SETTLED_MS,
  spentCreate,
} from "./requests.ts";

/** The counterpart of a customer, linked in `record`. */
export interface Counterpart {
  /** null for a deleted account that has none. */
  readonly id: string | null;
  readonly created: boolean;
  readonly record: CustomerRecord;
}

const MAX_STEPS = 8;

/**
 * The counterpart of a customer in Stripe, created when there is none. It is created empty, under a key that depends on
 * the account and a generation that all runs share, so that they can never create two. When Stripe repeats a failure
 * under that key, may have forgotten it, or has deleted the customer, the next generation is used: once no earlier request
 * can still be under way, and no customer is there. For a deleted account nothing is created.
 * @throws RateLimitedError `OUTCOME_OPEN` while an earlier request may still create one
 */
export async function obtainCustomer(record: CustomerRecord, deps: BillingDependencies): Promise<Counterpart> {
  let current = record;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const link = liveLinkOf(current);
    if (link) return { id: link.id, created: false, record: current };
    if (current.deleted) return findForDeleted(current, deps);
    const isSpent = isCreateSpent(requestsOf(current), deps.now());
    const id = isSpent ? await adoptOrMoveOn(current, deps) : await create(current, deps);
    if (id !== undefined) await claim(current, id, isSpent ? undefined : keyOf(current), deps);
    current = await readRecord(current.customerId, deps);
    const linked = liveLinkOf(current);
    if (linked) return { id: linked.id, created: !isSpent && linked.id === id, record: current };
  }
  throw contended(record.customerId);
}

/** An archived customer is looked for, never created. */
async function findForDeleted(record: CustomerRecord, deps: BillingDependencies): Promise<Counterpart> {
  const none = { id: null, created: false, record };
  const lastAt = lastCreateAt(requestsOf(record));
  if (record.billingAskedAt === undefined || (requestsOf(record).deadId && lastAt === undefined)) return none;
  const { ids, openUntil = 0 } = await findCustomers(record, deps);
  if (ids[0] !== undefined) {
    await claim(record, ids[0], undefined, deps);
    const current = await readRecord(record.customerId, deps);
    return { id: liveLinkOf(current)?.id ?? null, created: false, record: current };
  }
  const until = Math.max(openUntil, (lastAt ?? 0) + SETTLED_MS);
  if (until > deps.now()) throw stillOpen(record.customerId, "The creation", until, deps.now());
  return none;
}

/** The id of a customer that was there all along; undefined once the next key is to be used, or another run was quicker. */
async function adoptOrMoveOn(record: CustomerRecord, deps: BillingDependencies): Promise<string | undefined> {
  const requests = requestsOf(record);
  const lastAt = lastCreateAt(requests);
  const settledAt = (lastAt ?? 0) + SETTLED_MS;
  if (settledAt > deps.now()) throw stillOpen(record.customerId, "The creation", settledAt, deps.now());
  const { ids, openUntil } = await findCustomers(record, deps);
  if (ids[0] !== undefined) return ids[0];
  if (openUntil !== undefined) throw stillOpen(record.customerId, "The creation", openUntil, deps.now());
  const { generation } = requests.create;
  // Whoever asked meanwhile did so without this look.
  await note(
    record,
    (now) => (now.create.generation === generation && lastCreateAt(now) === lastAt ? nextCreate(now) : undefined),
    deps,
  );
  return undefined;
}

/** The id of the customer that the present key creates, or created; undefined when another key is to be used. */
async function create(record: CustomerRecord, deps: BillingDependencies): Promise<string | undefined> {
  const { generation } = requestsOf(record).create;
  const key = keyOf(record);
  const noteIf = (change: typeof nextCreate, askedAt?: Date) =>
    note(
      record,
      (requests) =>
        requests.create.generation === generation && !requests.create.isSpent ? change(requests) : undefined,
      deps,
      askedAt && { askedAt },
    );
  const before = async () => {
    const now = deps.now();
    return (await noteIf((requests) => askedToCreate(requests, key, now), new Date(now))) !== undefined;
  };
  try {
    const id = await deps.billing.create(identityOf(record), { idempotencyKey: key, before });
    if (id === undefined || id !== requestsOf(record).deadId) return id;
    await noteIf(nextCreate);
  } catch (error) {
    const verdict = verdictOf(error);
    const isSpent = verdict?.meaning === "keySpent";
    if (isSpent) await noteIf(verdict?.effect === "none" ? nextCreate : spentCreate);
    else if (verdict?.effect === "none") await noteIf((requests) => cameToNothing(requests, key));
    if (!isSpent) throw error;
  }
  return undefined;
}

/** Links a customer, unless another run linked another one meanwhile. `key` is the one that was just answered. */
async function claim(
  record: CustomerRecord,
  id: string,
  key: string | undefined,
  { store }: BillingDependencies,
): Promise<void> {
  const requests = requestsOf(record);
  const settles = new Set([...createKeysOf(requests), ...(key === undefined ? [] : [key])]);
  await store.linkBilling(record.customerId, { id }, { replaces: requests.deadId, settles: [...settles] });
}

/** The present key of creation. */
function keyOf(record: CustomerRecord): string {
  return hashOf(record.orgId, record.customerId, "initial", "create", requestsOf(record).create.generation);
}
