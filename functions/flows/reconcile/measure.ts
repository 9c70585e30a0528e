import { isWaiting, type Survey } from "#shared/behind/behind-index.ts";
import { TARGETS, type Target } from "#shared/behind/marks.ts";
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

/** Measures all targets. @param now epoch milliseconds */
export function measure(
  breakers: readonly BreakerState[],
  surveys: Readonly<Record<Target, Survey>>,
  now: number,
): Measured[] {
  const flags = (target: string) => {
    const open = breakers.filter((one) => one.target === target && one.state !== "closed");
    const refused = open.filter(({ needsPerson }) => needsPerson).length;
    return { target, BreakerOpen: Number(open.length > refused), TargetRefusesKey: Number(refused > 0) };
  };
  return GATED_TARGETS.map((name) => {
    const target = TARGETS.find((one) => one === name);
    if (!target) return flags(name);
    const survey = surveys[target];
    return { ...flags(target), CustomersBehind: survey.count, OldestBehindSeconds: oldest(survey, now) };
  });
}

function oldest({ first }: Survey, now: number): number {
  const waiting = first.filter((one) => isWaiting(one, now));
  return waiting.reduce((longest, { mark }) => Math.max(longest, (now - Date.parse(mark.since)) / 1000), 0);
}
