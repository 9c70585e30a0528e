import { retriesRequested } from "#shared/contracts/events.ts";
import { decodeFleetEvent } from "#shared/handler/delivery.ts";
import { type Failure, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { productionDependencies } from "./reconcile/production.ts";
import { reconcile } from "./reconcile/run.ts";

const production = lazy(productionDependencies);

/** One round of the recovery, however many asked for it. */
export async function takeUpWhatIsBehind(deps = production()): Promise<Failure[]> {
  await reconcile(deps);
  return [];
}

export const handler = queueHandler(decodeFleetEvent([retriesRequested]), () => takeUpWhatIsBehind());
