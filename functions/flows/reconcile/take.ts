import type { Behind } from "#shared/behind/behind.ts";
import type { BehindCustomer } from "#shared/behind/behind-index.ts";
import type { Target } from "#shared/behind/marks.ts";
import { inParallel } from "#shared/chunks.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import { describeError } from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import type { SendMessages } from "#shared/send-messages.ts";
import type { Outages } from "./outages.ts";
import { pieceOf } from "./pieces.ts";

/** The queue on which the work for a target waits. */
export interface WorkQueue {
  /** How many messages wait or are worked at. */
  waiting(): Promise<number>;
  readonly send: SendMessages;
}

export interface TakeDependencies {
  readonly behind: Pick<Behind, "due" | "take">;
  readonly store: Pick<CustomerStore, "readMany">;
  readonly queues: Readonly<Record<Target, WorkQueue>>;
}

/** More would only wait in the queue: about what the bulk lane does in a minute. */
const MOST_WAITING: Readonly<Record<Target, number>> = { billing: 600, salesforce: 4_000 };
/** More than one, as a customer may need another endpoint than the one that is out; the breaker lets one call through. */
const PROBES = 5;
/** Until then somebody else takes the customer up again, should this piece be lost. */
const LEASE_SECONDS = 900;
const AT_ONCE = 25;
/** Later than any mark. */
const ANY_MOMENT = "9999-12-31T23:59:59.999Z";

/**
 * Takes up what is due for a target, one piece of work per customer however many changes came. While the target is down
 * nothing is taken, but for a few when it is time to see whether it is there again.
 * @returns how many pieces of work went out
 */
export async function takeUp(target: Target, outages: Outages, deps: TakeDependencies): Promise<number> {
  if (outages.isDown(target)) return 0;
  const room = MOST_WAITING[target] - (await deps.queues[target].waiting());
  const limit = outages.isProbing(target) ? Math.min(room, PROBES) : room;
  if (limit <= 0) return 0;
  // Due or not: a breaker that nobody probes for some minutes counts as closed, though the target is as it was.
  const markedBefore = outages.isProbing(target) ? ANY_MOMENT : outages.recoveredAt(target);
  const withoutOrgs = target === "salesforce" ? outages.orgsDown() : [];
  const due = await deps.behind.due(target, { limit, markedBefore, withoutOrgs });
  return sendAll(outages.onePerProbe(target, due), target, deps);
}

async function sendAll(due: readonly BehindCustomer[], target: Target, deps: TakeDependencies): Promise<number> {
  const taken: string[] = [];
  await inParallel(due, AT_ONCE, async (customer) => {
    if (await deps.behind.take(customer, LEASE_SECONDS)) taken.push(customer.customerId);
  });
  if (taken.length === 0) return 0;
  const records = await deps.store.readMany(taken);
  const pieces = [...records.values()].flatMap((record) => {
    try {
      return [pieceOf(record, target)];
    } catch (error) {
      log().error("A stored customer makes no event", { customerId: record.customerId, error: describeError(error) });
      return [];
    }
  });
  await deps.queues[target].send(pieces);
  log().info("Customers taken up again", { target, customers: pieces.length });
  return pieces.length;
}
