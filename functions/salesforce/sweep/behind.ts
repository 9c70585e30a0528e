import type { Behind } from "#shared/behind/behind.ts";
import { behindKey, keysOf, TARGETS, type Target } from "#shared/behind/marks.ts";
import { inParallel } from "#shared/chunks.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import { compareContents } from "./compare.ts";
import type { Position } from "./progress.ts";
import type { CompareDependencies, WorkPage } from "./scope.ts";

export interface RetryDependencies {
  readonly behind: Pick<Behind, "list" | "retryNow">;
}

/** Requests to the table at the same time. */
const RETRIES_AT_ONCE = 25;

/**
 * Whether billing has another version of a customer than the store, equal though the store may be to Salesforce. One that
 * was deleted before billing knew it is in step.
 */
export function isBehind({ deleted, version, links }: Pick<CustomerRecord, "deleted" | "version" | "links">): boolean {
  return links.stripe?.version !== version && !(deleted && links.stripe === undefined);
}

/** Whether parked work about the stored version waits for a person, or was discarded by one. */
export function isGivenUp({ parked, version }: Pick<CustomerRecord, "parked" | "version">): boolean {
  return parked?.target === "billing" && parked.version === version;
}

/**
 * Has billing brought to those that are behind it without anybody knowing: they have no mark, because they were given up,
 * or are older than marks. A mark that is there keeps its age, its tries and the time that the target named.
 */
export async function retryForgotten(
  records: readonly CustomerRecord[],
  { behind }: { readonly behind: Pick<Behind, "retryNow"> },
): Promise<void> {
  const forgotten = records.filter((record) => isBehind(record) && !record.billingBehind);
  await inParallel(forgotten, RETRIES_AT_ONCE, async ({ customerId }) => {
    await behind.retryNow(customerId, "billing");
  });
}

/** With so many a page is full: the next read of a key adds at most a thousand, and one collection call takes both. */
const ENOUGH = 1_000;

/**
 * Store → organisation: every customer of the organisation that a target is behind of, key by key of the index. What they
 * wait with is compared too, so that they get what is true now. Who is tried meanwhile moves within its key alone.
 */
export const sweepBehind: WorkPage = async ({ orgId }, after, deps) => {
  const { customerIds, next } = await listBehind(orgId, after, deps);
  const stored = await deps.store.readMany(customerIds);
  const alive = customerIds.filter((id) => stored.get(id)?.deleted === false);
  const contents = await compareContents(alive, stored, orgId, deps);
  return { findings: { ...contents, compared: alive.length }, next };
};

async function listBehind(
  orgId: string,
  after: Position | undefined,
  { behind }: CompareDependencies,
): Promise<{ customerIds: readonly string[]; next: Position | undefined }> {
  const keys = TARGETS.flatMap((target) => keysOf(target));
  const begin = after?.target && keyAfter(after.target, after);
  const customerIds: string[] = [];
  for (const key of keys.slice(begin ? keys.indexOf(begin.behindKey) : 0)) {
    let from: object | undefined = begin?.behindKey === key ? begin : undefined;
    do {
      const { customers, next } = await behind.list(key, from);
      customerIds.push(...customers.filter((one) => one.orgId === orgId).map(({ customerId }) => customerId));
      const last = customers.at(-1);
      if (customerIds.length >= ENOUGH && last)
        return { customerIds, next: { id: last.customerId, at: last.nextTryAt, target: last.target } };
      from = next;
    } while (from);
  }
  return { customerIds, next: undefined };
}

/** The key of the index after which a page begins. */
function keyAfter(target: Target, { id, at }: Position) {
  return { behindKey: behindKey(target, id), nextTryAt: at, customerId: id };
}
