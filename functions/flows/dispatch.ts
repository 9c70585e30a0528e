import { z } from "zod";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { readEnv } from "#shared/env.ts";
import { type Delivery, decodeFleetEvent } from "#shared/handler/delivery.ts";
import { eachDelivery, queueHandler } from "#shared/handler/queue.ts";
import { billedIn, type Successes } from "#shared/handler/successes.ts";
import { lazy } from "#shared/lazy.ts";
import { inChange } from "#shared/tracing.ts";
import { createWorkflow, type RunWorkflow } from "./client.ts";
import { type CustomerEvent, customerIdOf, isBilled, runCustomerSync } from "./run-customer-sync.ts";

const workflow = lazy(() => createWorkflow(readEnv({ CUSTOMER_SYNC_ARN: z.string() }).CUSTOMER_SYNC_ARN));
const lane = lazy(() => readEnv({ LANE: z.literal("bulk").optional() }).LANE);

const billed = lazy(() => billedIn(readEnv({ FLEET_STATE_TABLE: z.string() }).FLEET_STATE_TABLE));

/** Runs customer-sync for one event, inside the trace of its change, and remembers when billing took its customer. */
export async function dispatch(
  delivery: Pick<Delivery<CustomerEvent>, "event" | "traceHeader">,
  run: RunWorkflow = workflow(),
  successes: Pick<Successes, "note"> = billed(),
): Promise<void> {
  const { metadata, data } = delivery.event.detail;
  const change = {
    name: "flows/dispatch",
    correlationId: metadata.correlationId,
    customerId: customerIdOf(delivery.event),
    traceHeader: delivery.traceHeader,
    annotations: { connector: "flows", version: data.version },
  };
  const result = await inChange(change, () => runCustomerSync(delivery.event, run, lane()));
  if (isBilled(result)) await successes.note();
}

export const handler = queueHandler(
  decodeFleetEvent([customerChanged, customerDeleted]),
  eachDelivery((delivery) => dispatch(delivery)),
);
