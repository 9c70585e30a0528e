import type { Behind } from "#shared/behind/behind.ts";
import { inParallel } from "#shared/chunks.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";

export interface RetryDependencies {
  readonly behind: Pick<Behind, "retryNow">;
}

/** Requests to the table at the same time. */
const RETRIES_AT_ONCE = 25;

/** Whether billing has another version of a customer than the store, equal though the store may be to Salesforce. */
export function isBehind({ deleted, version, links }: Pick<CustomerRecord, "deleted" | "version" | "links">): boolean {
  return !deleted && links.stripe?.version !== version;
}

/**
 * Has billing brought to those that are behind it without anybody knowing: they have no mark, because it was given up,
 * or they are older than marks. A mark that is there keeps its age, its tries and the time that the target named.
 */
export async function retryForgotten(records: readonly CustomerRecord[], { behind }: RetryDependencies): Promise<void> {
  const forgotten = records.filter((record) => isBehind(record) && !record.billingBehind);
  await inParallel(forgotten, RETRIES_AT_ONCE, async ({ customerId }) => {
    await behind.retryNow(customerId, "billing");
  });
}
