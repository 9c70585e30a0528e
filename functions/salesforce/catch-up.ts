import { catchUpRequested } from "#shared/contracts/events.ts";
import { type Delivery, decodeFleetEvent, type FleetEvent } from "#shared/handler/delivery.ts";
import { eachDelivery, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { inChange } from "#shared/tracing.ts";
import { productionDependencies } from "./catch-up/production.ts";
import { catchUp } from "./catch-up/run.ts";
import { askEveryOrg, isForEveryOrg } from "./org/every-org.ts";

const production = lazy(productionDependencies);

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
