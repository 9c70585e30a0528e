import { randomUUID } from "node:crypto";
import type { Target } from "#shared/behind/marks.ts";
import { customerChanged, customerDeleted, customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import { createEvent, type OutgoingEvent } from "#shared/publish.ts";

/**
 * One piece of work: the message that brings a customer to the first target that is behind, as the bus's rule would have
 * made it. Billing gets the stored version through the workflow again; the account is told how that ended.
 * @throws ContractError when what is stored makes no valid event
 */
export function pieceOf(record: CustomerRecord, target: Target): string {
  const event = target === "billing" ? changeOf(record) : endOf(record);
  const { contract, detail } = event;
  return JSON.stringify({
    version: "0",
    id: randomUUID(),
    source: contract.source,
    "detail-type": contract.type,
    time: detail.metadata.occurredAt,
    resources: [],
    detail,
  });
}

function changeOf(record: CustomerRecord): OutgoingEvent {
  const { customerId, orgId, version, customer, deleted } = record;
  return deleted || !customer
    ? createEvent(customerDeleted, metadataOf(record), { customerId, orgId, version })
    : createEvent(customerChanged, metadataOf(record), { customer, version });
}

/** The end of the run that brought the customer to billing, or parked it. */
function endOf(record: CustomerRecord): OutgoingEvent {
  const { customerId, version, deleted, links, parked, salesforceBehind } = record;
  const metadata = { ...metadataOf(record), occurredAt: salesforceBehind?.since ?? record.occurredAt };
  if (parked && parked.version === version && parked.target === "billing") {
    const { state, parkedId } = parked;
    const error = { name: "Parked", message: "The work is parked." };
    return createEvent(customerSyncFailed, metadata, { customerId, version, parkedId, state, error });
  }
  const { id = null, adjusted } = links.stripe ?? {};
  return createEvent(customerSynced, metadata, {
    customerId,
    version,
    change: deleted ? "deleted" : "changed",
    // Whether anything was new is not known any more; the account tells the moment it all came in step.
    store: "updated",
    billing: { outcome: "updated", stripeCustomerId: id, ...(adjusted ? { adjusted } : {}) },
  });
}

/** In the name of the change that stored the version, and in its trace. */
function metadataOf({ correlationId, actor, occurredAt, orgId, cause = {} }: CustomerRecord) {
  const eventId = randomUUID();
  const { traceHeader, lane } = cause;
  return {
    eventId,
    occurredAt,
    correlationId,
    causationId: cause.eventId ?? eventId,
    orgId,
    actor,
    ...(traceHeader ? { traceHeader } : {}),
    ...(lane ? { lane } : {}),
  };
}
