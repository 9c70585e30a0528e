import { z } from "zod";
import { catchUpRequested } from "#shared/contracts/events.ts";
import { readEnv } from "#shared/env.ts";
import { type Delivery, decodeFleetEvent, type FleetEvent } from "#shared/handler/delivery.ts";
import { eachDelivery, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { createPublisher } from "#shared/publish.ts";
import { createMessageSender } from "#shared/send-messages.ts";
import { createStateTable } from "#shared/state-table.ts";
import { inChange } from "#shared/tracing.ts";
import { catchUp, defaults } from "./catch-up/run.ts";
import { askEveryOrg, isForEveryOrg } from "./org/every-org.ts";
import { createOrgs } from "./org/orgs.ts";

const text = z.string().min(1);
const environment = { EVENT_BUS_NAME: text, SALESFORCE_STATE_TABLE: text, SALESFORCE_CHANGES_QUEUE_URL: z.url() };

const production = lazy(() => {
  const env = readEnv(environment);
  const state = createStateTable(env.SALESFORCE_STATE_TABLE);
  const send = createMessageSender(env.SALESFORCE_CHANGES_QUEUE_URL);
  return { ...defaults, orgs: createOrgs("live"), state, send, publish: createPublisher(env.EVENT_BUS_NAME) };
});

/** Brings one organisation's changes that the live feed missed, as a segment of the request's trace; or asks each. */
export async function catchUpOrg(
  { event, traceHeader }: Delivery<FleetEvent<typeof catchUpRequested>>,
  { orgs, ...deps } = production(),
): Promise<void> {
  if (isForEveryOrg(event.detail)) return askEveryOrg(catchUpRequested, event.detail, { orgs, publish: deps.publish });
  const { orgId, correlationId } = event.detail.metadata;
  const segment = { name: "salesforce/catch-up", correlationId, traceHeader, annotations: { connector: "salesforce" } };
  await inChange(segment, () => catchUp(event.detail, { ...deps, salesforce: orgs.salesforce(orgId) }));
}

export const handler = queueHandler(
  decodeFleetEvent([catchUpRequested]),
  eachDelivery((delivery) => catchUpOrg(delivery)),
);
