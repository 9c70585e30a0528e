import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { reconciliationRequested } from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { type Delivery, decodeFleetEvent, type FleetEvent } from "#shared/handler/delivery.ts";
import { eachDelivery, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { createParkedTable } from "#shared/parked/table.ts";
import { createPublisher } from "#shared/publish.ts";
import { createStateTable } from "#shared/state-table.ts";
import { annotate, inChange } from "#shared/tracing.ts";
import { createOrgs } from "./org/orgs.ts";
import { BUDGET_MS, type SweepDependencies, sweepObject } from "./sweep/sweep-object.ts";

const name = z.string().min(1);
const tables = { CUSTOMERS_TABLE: name, SALESFORCE_STATE_TABLE: name, PARKED_TABLE: name };
const environment = { ...tables, EVENT_BUS_NAME: name, TRACE_SAMPLE_RATE: z.coerce.number().min(0).max(1) };

const production = lazy((): SweepDependencies => {
  const env = readEnv(environment);
  const [store, state] = [createCustomerStore(env.CUSTOMERS_TABLE), createStateTable(env.SALESFORCE_STATE_TABLE)];
  const trace = { inChange, annotate, sampleRate: env.TRACE_SAMPLE_RATE };
  const [publish, { park }] = [createPublisher(env.EVENT_BUS_NAME), createParkedTable(env.PARKED_TABLE)];
  const [orgs, behind] = [createOrgs("background"), createBehind(env.CUSTOMERS_TABLE)];
  return { orgs, store, behind, state, publish, park, ...trace, now: Date.now, budgetMs: BUDGET_MS };
});

/** Compares the store with Salesforce and sends what differs into the sync. */
export function sweep(request: Delivery<FleetEvent<typeof reconciliationRequested>>, deps = production()) {
  return sweepObject(request, deps);
}

export const handler = queueHandler(
  decodeFleetEvent([reconciliationRequested]),
  eachDelivery((request) => sweep(request)),
);
