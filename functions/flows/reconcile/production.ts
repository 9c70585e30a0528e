import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { metrics } from "#shared/observability.ts";
import { settleParked } from "#shared/parked/settle.ts";
import { createParkedTable } from "#shared/parked/table.ts";
import { createPublisher } from "#shared/publish.ts";
import { queueDepth } from "#shared/queue-depth.ts";
import { createMessageSender } from "#shared/send-messages.ts";
import { createStateTable } from "#shared/state-table.ts";
import { createBreakers } from "#shared/targets/breakers.ts";
import type { Measured } from "./measure.ts";
import type { ReconcileDependencies } from "./run.ts";
import type { WorkQueue } from "./take.ts";

const environment = {
  CUSTOMERS_TABLE: z.string().min(1),
  FLEET_STATE_TABLE: z.string().min(1),
  PARKED_TABLE: z.string().min(1),
  EVENT_BUS_NAME: z.string().min(1),
  BILLING_QUEUE_URL: z.url(),
  LIVE_QUEUE_URL: z.url(),
  WRITE_BACK_QUEUE_URL: z.url(),
};

/** The reconciler on AWS, as its environment has it. */
export function productionDependencies(): ReconcileDependencies {
  const env = readEnv(environment);
  const store = createCustomerStore(env.CUSTOMERS_TABLE);
  const [parked, state] = [createParkedTable(env.PARKED_TABLE), createStateTable(env.FLEET_STATE_TABLE)];
  return {
    behind: createBehind(env.CUSTOMERS_TABLE),
    store,
    settleParked: () => settleParked({ parked, store, state, now: () => new Date() }),
    queues: { billing: queueAt(env.BILLING_QUEUE_URL), salesforce: queueAt(env.WRITE_BACK_QUEUE_URL) },
    live: queueAt(env.LIVE_QUEUE_URL),
    publish: createPublisher(env.EVENT_BUS_NAME),
    breakers: createBreakers(env.FLEET_STATE_TABLE),
    report,
    now: Date.now,
  };
}

function queueAt(url: string): WorkQueue {
  return { waiting: () => queueDepth(url), send: createMessageSender(url) };
}

/** Alarms listen to these by `service` and `target`. */
export function report(measured: readonly Measured[]): void {
  for (const { target, ...values } of measured)
    for (const [name, value] of Object.entries(values)) {
      const unit = name.endsWith("Seconds") ? MetricUnit.Seconds : MetricUnit.Count;
      // One for each value: a single metric forgets its dimensions once it is written.
      metrics.singleMetric().addDimension("target", target).addMetric(name, unit, value);
    }
}
