import { customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import { type Delivery, decodeFleetEvent } from "#shared/handler/delivery.ts";
import { type Failure, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import type { SyncEvent } from "./write-back/outcome.ts";
import { productionDependencies } from "./write-back/production.ts";
import { writeOutcomes } from "./write-back/write-outcomes.ts";

const production = lazy(productionDependencies);

/** Tells in the accounts which billing customer they are and whether they are in step. */
export function writeBack(events: readonly Delivery<SyncEvent>[], deps = production()): Promise<Failure[]> {
  return writeOutcomes(events, deps);
}

export const handler = queueHandler(decodeFleetEvent([customerSynced, customerSyncFailed]), (events) =>
  writeBack(events),
);
