import { inParallel } from "#shared/chunks.ts";
import type { Metadata } from "#shared/contracts/metadata.ts";
import type { PageRecord } from "#shared/contracts/tasks/backfill.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import type { Salesforce } from "../client/types.ts";
import { toLongId } from "../org/ids.ts";
import { isDoubtful } from "../sweep/accounts.ts";
import { isBehind, type RetryDependencies, retryForgotten } from "../sweep/behind.ts";
import { compareContents } from "../sweep/compare.ts";
import { type ParkDependencies, parkUnusable } from "../sweep/park.ts";
import { noteVersions, publishRepairs, type RepairDependencies, type Sent, WRITES_AT_ONCE } from "../sweep/repair.ts";
import type { CompareDependencies } from "../sweep/scope.ts";

export interface LoadDependencies
  extends CompareDependencies,
    ParkDependencies,
    RetryDependencies,
    Omit<RepairDependencies, "store"> {
  readonly store: CustomerStore;
  readonly salesforce: Salesforce;
}

/** What became of a batch. */
export interface Loaded {
  readonly compared: number;
  readonly sent: number;
  readonly equal: number;
  /** Of the equal ones, those that billing has not followed yet. */
  readonly behind: number;
  readonly unusable: number;
}

/**
 * Compares the accounts of a batch with the store, and sends those that differ into the sync on the bulk lane. They are
 * stored afterwards, so that the store is complete when the backfill is; a batch that dies in between is sent again. Those
 * that are equal may be behind in billing: whom nobody would look at is brought there too.
 * @throws the error of Salesforce, the store or the bus; the whole batch is to be tried again
 */
export async function loadBatch(
  records: readonly PageRecord[],
  metadata: Metadata,
  deps: LoadDependencies,
): Promise<Loaded> {
  const { orgId } = metadata;
  const listed = records.map(({ Id, SystemModstamp }) => ({
    id: toLongId(Id),
    systemModstamp: Date.parse(SystemModstamp),
    deleted: false,
    parentIds: [],
  }));
  const stored = await deps.store.readMany(listed.map(({ id }) => id));
  const doubtful = listed.filter((record) => isDoubtful(record, stored.get(record.id))).map(({ id }) => id);
  const found = await compareContents(doubtful, stored, orgId, deps);
  const overtaken = await noteVersions(found.equal, deps);
  const context = { metadata, lane: "bulk", feed: "backfill" } as const;
  const { sent, refused } = await publishRepairs([...found.repairs, ...overtaken], context, deps);
  await saveAll(sent, deps.store);
  const unusable = [...found.unusable, ...refused];
  await parkUnusable(unusable, metadata, "backfill", deps);
  const behind = behindAmong(stored, [...sent.map(({ repair }) => repair), ...unusable], orgId);
  await retryForgotten(behind, deps);
  const counts = { compared: records.length, sent: sent.length, unusable: unusable.length };
  return { ...counts, equal: records.length - sent.length - unusable.length, behind: behind.length };
}

/** Those of the organisation that billing has not followed, without those that were sent or cannot be used. */
function behindAmong(
  stored: ReadonlyMap<string, CustomerRecord>,
  others: readonly { readonly customerId: string }[],
  orgId: string,
): CustomerRecord[] {
  const apart = new Set(others.map(({ customerId }) => customerId));
  return [...stored.values()].filter(
    (record) => record.orgId === orgId && !apart.has(record.customerId) && isBehind(record),
  );
}

async function saveAll(sent: readonly Sent[], store: CustomerStore): Promise<void> {
  await inParallel(sent, WRITES_AT_ONCE, async ({ repair: { customer, version }, metadata }) => {
    if (customer) await store.save(customer, version, metadata);
  });
}
