import { toLongId } from "../../functions/salesforce/org/ids.ts";
import type { ParkedTable } from "../../shared/parked/table.ts";
import type { ParkedStatus, ParkedSummary } from "../../shared/parked/work.ts";
import { STATUSES } from "../../shared/parked/work.ts";
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

export const FILTER_HELP = `  --reason <text>    error's name or code, or a part of its message; for discard, which has its own --reason, --error
  --hop <text>       where it stopped, or a part of it: UpsertBilling, write-back, salesforce/sweep
  --org <id>         Salesforce organisation
  --customer <id>    account, 15 or 18 characters
  --since <when>     parked since then: a span such as 2h or 3d, or a moment such as 2026-11-22T10:00:00Z
  --until <when>     parked before then`;

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
      (customerId === undefined || item.customerId === customerId) &&
      (orgId === undefined || item.orgId?.slice(0, 15) === orgId.slice(0, 15)) &&
      (hop === undefined || contains(item.hop, hop)) &&
      (error === undefined ||
        [item.errorName, item.errorCode, item.errorMessage].some((text) => contains(text, error))),
  };
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

/**
 * The whole ids that ids or beginnings of ids mean, among open work.
 * @throws UsageError when a beginning fits several
 */
export async function resolveIds(
  parked: Pick<ParkedTable, "list" | "read">,
  given: readonly string[],
): Promise<string[]> {
  const resolved: string[] = [];
  let open: string[] | undefined;
  for (const id of given) {
    if (await parked.read(id)) resolved.push(id);
    else {
      open ??= await openIds(parked);
      const found = id.length >= 6 ? open.filter((one) => one.startsWith(id)) : [];
      if (found.length > 1) throw new UsageError(`'${id}' is the beginning of ${found.length} ids; give more of it`);
      resolved.push(found[0] ?? id);
    }
  }
  return [...new Set(resolved)];
}

async function openIds(parked: Pick<ParkedTable, "list">): Promise<string[]> {
  const everything = { matches: () => true };
  const open = [await search(parked, "parked", everything), await search(parked, "redriven", everything)];
  return open.flat().map(({ parkedId }) => parkedId);
}

function recordId(option: string, text: string): string {
  try {
    return toLongId(text);
  } catch {
    throw new UsageError(`${option} takes an id of 15 or 18 characters; got '${text}'`);
  }
}
