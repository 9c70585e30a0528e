import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { z } from "zod";
import { readEnv } from "#shared/env.ts";
import { queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { metrics } from "#shared/observability.ts";
import { createPublisher } from "#shared/publish.ts";
import { createStateTable } from "#shared/state-table.ts";
import { annotate, inChange } from "#shared/tracing.ts";
import { type CaptureDependencies, captureChanges } from "./changes/capture-changes.ts";
import { decodeChange } from "./changes/cdc.ts";
import { createEchoFilter } from "./changes/echo.ts";
import { createOrgs } from "./org/orgs.ts";

const environment = {
  EVENT_BUS_NAME: z.string().min(1),
  SALESFORCE_STATE_TABLE: z.string().min(1),
  TRACE_SAMPLE_RATE: z.coerce.number().min(0).max(1),
};

const production = lazy((): CaptureDependencies => {
  const { EVENT_BUS_NAME, SALESFORCE_STATE_TABLE, TRACE_SAMPLE_RATE } = readEnv(environment);
  const state = createStateTable(SALESFORCE_STATE_TABLE);
  return {
    orgs: createOrgs("live"),
    state,
    findEchoes: createEchoFilter(state),
    publish: createPublisher(EVENT_BUS_NAME),
    inChange,
    annotate,
    count: (metric, value) => metrics.addMetric(metric, MetricUnit.Count, value),
    now: Date.now,
    sampleRate: TRACE_SAMPLE_RATE,
  };
});

/** Says what is true now about every account that a batch of change events touches. */
export const handler = queueHandler(decodeChange, (changes) => captureChanges(changes, production()));
