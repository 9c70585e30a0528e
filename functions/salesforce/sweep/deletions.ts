import { FleetError } from "#shared/errors.ts";
import type { DeletedRecord, Salesforce } from "../client/types.ts";
import { toLongId } from "../org/ids.ts";

/** A record that is gone, and when it went. */
export interface Deleted {
  /** 18 characters. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly deletedAt: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm
const LOG_MS = 30 * 24 * 60 * MINUTE_MS;

/** The beginning of the delete log, a little later than Salesforce counts it. Epoch milliseconds. */
export function logBeginning(now: number): number {
  return now - LOG_MS + 5 * MINUTE_MS;
}

/** What the delete log says of a span of time. */
export interface DeleteLog {
  /** The latest deletion of each record, in the order of time and id. */
  readonly entries: readonly Deleted[];
  /** Whether Salesforce told of the whole span, as far as its log goes back. */
  readonly complete: boolean;
}

/**
 * Reads the delete log; empty when the span is over before the log begins. Salesforce counts the span in whole minutes
 * and wants more than one. It refuses a beginning before the organisation's own, or before a purge of the log, without
 * saying when that was: then the longest span is looked for that it takes, to the hour.
 * @param from epoch milliseconds, as `to` and `now`
 */
export async function readDeleteLog(
  salesforce: Pick<Salesforce, "deletedBetween">,
  entity: string,
  { from, to, now }: { from: number; to: number; now: number },
): Promise<DeleteLog> {
  const start = Math.max(Math.floor(from / MINUTE_MS - 1) * MINUTE_MS, logBeginning(now));
  if (to - start <= MINUTE_MS) return { entries: [], complete: true };
  const ask = (since: number) => askSince(salesforce, entity, since, to);
  const whole = await ask(start);
  return { entries: latestOf(whole ?? (await findLongest(ask, start, to))), complete: whole !== undefined };
}

/** Undefined when Salesforce does not look back so far. */
async function askSince(
  salesforce: Pick<Salesforce, "deletedBetween">,
  entity: string,
  since: number,
  to: number,
): Promise<readonly DeletedRecord[] | undefined> {
  try {
    return await salesforce.deletedBetween(entity, new Date(since).toISOString(), new Date(to).toISOString());
  } catch (error) {
    if (error instanceof FleetError && error.code === "INVALID_REPLICATION_DATE") return undefined;
    throw error;
  }
}

/** Halves the span in which the earliest beginning lies that is not refused; nothing when every one is. */
async function findLongest(
  ask: (since: number) => Promise<readonly DeletedRecord[] | undefined>,
  refused: number,
  to: number,
): Promise<readonly DeletedRecord[]> {
  let found: readonly DeletedRecord[] | undefined;
  let [low, high] = [refused, to];
  while (high - low > HOUR_MS) {
    const middle = Math.floor((low + high) / 2 / MINUTE_MS) * MINUTE_MS;
    const answer = await ask(middle);
    found = answer ?? found;
    if (answer) high = middle;
    else low = middle;
  }
  return found ?? [];
}

function latestOf(entries: readonly DeletedRecord[]): Deleted[] {
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
