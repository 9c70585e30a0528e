import type { Behind } from "#shared/behind/behind.ts";
import { isWaiting } from "#shared/behind/behind-index.ts";
import { keysOf, TARGETS, type Target } from "#shared/behind/marks.ts";
import type { BreakerState } from "#shared/targets/breakers.ts";
import { GATED_TARGETS } from "#shared/targets/targets.ts";

/** What alarms and people watch, by target. */
export interface Measured {
  readonly target: string;
  /** Without those that refuse our key: an outage goes by itself, a refused key does not. */
  readonly BreakerOpen: number;
  readonly TargetRefusesKey: number;
  /** Only of targets that customers are brought to. */
  readonly CustomersBehind?: number;
  /** Since when the one waits that waits longest, in seconds; what merely is on its way does not count. */
  readonly OldestBehindSeconds?: number;
}

/** Counting more says nothing new and costs. */
const MOST_COUNTED = 200_000;

/** Measures all targets. @param now epoch milliseconds */
export async function measure(
  breakers: readonly BreakerState[],
  behind: Pick<Behind, "count" | "list">,
  now: number,
): Promise<Measured[]> {
  const flags = (target: string) => {
    const open = breakers.filter((one) => one.target === target && one.state !== "closed");
    const refused = open.filter(({ needsPerson }) => needsPerson).length;
    return { target, BreakerOpen: Number(open.length > refused), TargetRefusesKey: Number(refused > 0) };
  };
  const measured = GATED_TARGETS.map(async (name) => {
    const target = TARGETS.find((one) => one === name);
    if (!target) return flags(name);
    return {
      ...flags(target),
      CustomersBehind: await behind.count(target, MOST_COUNTED),
      OldestBehindSeconds: await oldest(target, behind, now),
    };
  });
  return Promise.all(measured);
}

/** Looks at the first page of every key, which holds those that are due first. */
async function oldest(target: Target, behind: Pick<Behind, "list">, now: number): Promise<number> {
  const pages = await Promise.all(keysOf(target).map((key) => behind.list(key)));
  const waiting = pages.flatMap(({ customers }) => customers).filter((one) => isWaiting(one, now));
  return waiting.reduce((longest, { mark }) => Math.max(longest, (now - Date.parse(mark.since)) / 1000), 0);
}
