import { z } from "zod";
import type { CustomerRecord } from "../customer-record.ts";
import type { CustomerStore } from "../customer-store.ts";
import { log } from "../observability.ts";
import { countParked } from "../parked-metric.ts";
import type { StateTable } from "../state-table.ts";
import { endsInStore, isInStep, reachedVersion, targetOf, wasReadAfter } from "./state.ts";
import type { ParkedTable } from "./table.ts";
import type { ParkedStatus, ParkedSummary } from "./work.ts";

export interface SettleDependencies {
  readonly parked: Pick<ParkedTable, "list" | "read" | "move">;
  readonly store: Pick<CustomerStore, "readMany">;
  /** Where the walk over the open work goes on next time. */
  readonly state: Pick<StateTable, "read" | "writeMany">;
  readonly now: () => Date;
  /** Most pieces of work to look at in one go. */
  readonly limit?: number;
}

/** What a walk found and did. */
export interface Settled {
  readonly looked: number;
  readonly done: number;
  readonly superseded: number;
  /** Redriven long ago with nothing sent, or nothing come of it, so a person sees them again. */
  readonly returned: number;
}

/** The pieces of work whose customers are read with one call. */
const PAGE = 100;
const LIMIT = 300;
/** For so long a walk closes work; where it stops the next one goes on. */
export const SETTLING_MS = 10_000;
const CURSOR = "parked/settle";
const BY = "system:reconcile";
const HOUR_MS = 3_600_000;
/** A redriven message without a customer has done its work when it was sent, and not parked again for so long. */
const QUIET_MS = HOUR_MS;
/** What waits for a target is given up, and parked again, after a day. */
const LOST_MS = 25 * HOUR_MS;

const cursorSchema = z.looseObject({ status: z.enum(["parked", "redriven"]), after: z.string().optional() });

/**
 * Closes what needs nobody any more, page by page over all open work, going on where it stopped: work that a newer version
 * of its customer has overtaken is superseded, redriven work whose customer is in step is done, and redriven work that was
 * never sent, or of which nothing came for a day, is parked again. Call it every minute.
 */
export async function settleParked(deps: SettleDependencies): Promise<Settled> {
  const counts = { looked: 0, done: 0, superseded: 0, returned: 0 };
  // A cursor that nobody can read begins the walk anew.
  let cursor = (await deps.state.read(CURSOR, cursorSchema))?.value ?? { status: "redriven" as const };
  const start = cursor;
  const until = deps.now().getTime() + SETTLING_MS;
  while (counts.looked < (deps.limit ?? LIMIT)) {
    const page = await deps.parked.list({ ...cursor, limit: PAGE });
    // What has moved is not on this page any more when it is listed again.
    if (!(await settlePage(page.items, counts, deps, until))) break;
    cursor = page.next ? { status: cursor.status, after: page.next } : { status: OTHER[cursor.status] };
    if (!cursor.after && cursor.status === start.status) break;
  }
  await deps.state.writeMany([{ key: CURSOR, value: cursor }]);
  return counts;
}

const OTHER = { parked: "redriven", redriven: "parked" } as const;

/** False when the time is up before all of it was looked at. */
async function settlePage(
  items: readonly ParkedSummary[],
  counts: { -readonly [name in keyof Settled]: Settled[name] },
  { parked, store, now }: SettleDependencies,
  until: number,
): Promise<boolean> {
  const ids = items.map(({ customerId }) => customerId).filter(isSalesforceId);
  const records = await store.readMany(ids);
  for (const item of items) {
    if (now().getTime() >= until) return false;
    counts.looked += 1;
    const judged = judge(item, records.get(item.customerId), now().getTime());
    const verdict = judged === QUIET ? await judgeQuiet(item, parked) : judged;
    if (!verdict) continue;
    const step = { by: BY, at: now(), note: verdict.why, seen: item };
    const { moved } = await parked.move(item.parkedId, verdict.status, step);
    if (!moved) continue;
    if (verdict.status !== "parked") counts[verdict.status] += 1;
    else {
      counts.returned += 1;
      tellReturned(item, verdict.why);
    }
  }
  return true;
}

/** As loud as any other parking. */
function tellReturned({ parkedId, hop, errorName, correlationId, customerId }: ParkedSummary, why: string): void {
  countParked();
  log().error("Work parked again", { parkedId, hop, errorName, correlationId, customerId, why });
}

type Verdict = { readonly status: Exclude<ParkedStatus, "redriven" | "discarded">; readonly why: string } | undefined;

/** The verdict on a redriven message of which nothing is heard: good when it was sent. */
const QUIET = "quiet";

/** The index does not tell what was sent. A redrive that was killed before has done nothing. */
async function judgeQuiet({ parkedId }: ParkedSummary, { read }: Pick<ParkedTable, "read">): Promise<Verdict> {
  return (await read(parkedId))?.sentAt
    ? { status: "done", why: "not parked again for an hour" }
    : { status: "parked", why: "the redrive ended before it sent it" };
}

/** What becomes of a piece of open work, by what the store and the target have of its customer now. */
function judge(item: ParkedSummary, record: CustomerRecord | undefined, now: number): Verdict | typeof QUIET {
  const target = targetOf(item);
  const redrivenFor = item.status === "redriven" ? now - Date.parse(item.redrivenAt ?? item.parkedAt) : undefined;
  if (target && record) {
    const reached = reachedVersion(record, target);
    if (redrivenFor !== undefined && isInStep(record, target) && isNewEnough(item, record.version))
      return { status: "done", why: `${target} has what is stored` };
    if (reached !== undefined && isOvertaken(item, reached))
      return { status: "superseded", why: `a newer version has reached ${target}` };
    if (item.version !== undefined && reached === item.version)
      return { status: "done", why: `the version has reached ${target}` };
    // What waits by itself is taken up, or given up, by itself.
    if (record.behindKey !== undefined) return undefined;
  }
  if (record && endsInStore(item) && wasReadAfter(record.version, item.parkedAt))
    return { status: redrivenFor === undefined ? "superseded" : "done", why: "the account was read and stored since" };
  if (redrivenFor === undefined) return undefined;
  if (!(target && isSalesforceId(item.customerId))) return redrivenFor > QUIET_MS ? QUIET : undefined;
  return redrivenFor > LOST_MS ? { status: "parked", why: "nothing came of the redrive within a day" } : undefined;
}

/** Whether the stored version is at least the one the work was about; without a version, one read since it was parked. */
function isNewEnough({ version, kind, parkedAt }: ParkedSummary, stored: string): boolean {
  if (version !== undefined) return stored >= version;
  return kind !== "comparison" || wasReadAfter(stored, parkedAt);
}

function isOvertaken({ version, parkedAt }: ParkedSummary, reached: string): boolean {
  return version === undefined ? wasReadAfter(reached, parkedAt) : reached > version;
}

function isSalesforceId(id: string): boolean {
  return /^\w{18}$/.test(id);
}
