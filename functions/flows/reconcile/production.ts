import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { metrics } from "#shared/observability.ts";
import { createPublisher } from "#shared/publish.ts";
import { queueDepth } from "#shared/queue-depth.ts";
import { createMessageSender } from "#shared/send-messages.ts";
import type { Measured } from "./measure.ts";
import type { ReconcileDependencies } from "./run.ts";
import type { WorkQueue } from "./take.ts";

const environment = {
  CUSTOMERS_TABLE: z.string().min(1),
  EVENT_BUS_NAME: z.string().min(1),
  BILLING_QUEUE_URL: z.url(),
  WRITE_BACK_QUEUE_URL: z.url(),
};

/** The reconciler on AWS, as its environment has it. */
export function productionDependencies(): ReconcileDependencies {
  const env = readEnv(environment);
  return {
    behind: createBehind(env.CUSTOMERS_TABLE),
    store: createCustomerStore(env.CUSTOMERS_TABLE),
    queues: { billing: queueAt(env.BILLING_QUEUE_URL), salesforce: queueAt(env.WRITE_BACK_QUEUE_URL) },
    publish: createPublisher(env.EVENT_BUS_NAME),
    breakers: async () => [],
    markTold: async () => false,
    report,
    now: Date.now,
  };
}

function queueAt(url: string): WorkQueue {
  return { waiting: () => queueDepth(url), send: createMessageSender(url) };
}

/** Alarms listen to these by `service` and `target`. */
function report(measured: readonly Measured[]): void {
  for (const { target, OldestBehindSeconds, ...counts } of measured) {
    const metric = metrics.singleMetric().addDimension("target", target);
    for (const [name, value] of Object.entries(counts)) metric.addMetric(name, MetricUnit.Count, value);
    if (OldestBehindSeconds === undefined) continue;
    const age = metrics.singleMetric().addDimension("target", target);
    age.addMetric("OldestBehindSeconds", MetricUnit.Seconds, OldestBehindSeconds);
  }
}
