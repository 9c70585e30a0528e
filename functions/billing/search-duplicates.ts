import { randomUUID } from "node:crypto";
import { customerDuplicateFound, duplicatesRequested } from "#shared/contracts/events.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import type { FleetEvent } from "#shared/handler/delivery.ts";
import { log } from "#shared/observability.ts";
import { createEvent, type Publish, publishAll } from "#shared/publish.ts";
import type { Billing } from "./client.ts";
import { findDuplicates } from "./find-duplicates.ts";

export interface SearchDependencies {
  readonly billing: Pick<Billing, "list">;
  readonly store: Pick<CustomerStore, "readMany">;
  readonly publish: Publish;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Time after which an invocation begins no further page, in milliseconds. */
  readonly budgetMs: number;
}

/** A night that is asked for an hour late leaves no gap. */
const WINDOW_MS = 25 * 3_600_000;

/**
 * Looks through the newest billing customers, page by page, and says which are one too many. An invocation that runs out
 * of time hands the rest over to a new request.
 * @throws the fleet's errors for what billing, the store or the bus answers; the request is to be tried again
 */
export async function searchDuplicates(
  { detail: { metadata, data } }: FleetEvent<typeof duplicatesRequested>,
  deps: SearchDependencies,
): Promise<void> {
  // A request that had to wait for days still looks at its own.
  const from = Date.parse(data.from ?? metadata.occurredAt) - (data.from ? 0 : WINDOW_MS);
  const until = deps.now() + deps.budgetMs;
  const made = (orgId: string) => ({
    eventId: randomUUID(),
    occurredAt: new Date(deps.now()).toISOString(),
    correlationId: metadata.correlationId,
    causationId: metadata.eventId,
    orgId,
    actor: metadata.actor,
  });
  let after = data.after;
  do {
    const page = await findDuplicates({ from, ...(after ? { after } : {}) }, deps);
    const found = page.duplicates.map(({ orgId, ...duplicate }) =>
      createEvent(customerDuplicateFound, made(orgId), duplicate),
    );
    if (found.length > 0) log().error("Billing customers that are one too many", { count: found.length });
    await publishAll(deps.publish, found);
    after = page.next;
  } while (after && deps.now() < until);
  if (!after) return;
  const rest = { from: new Date(from).toISOString(), after };
  await publishAll(deps.publish, [createEvent(duplicatesRequested, made(metadata.orgId), rest)]);
}
