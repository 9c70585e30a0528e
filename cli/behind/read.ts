import type { Behind } from "../../shared/behind/behind.ts";
import { type BehindCustomer, isWaiting } from "../../shared/behind/behind-index.ts";
import { keysOf, type Target } from "../../shared/behind/marks.ts";

/** What waits for one target. */
export interface Waiting {
  readonly target: Target;
  readonly count: number;
  /** Stored a moment ago, and on their way for the first time. */
  readonly onTheirWay: number;
  /** Since when the one waits that waits longest, and when the next one is tried; ISO 8601. */
  readonly oldest?: string;
  readonly nextTryAt?: string;
  /** Of the last tries, by code, most frequent first. */
  readonly errors: readonly { readonly code: string; readonly message: string; readonly count: number }[];
  /** Those that wait, longest first. */
  readonly customers: readonly BehindCustomer[];
}

/** Everything that is behind these targets, of one organisation or of all. */
export function readBehind(
  behind: Pick<Behind, "list">,
  targets: readonly Target[],
  orgId: string | undefined,
  now: number,
): Promise<Waiting[]> {
  return Promise.all(
    targets.map(async (target) => {
      const shards = await Promise.all(keysOf(target).map((key) => listAll(behind, key)));
      const all = shards.flat().filter((one) => !orgId || one.orgId.slice(0, 15) === orgId.slice(0, 15));
      return waitingFor(target, all, now);
    }),
  );
}

async function listAll(behind: Pick<Behind, "list">, key: string): Promise<BehindCustomer[]> {
  const customers: BehindCustomer[] = [];
  let after: object | undefined;
  do {
    const page = await behind.list(key, after);
    customers.push(...page.customers);
    after = page.next;
  } while (after);
  return customers;
}

function waitingFor(target: Target, all: readonly BehindCustomer[], now: number): Waiting {
  const customers = all.filter((one) => isWaiting(one, now)).toSorted((a, b) => (a.mark.since < b.mark.since ? -1 : 1));
  const [first] = customers;
  const next = customers.map(({ nextTryAt }) => nextTryAt).toSorted()[0];
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
    errors: errors.toSorted((a, b) => b.count - a.count),
    customers,
  };
}
