import type { Behind } from "#shared/behind/behind.ts";
import type { BehindCustomer, Survey } from "#shared/behind/behind-index.ts";
import type { Target } from "#shared/behind/marks.ts";
import { chunks, inParallel } from "#shared/chunks.ts";
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
  /** The queue of live changes, for a few while a backfill fills the one for billing. */
  readonly live: WorkQueue;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From then on nobody else is taken up. */
  readonly until: number;
}

/** More would only wait in the queue: about what the bulk lane does in a minute. */
const MOST_WAITING: Readonly<Record<Target, number>> = { billing: 600, salesforce: 4_000 };
/** About one a second: live changes hardly notice. */
const MOST_BESIDE_LIVE = 60;
/** Until then somebody else takes the customer up again, should this piece be lost. */
const LEASE_SECONDS = 900;
const AT_ONCE = 25;

/**
 * Takes up what is due for a target, one piece of work per customer however many changes came.
 * @param draws who shall be taken up, one draw after the other as far as there is room
 * @param survey which shards of the target have somebody in them
 * @returns how many pieces of work went out
 */
export async function takeUp(
  target: Target,
  draws: readonly Draw[],
  { keys }: Pick<Survey, "keys">,
  deps: TakeDependencies,
): Promise<number> {
  if (draws.length === 0 || keys.length === 0) return 0;
  const { queue, room: whole } = await roomFor(target, deps);
  let room = whole;
  let sent = 0;
  for (const draw of draws) {
    const limit = Math.min(draw.limit, room);
    if (limit <= 0 || deps.now() >= deps.until) break;
    const due = await deps.behind.due(target, { ...draw, limit, keys });
    room -= due.length;
    sent += await sendAll(due, target, queue, deps);
  }
  return sent;
}

/**
 * Where the work goes, and how much more of it. More than we put there is a backfill's: behind it everybody would wait for
 * hours, so a few at a time go with the live changes.
 */
async function roomFor(
  target: Target,
  { queues, live }: TakeDependencies,
): Promise<{ queue: WorkQueue; room: number }> {
  const queue = queues[target];
  const room = MOST_WAITING[target] - (await queue.waiting());
  if (room >= 0 || target !== "billing") return { queue, room };
  return { queue: live, room: MOST_BESIDE_LIVE - (await live.waiting()) };
}

/** Takes and sends so many at a time, so that a failure between leaves few without their piece until the lease ends. */
const SLICE = 100;

async function sendAll(
  due: readonly BehindCustomer[],
  target: Target,
  queue: WorkQueue,
  deps: TakeDependencies,
): Promise<number> {
  let sent = 0;
  for (const some of chunks(due, SLICE)) {
    if (deps.now() >= deps.until) break;
    sent += await sendSome(some, target, queue, deps);
  }
  if (sent > 0) log().info("Customers taken up again", { target, customers: sent });
  return sent;
}

async function sendSome(
  due: readonly BehindCustomer[],
  target: Target,
  queue: WorkQueue,
  deps: TakeDependencies,
): Promise<number> {
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
  await queue.send(pieces);
  return pieces.length;
}
