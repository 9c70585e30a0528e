import type { Behind } from "#shared/behind/behind.ts";
import type { BehindCustomer } from "#shared/behind/behind-index.ts";
import { TARGETS } from "#shared/behind/marks.ts";
import { inParallel } from "#shared/chunks.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import { compareContents } from "./compare.ts";
import type { WorkPage } from "./scope.ts";

export interface RetryDependencies {
  readonly behind: Pick<Behind, "due" | "retryNow">;
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

/** As many as one collection call reads; who else is behind has a next try of its own. */
const MOST_COMPARED = 2_000;

/**
 * Store → organisation: customers of the organisation that a target is behind of, those that wait longest first. What they
 * wait with is compared too, so that they get what is true now.
 */
export const sweepBehind: WorkPage = async ({ orgId }, _after, deps) => {
  const wants = (one: BehindCustomer) => one.orgId === orgId;
  const options = { limit: MOST_COMPARED, markedBefore: LAST, wants };
  const waiting = await Promise.all(TARGETS.map((target) => deps.behind.due(target, options)));
  const ids = waiting
    .flat()
    .map(({ customerId }) => customerId)
    .slice(0, MOST_COMPARED);
  const stored = await deps.store.readMany(ids);
  const alive = ids.filter((id) => stored.get(id)?.deleted === false);
  const contents = await compareContents(alive, stored, orgId, deps);
  return { findings: { ...contents, compared: alive.length }, next: undefined };
};

/** Later than any mark. */
const LAST = "9999-12-31T23:59:59.999Z";
