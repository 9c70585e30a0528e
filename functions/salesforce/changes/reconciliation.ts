import { reconciliationRequested } from "#shared/contracts/events.ts";
import { log } from "#shared/observability.ts";
import { createEvent, type Publish, publishAll } from "#shared/publish.ts";
import type { inChange } from "#shared/tracing.ts";
import type { ChangeEvent } from "./cdc.ts";
import { newestOf } from "./coalesce.ts";
import { identify, metadataOf } from "./identity.ts";

export interface ReconciliationDependencies {
  readonly publish: Publish;
  readonly inChange: typeof inChange;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Share of changes to trace, 0 to 1. */
  readonly sampleRate: number;
}

/**
 * Asks for a comparison of all customers with the objects they are made of beside the account: nobody knows any more
 * whose customers some of their records were part of.
 * @param entities API names of these objects
 * @throws why it could not be asked for
 */
export async function requestForLostOwners(
  entities: readonly string[],
  cause: ChangeEvent,
  orgId: string,
  deps: ReconciliationDependencies,
): Promise<void> {
  for (const entityName of entities) await request({ ...cause, entityName }, "position-lost", orgId, deps);
}

/**
 * Asks for a comparison of all records of every object whose changes a batch does not name: one request for each object.
 * @returns why an object's comparison could not be asked for, by object
 */
export async function requestReconciliations(
  changes: readonly ChangeEvent[],
  orgId: string,
  deps: ReconciliationDependencies,
): Promise<ReadonlyMap<string, unknown>> {
  const errors = new Map<string, unknown>();
  const requests = [...Map.groupBy(changes, ({ entityName }) => entityName)].map(async ([entity, some]) => {
    const newest = newestOf(some);
    const reason = newest?.unnamed?.reason ?? "overflow";
    if (newest) await request(newest, reason, orgId, deps).catch((error) => errors.set(entity, error));
  });
  await Promise.all(requests);
  return errors;
}

function request(
  change: ChangeEvent,
  reason: "overflow" | "wildcard" | "position-lost",
  orgId: string,
  deps: ReconciliationDependencies,
): Promise<void> {
  const { entityName: entity } = change;
  const settings = { orgId, sampleRate: deps.sampleRate, now: deps.now() };
  // No record stands for all of them; the object's name does.
  const identity = identify(change, entity, settings);
  const segment = {
    name: "salesforce/capture",
    correlationId: identity.correlationId,
    traceHeader: identity.rootHeader,
    segmentId: identity.segmentId,
    annotations: { connector: "salesforce", changeType: change.changeType },
  };
  return deps.inChange(segment, async () => {
    const data = { entity, reason, full: true };
    await publishAll(deps.publish, [createEvent(reconciliationRequested, metadataOf(change, identity, orgId), data)]);
    log().warn("Not every record in doubt is known; a full reconciliation was requested", { entity, reason });
  });
}
