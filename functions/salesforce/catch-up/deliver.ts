import { z } from "zod";
import { log } from "#shared/observability.ts";
import type { SendMessages } from "#shared/send-messages.ts";
import type { StateTable } from "#shared/state-table.ts";
import { keys } from "../org/keys.ts";
import { toMessage } from "./message.ts";
import { isUnreadable, type Received, type ReceivedChange, type UnreadableEvent } from "./received.ts";

/** What became of the events of a run. */
export interface Tally {
  read: number;
  /** Of objects that the fleet does not follow. */
  notFollowed: number;
  /** Captured already: the live feed brought them. */
  passedOver: number;
  /** Put on the queue: the live feed missed them, or is late. */
  sent: number;
  /** Put on the queue to be parked: nobody can decode them. */
  unreadable: number;
}

/** To whom changes are passed on, and how it is counted. */
interface Delivery {
  readonly orgId: string;
  /** API names of the objects that the fleet follows. */
  readonly entities: ReadonlySet<string>;
  readonly tally: Tally;
  readonly deps: { readonly state: Pick<StateTable, "readMany">; readonly send: SendMessages };
}

/** What the live feed did about the events of a stretch. */
export interface Feed {
  /** It brought one at least. */
  readonly isAlive: boolean;
  /** Epoch milliseconds: commit of the first change that it missed. */
  readonly missedAt: number | undefined;
}

/** Puts what was not captured yet on the queue, in the order of the channel, and counts. */
export async function deliver(
  events: readonly Received[],
  { orgId, entities, tally, deps: { state, send } }: Delivery,
): Promise<Feed> {
  const unreadable = events.filter(isUnreadable);
  const changes = events.filter((event): event is ReceivedChange => !isUnreadable(event));
  const followed = changes.filter(({ entityName }) => entities.has(entityName));
  const seen = await state.readMany(
    followed.flatMap((change) => seenKeys(orgId, change)),
    z.unknown(),
  );
  const missed = followed.filter((change) => !isSeen(seenKeys(orgId, change), seen));
  const wanted = new Set<Received>([...unreadable, ...missed]);
  await send(events.filter((event) => wanted.has(event)).map((event) => toMessage(orgId, event)));
  for (const event of unreadable) warnOf(event, orgId);
  tally.read += events.length;
  tally.notFollowed += changes.length - followed.length;
  tally.passedOver += followed.length - missed.length;
  tally.sent += missed.length;
  tally.unreadable += unreadable.length;
  return { isAlive: followed.length > missed.length, missedAt: missed[0]?.commitTimestamp };
}

function warnOf({ replayId, schemaId, reason }: UnreadableEvent, orgId: string): void {
  log().warn("An event cannot be decoded; it will be parked", { orgId, replayId, schemaId, reason });
}

function seenKeys(orgId: string, change: ReceivedChange): string[] {
  return change.recordIds.map((recordId) => keys.seen(orgId, change, recordId));
}

/** A change of many records counts as captured only when every one of them was. */
function isSeen(keysOfChange: readonly string[], seen: ReadonlyMap<string, unknown>): boolean {
  return keysOfChange.length > 0 && keysOfChange.every((key) => seen.has(key));
}
