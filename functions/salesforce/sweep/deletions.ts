import type { Salesforce } from "../client/types.ts";
import { toLongId } from "../org/ids.ts";

/** A record that is gone, and when it went. */
export interface Deleted {
  /** 18 characters. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly deletedAt: number;
}

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
): Promise<Deleted[]> {
  const start = Math.max(Math.floor(from / MINUTE_MS - 1) * MINUTE_MS, logBeginning(now));
  if (to - start <= MINUTE_MS) return [];
  const entries = await salesforce.deletedBetween(entity, new Date(start).toISOString(), new Date(to).toISOString());
  const latest = new Map<string, number>();
  for (const entry of entries) {
    const id = toLongId(entry.id);
    latest.set(id, Math.max(Date.parse(entry.deletedDate), latest.get(id) ?? 0));
  }
  return [...latest]
    .map(([id, deletedAt]) => ({ id, deletedAt }))
    .sort((a, b) => a.deletedAt - b.deletedAt || (a.id < b.id ? -1 : 1));
}

/** Those records that are in the recycle bin no more, and not back from it either. */
export async function findHardDeleted(
  salesforce: Pick<Salesforce, "findDeleted">,
  entity: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const found = await salesforce.findDeleted(entity, ids);
  return new Set(ids.filter((id) => !found.has(id)));
}
