import type { Behind } from "#shared/behind/behind.ts";
import type { BehindCustomer } from "#shared/behind/behind-index.ts";
import type { Target } from "#shared/behind/marks.ts";
import { inParallel } from "#shared/chunks.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import { describeError } from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import type { SendMessages } from "#shared/send-messages.ts";
import type { Draw } from "./outages.ts";
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
/** Until then somebody else takes the customer up again, should this piece be lost. */
const LEASE_SECONDS = 900;
const AT_ONCE = 25;

/**
 * Takes up what is due for a target, one piece of work per customer however many changes came.
 * @param draws who shall be taken up, one draw after the other as far as there is room
 * @returns how many pieces of work went out
 */
export async function takeUp(target: Target, draws: readonly Draw[], deps: TakeDependencies): Promise<number> {
  if (draws.length === 0) return 0;
  let room = MOST_WAITING[target] - (await deps.queues[target].waiting());
  let sent = 0;
  for (const draw of draws) {
    const limit = Math.min(draw.limit, room);
    if (limit <= 0) break;
    const due = await deps.behind.due(target, { ...draw, limit });
    room -= due.length;
    sent += await sendAll(due, target, deps);
  }
  return sent;
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
