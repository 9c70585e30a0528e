import { z } from "zod";
import { readConnection } from "#shared/connections.ts";
import { readEnv } from "#shared/env.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import { type Failure, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { createPublisher } from "#shared/publish.ts";
import { annotate, inChange } from "#shared/tracing.ts";
import { type CaptureDependencies, captureChanges } from "./changes/capture-changes.ts";
import { type ChangeEvent, decodeChange } from "./changes/cdc.ts";
import { createSalesforce } from "./client.ts";
import { salesforceConnectionSchema } from "./org/connection.ts";

const environment = {
  SALESFORCE_SECRET: z.string().min(1),
  EVENT_BUS_NAME: z.string().min(1),
  TRACE_SAMPLE_RATE: z.coerce.number().min(0).max(1),
};

const production = lazy((): CaptureDependencies => {
  const { SALESFORCE_SECRET, EVENT_BUS_NAME, TRACE_SAMPLE_RATE } = readEnv(environment);
  return {
    salesforce: createSalesforce((options) => readConnection(SALESFORCE_SECRET, salesforceConnectionSchema, options)),
    publish: createPublisher(EVENT_BUS_NAME),
    inChange,
    annotate,
    now: Date.now,
    sampleRate: TRACE_SAMPLE_RATE,
  };
});

/** Says what is true now about every account that a batch of change events names. */
export function capture(changes: readonly Delivery<ChangeEvent>[], deps = production()): Promise<Failure[]> {
  return captureChanges(changes, deps);
}

export const handler = queueHandler(decodeChange, (changes) => capture(changes));
