import type { Salesforce } from "../client/types.ts";
import { toLongId } from "../org/ids.ts";
import type { GoneAccount } from "./compare.ts";

const MINUTE_MS = 60_000;
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm
const LOG_MS = 30 * 24 * 60 * MINUTE_MS;

/** The beginning of the delete log, a little later than Salesforce counts it. Epoch milliseconds. */
export function logBeginning(now: number): number {
  return now - LOG_MS + 5 * MINUTE_MS;
}

/**
 * What the delete log says of a span of time, the latest deletion of each record, in the order of time and id; empty
 * when the span is over before the log begins. Salesforce counts the span in whole minutes and wants more than one.
 * @param from epoch milliseconds, as `to` and `now`
 */
export async function readDeleteLog(
  salesforce: Pick<Salesforce, "deletedBetween">,
  entity: string,
  { from, to, now }: { from: number; to: number; now: number },
): Promise<GoneAccount[]> {
  const start = Math.max(Math.floor(from / MINUTE_MS - 1) * MINUTE_MS, logBeginning(now));
  if (to - start <= MINUTE_MS) return [];
  const entries = await salesforce.deletedBetween(entity, new Date(start).toISOString(), new Date(to).toISOString());
  const latest = new Map<string, number>();
  for (const { id, deletedDate } of entries) {
    const customerId = toLongId(id);
    latest.set(customerId, Math.max(Date.parse(deletedDate), latest.get(customerId) ?? 0));
  }
  return [...latest]
    .map(([customerId, deletedAt]) => ({ customerId, deletedAt }))
    .sort((a, b) => a.deletedAt - b.deletedAt || (a.customerId < b.customerId ? -1 : 1));
}

/** Those accounts that are in the recycle bin no more, and not back from it either. */
export async function hardDeleted<T extends { readonly customerId: string }>(
  salesforce: Pick<Salesforce, "findDeleted">,
  entity: string,
  accounts: readonly T[],
): Promise<T[]> {
  if (accounts.length === 0) return [];
  const found = await salesforce.findDeleted(
    entity,
    accounts.map(({ customerId }) => customerId),
  );
  return accounts.filter(({ customerId }) => !found.has(customerId));
}
