import { type BehindCustomer, isWaiting } from "../../shared/behind/behind-index.ts";
import { keysOf, type Target } from "../../shared/behind/marks.ts";
import type { BreakerState } from "../../shared/targets/breakers.ts";
import type { Access } from "../access.ts";

/** A customer that is behind; `held` while its target is not called. */
export type WaitingCustomer = BehindCustomer & { readonly held: boolean };

/** What waits for one target. */
export interface Waiting {
  readonly target: Target;
  readonly count: number;
  /** Stored a moment ago, and on their way for the first time. */
  readonly onTheirWay: number;
  /** Since when the one waits that waits longest, and when the next one is tried that no breaker holds; ISO 8601. */
  readonly oldest?: string;
  readonly nextTryAt?: string;
  /** Breakers that are open and keep some of them waiting. */
  readonly heldBy: readonly BreakerState[];
  /** Of the last tries, by code, most frequent first. */
  readonly errors: readonly { readonly code: string; readonly message: string; readonly count: number }[];
  /** Those that wait, longest first. */
  readonly customers: readonly WaitingCustomer[];
}

/** Everything that is behind these targets, of one organisation or of all. */
export async function readBehind(
  { behind, breakers }: Pick<Access, "behind" | "breakers">,
  targets: readonly Target[],
  orgId: string | undefined,
  now: number,
): Promise<Waiting[]> {
  const open = (await breakers.list()).filter(({ state }) => state !== "closed");
  return Promise.all(
    targets.map(async (target) => {
      const shards = await Promise.all(keysOf(target).map((key) => listAll(behind, key)));
      const all = shards.flat().filter((one) => !orgId || one.orgId.slice(0, 15) === orgId.slice(0, 15));
      return waitingFor(target, all, open, now);
    }),
  );
}

async function listAll(behind: Access["behind"], key: string): Promise<BehindCustomer[]> {
  const customers: BehindCustomer[] = [];
  let after: object | undefined;
  do {
    const page = await behind.list(key, after);
    customers.push(...page.customers);
    after = page.next;
  } while (after);
  return customers;
}

function waitingFor(
  target: Target,
  all: readonly BehindCustomer[],
  open: readonly BreakerState[],
  now: number,
): Waiting {
  const customers = all
    .map((one) => ({ ...one, held: open.some((breaker) => holds(breaker, one)) }))
    .filter((one) => one.held || isWaiting(one, now))
    .toSorted((a, b) => (a.mark.since < b.mark.since ? -1 : 1));
  const [first] = customers;
  const free = customers.filter(({ held }) => !held);
  const next = free.map(({ nextTryAt }) => nextTryAt).toSorted()[0];
  const failures = Map.groupBy(
    customers.flatMap(({ mark }) => (mark.error ? [mark.error] : [])),
    ({ code }) => code,
  );
  const errors = [...failures].map(([code, some]) => ({ code, message: some[0]?.message ?? "", count: some.length }));
  return {
    target,
    count: customers.length,
    onTheirWay: all.length - customers.length,
    ...(first ? { oldest: first.mark.since } : {}),
    ...(next ? { nextTryAt: next } : {}),
    heldBy: open.filter((breaker) => customers.some((one) => holds(breaker, one))),
    errors: errors.toSorted((a, b) => b.count - a.count),
    customers,
  };
}

/** A customer needs to be written to billing, but only to its own organisation in Salesforce. */
function holds({ target, endpoint }: BreakerState, customer: BehindCustomer): boolean {
  const isNeeded = target === "salesforce" ? endpoint === customer.orgId : !endpoint.startsWith("GET ");
  return target === customer.target && isNeeded;
}
