import { toLongId } from "../../functions/salesforce/org/ids.ts";
import type { ParkedTable } from "../../shared/parked/table.ts";
import type { ParkedStatus, ParkedSummary } from "../../shared/parked/work.ts";
import { hasEnded, STATUSES } from "../../shared/parked/work.ts";
import { momentOrSpan, UsageError } from "../usage.ts";

/** The options that choose pieces of work, for `parseArgs`. */
export const FILTER_OPTIONS = {
  error: { type: "string" },
  hop: { type: "string" },
  org: { type: "string" },
  customer: { type: "string" },
  since: { type: "string" },
  until: { type: "string" },
} as const;

export type FilterValues = { readonly [name in keyof typeof FILTER_OPTIONS]?: string | undefined };

/** Which pieces of parked work are meant. */
export interface Filter {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly matches: (item: ParkedSummary) => boolean;
}

/** @throws UsageError for an option that cannot be meant */
export function filterOf({ error, hop, org, customer, since, until }: FilterValues, now: number): Filter {
  const customerId = customer === undefined ? undefined : recordId("--customer", customer);
  const orgId = org === undefined ? undefined : recordId("--org", org);
  const contains = (text: string | undefined, part: string) =>
    text?.toLowerCase().includes(part.toLowerCase()) ?? false;
  return {
    from: since === undefined ? undefined : momentOrSpan("--since", since, now),
    to: until === undefined ? undefined : momentOrSpan("--until", until, now),
    matches: (item) =>
      (customerId === undefined || isSameRecord(item.customerId, customerId)) &&
      (orgId === undefined || isSameRecord(item.orgId, orgId)) &&
      (hop === undefined || contains(item.hop, hop)) &&
      (error === undefined ||
        [item.errorName, item.errorCode, item.errorMessage].some((text) => contains(text, error))),
  };
}

/** Whether two ids of Salesforce, of 15 characters or with their checksum, are one record's. */
function isSameRecord(one: string | undefined, other: string): boolean {
  return one?.slice(0, 15) === other.slice(0, 15);
}

/** @throws UsageError */
export function statusOf(text: string): ParkedStatus {
  const status = STATUSES.find((one) => one === text);
  if (status) return status;
  throw new UsageError(`--status takes one of ${STATUSES.join(", ")}; got '${text}'`);
}

/** Everything of a status that a filter lets through, newest first. */
export async function search(
  parked: Pick<ParkedTable, "list">,
  status: ParkedStatus,
  { from, to, matches }: Filter,
): Promise<ParkedSummary[]> {
  const found: ParkedSummary[] = [];
  let after: string | undefined;
  do {
    const page = await parked.list({ status, from, to, after, newestFirst: true, limit: 1_000 });
    found.push(...page.items.filter(matches));
    after = page.next;
  } while (after);
  return found;
}

/** So many characters of an id are enough, if they are its alone. */
const LEAST = 4;
const OPEN: readonly ParkedStatus[] = ["parked", "redriven"];
const ENDED: readonly ParkedStatus[] = STATUSES.filter(hasEnded);

/** @throws UsageError when an id is too short for a beginning */
export function checkIds(ids: readonly string[]): void {
  const short = ids.find((id) => id.length < LEAST);
  if (short !== undefined) throw new UsageError(`'${short}' is too short: give at least ${LEAST} characters of the id`);
}

/**
 * The whole ids that ids or beginnings of ids mean: of open work, and if no such begins so, of what has ended when that is
 * wanted. What nothing is found for stays as it is.
 * @throws UsageError when a beginning fits several
 */
export async function resolveIds(
  parked: Pick<ParkedTable, "list" | "read">,
  given: readonly string[],
  { ended = false } = {},
): Promise<string[]> {
  const known = new Map<readonly ParkedStatus[], Promise<string[]>>();
  const idsOf = (statuses: readonly ParkedStatus[]) => {
    const ids = known.get(statuses) ?? listIds(parked, statuses);
    known.set(statuses, ids);
    return ids;
  };
  const resolve = async (id: string) => {
    if (await parked.read(id)) return id;
    for (const statuses of ended ? [OPEN, ENDED] : [OPEN]) {
      const [first, ...others] = (await idsOf(statuses)).filter((one) => one.startsWith(id));
      if (others.length > 0)
        throw new UsageError(`'${id}' is the beginning of ${others.length + 1} ids; give more of it`);
      if (first) return first;
    }
    return id;
  };
  const resolved: string[] = [];
  for (const id of given) resolved.push(await resolve(id));
  return [...new Set(resolved)];
}

async function listIds(parked: Pick<ParkedTable, "list">, statuses: readonly ParkedStatus[]): Promise<string[]> {
  const found = await Promise.all(statuses.map((status) => search(parked, status, { matches: () => true })));
  return found.flat().map(({ parkedId }) => parkedId);
}

function recordId(option: string, text: string): string {
  try {
    return toLongId(text);
  } catch {
    throw new UsageError(`${option} takes an id of 15 or 18 characters; got '${text}'`);
  }
}
