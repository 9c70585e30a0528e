import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import type { InputOf } from "#shared/contracts/task.ts";
import { loadBatch as task } from "#shared/contracts/tasks/load-batch.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { createParkedTable } from "#shared/parked/table.ts";
import { createPublisher } from "#shared/publish.ts";
import { createStateTable } from "#shared/state-table.ts";
import { annotate, flushSegments, inChange } from "#shared/tracing.ts";
import { type LoadDependencies, loadBatch } from "./backfill/load-batch.ts";
import { createOrgs } from "./org/orgs.ts";

const name = z.string().min(1);
const environment = { CUSTOMERS_TABLE: name, SALESFORCE_STATE_TABLE: name, PARKED_TABLE: name, EVENT_BUS_NAME: name };
// One in a hundred: a trace for each of a million accounts would cost more than their sync.
const SAMPLE_RATE = 0.01;

const production = lazy(() => {
  const { CUSTOMERS_TABLE, SALESFORCE_STATE_TABLE, PARKED_TABLE, EVENT_BUS_NAME } = readEnv(environment);
  const [store, state] = [createCustomerStore(CUSTOMERS_TABLE), createStateTable(SALESFORCE_STATE_TABLE)];
  const [publish, { park }] = [createPublisher(EVENT_BUS_NAME), createParkedTable(PARKED_TABLE)];
  const behind = createBehind(CUSTOMERS_TABLE);
  const trace = { inChange, annotate, sampleRate: SAMPLE_RATE };
  return { orgs: createOrgs("background"), store, behind, state, publish, park, ...trace, now: Date.now };
});

/** Brings one batch of accounts into the sync. */
export async function load({ metadata, data }: InputOf<typeof task>, deps?: LoadDependencies) {
  const salesforce = () => production().orgs.salesforce(metadata.orgId);
  return loadBatch(data.records, metadata, deps ?? { ...production(), salesforce: salesforce() }).finally(
    flushSegments,
  );
}

export const handler = taskHandler(task, (input) => load(input));
