import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { z } from "zod";
import { readEnv } from "#shared/env.ts";
import { metrics } from "#shared/observability.ts";
import { createPublisher } from "#shared/publish.ts";
import { createMessageSender } from "#shared/send-messages.ts";
import { createStateTable } from "#shared/state-table.ts";
import { createOrgs, type Orgs, openSalesforceGate } from "../org/orgs.ts";
import { createPubSub } from "./client.ts";
import type { CatchUpDependencies } from "./run.ts";

const text = z.string().min(1);
const environment = { EVENT_BUS_NAME: text, SALESFORCE_STATE_TABLE: text, SALESFORCE_CHANGES_QUEUE_URL: z.url() };
/** Longer than a run takes, whose connection is one call for the gate. */
export const PROBE_LEASE_MS = 360_000;

/** The catch-up on AWS, as its environment has it. */
export function productionDependencies(): Omit<CatchUpDependencies, "salesforce"> & { readonly orgs: Orgs } {
  const env = readEnv(environment);
  return {
    orgs: createOrgs("live"),
    withPubSub: createPubSub(openSalesforceGate(PROBE_LEASE_MS)),
    state: createStateTable(env.SALESFORCE_STATE_TABLE),
    send: createMessageSender(env.SALESFORCE_CHANGES_QUEUE_URL),
    publish: createPublisher(env.EVENT_BUS_NAME),
    count: (metric, value) => metrics.addMetric(metric, MetricUnit.Count, value),
    decoders: new Map(),
    now: Date.now,
    patienceMs: 10_000,
  };
}
