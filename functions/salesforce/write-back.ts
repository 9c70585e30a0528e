import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import { readEnv } from "#shared/env.ts";
import { type Delivery, decodeFleetEvent } from "#shared/handler/delivery.ts";
import { type Failure, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { createStateTable } from "#shared/state-table.ts";
import { inChange } from "#shared/tracing.ts";
import { createOrgs } from "./org/orgs.ts";
import type { SyncEvent } from "./write-back/outcome.ts";
import { type WriteBackDependencies, writeOutcomes } from "./write-back/write-outcomes.ts";

const name = z.string().min(1);
const seconds = z.coerce.number().int().positive();
const environment = { SALESFORCE_STATE_TABLE: name, CUSTOMERS_TABLE: name, GIVE_UP_AFTER_SECONDS: seconds };

const production = lazy((): WriteBackDependencies => {
  const { SALESFORCE_STATE_TABLE, CUSTOMERS_TABLE, GIVE_UP_AFTER_SECONDS } = readEnv(environment);
  return {
    orgs: { live: createOrgs("live"), background: createOrgs("background") },
    state: createStateTable(SALESFORCE_STATE_TABLE),
    behind: createBehind(CUSTOMERS_TABLE),
    inChange,
    now: Date.now,
    giveUpAfterSeconds: GIVE_UP_AFTER_SECONDS,
  };
});

/** Tells in the accounts which billing customer they are and whether they are in step. */
export function writeBack(events: readonly Delivery<SyncEvent>[], deps = production()): Promise<Failure[]> {
  return writeOutcomes(events, deps);
}

export const handler = queueHandler(decodeFleetEvent([customerSynced, customerSyncFailed]), (events) =>
  writeBack(events),
);
