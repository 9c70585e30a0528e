import type { Behind } from "#shared/behind/behind.ts";
import type { Survey } from "#shared/behind/behind-index.ts";
import { TARGETS, type Target } from "#shared/behind/marks.ts";
import { lazy } from "#shared/lazy.ts";
import type { BreakerState, Breakers } from "#shared/targets/breakers.ts";
import { type Measured, measure } from "./measure.ts";
import { drawsFor, secondsUntilKnown } from "./outages.ts";
import { type TakeDependencies, takeUp } from "./take.ts";
import { type TellDependencies, tellOutages } from "./tell.ts";

/** Counting more says nothing new and costs. */
const MOST_COUNTED = 200_000;

export interface ReconcileDependencies extends Omit<TakeDependencies, "until">, Omit<TellDependencies, "waiting"> {
  readonly behind: Pick<Behind, "due" | "take" | "survey" | "countByOrg">;
  readonly breakers: Breakers;
  /** Closes parked work that needs nobody any more. */
  readonly settleParked: () => Promise<unknown>;
  readonly report: (measured: readonly Measured[]) => void;
}

/** For so long a round takes up customers; whoever is left is due with the next one. */
export const TAKING_MS = 20_000;

/**
 * One round of the recovery: takes up what is due for every target, tells of outages, measures what waits, and closes parked
 * work that was overtaken.
 * @returns seconds after which another round is wanted; 0 when the next minute's will do
 * @throws the fleet's errors when something could not be read or written; the next round does it
 */
export async function reconcile(deps: ReconcileDependencies): Promise<number> {
  const breakers = await closeIdle(await deps.breakers.list(), deps.breakers);
  const now = deps.now();
  const until = now + TAKING_MS;
  const surveys = await surveyAll(deps.behind);
  for (const target of TARGETS)
    await takeUp(target, drawsFor(target, breakers, now), surveys[target], { ...deps, until });
  await tellOutages(breakers, { ...deps, waiting: countWaiting(deps.behind, surveys) });
  deps.report(measure(breakers, surveys, now));
  await deps.settleParked();
  return secondsUntilKnown(breakers, now);
}

/** Closes what nobody needs any more, so that it keeps nobody waiting; the breakers as they are then. */
async function closeIdle(states: readonly BreakerState[], breakers: Breakers): Promise<readonly BreakerState[]> {
  const open = states.filter(({ state }) => state === "open");
  const closed = await Promise.all(open.map((state) => breakers.closeIdle(state)));
  return closed.includes(true) ? breakers.list() : states;
}

/** One look at everybody behind, which is nobody most of the time, serves the whole round. */
async function surveyAll(behind: Pick<Behind, "survey">): Promise<Record<Target, Survey>> {
  const [billing, salesforce] = await Promise.all([
    behind.survey("billing", MOST_COUNTED),
    behind.survey("salesforce", MOST_COUNTED),
  ]);
  return { billing, salesforce };
}

/** How many customers wait, of an organisation for itself alone; counted once, however many organisations are away. */
function countWaiting(
  behind: Pick<Behind, "countByOrg">,
  { billing }: Readonly<Record<Target, Survey>>,
): TellDependencies["waiting"] {
  const byOrg = lazy(() => behind.countByOrg("salesforce"));
  return async (target, endpoint) => {
    if (target === "salesforce") return (await byOrg()).get(endpoint) ?? 0;
    return target === "billing" ? billing.count : 0;
  };
}
