import { TransientError } from "#shared/errors.ts";
import type { Subscription } from "./client.ts";
import type { ConsumerEvent } from "./protocol.ts";
import type { Received } from "./received.ts";

/** How much to read. */
export interface ReadLimits {
  readonly maxEvents: number;
  /** Epoch milliseconds at which reading ends. */
  readonly deadline: number;
  /** Changes that were committed less than so many milliseconds ago are left to the live feed; 0 takes all. */
  readonly graceMs: number;
  /** Milliseconds of silence that count as the end of the channel; a keepalive says so for sure, but takes minutes. */
  readonly patienceMs: number;
  /** Commit timestamp of the change before the first one. */
  readonly commitBefore: number;
}

/** Consecutive events, and the position behind them. */
export interface Stretch {
  readonly events: readonly Received[];
  /** Hexadecimal; empty when none of them has one. */
  readonly replayId: string;
  /** Epoch milliseconds: changes that were committed until then are behind the position. */
  readonly commitTimestamp: number;
}

/** Why reading ended: everything was read (told by a keepalive, or by silence), or which limit was met. */
export type Ending = "caught-up" | "silence" | "grace" | "events" | "time";

/** Decodes an event; `commitBefore` is the commit timestamp of the one before it. */
export type Decode = (event: ConsumerEvent, commitBefore: number) => Promise<Received>;

// https://developer.salesforce.com/docs/platform/pub-sub-api/references/methods/subscribe-rpc.html
const MAX_REQUEST = 100;

/**
 * Reads a subscription stretch by stretch. A stretch never ends between events that share a replay id, as reading could
 * not go on in their middle. More events are asked for only when the stretch before has been worked.
 * @throws what the subscription and `decode` throw, after everything before it was yielded
 */
export async function* readStretches(
  subscription: Subscription,
  decode: Decode,
  { maxEvents, deadline, graceMs, patienceMs, commitBefore }: ReadLimits,
  now: () => number,
): AsyncGenerator<Stretch, Ending> {
  let open: readonly Received[] = [];
  let newest = commitBefore;
  let taken = 0;
  let demand = 0;
  for (;;) {
    const room = maxEvents - taken - open.length;
    if (demand === 0 && room <= 0 && taken > 0) return "events";
    if (demand === 0) {
      demand = Math.min(MAX_REQUEST, Math.max(1, room));
      subscription.request(demand);
    }
    const wait = Math.min(patienceMs, deadline - now());
    const answer = wait > 0 ? await subscription.next(wait) : undefined;
    if (!answer && wait < patienceMs) return "time";
    if (!answer || answer.events.length === 0) {
      const end = endOf(open, answer?.latestReplayId, now());
      if (end) yield end;
      return answer ? "caught-up" : "silence";
    }
    demand = Math.max(0, demand - answer.events.length);
    const { received, error } = await decodeAll(answer.events, decode, newest);
    newest = received.at(-1)?.commitTimestamp ?? newest;
    const { closed, rest, young } = split([...open, ...received], graceMs > 0 ? now() - graceMs : undefined);
    open = rest;
    taken += closed.length;
    if (closed.length > 0) yield stretchTo(closed);
    if (error) throw error;
    if (young) return "grace";
    if (taken >= maxEvents) return "events";
  }
}

/**
 * The newest position of a channel, with the events that came along when it was asked for.
 * @param subscription from the channel's end
 * @throws TransientError when Salesforce says nothing for `patienceMs`; it promises a keepalive within 270 seconds
 */
export async function readNewest(
  subscription: Subscription,
  decode: Decode,
  patienceMs: number,
  now: () => number,
): Promise<Stretch> {
  subscription.request(1);
  const answer = await subscription.next(patienceMs);
  const { received, error } = await decodeAll(answer?.events ?? [], decode, now());
  if (error) throw error;
  const told = received.at(-1)?.replayId ? undefined : answer?.latestReplayId;
  const newest = endOf(received, told, now());
  if (newest?.replayId) return newest;
  const text = `Salesforce did not tell the channel's newest position within ${Math.round(patienceMs / 1000)} s.`;
  throw new TransientError("NO_POSITION", text);
}

/** All up to the first event that cannot be decoded for now, as its schema cannot be asked for, and why not. */
async function decodeAll(events: readonly ConsumerEvent[], decode: Decode, commitBefore: number) {
  const received: Received[] = [];
  for (const event of events)
    try {
      received.push(await decode(event, received.at(-1)?.commitTimestamp ?? commitBefore));
    } catch (error) {
      return { received, error };
    }
  return { received, error: undefined };
}

/**
 * Parts what is complete from what may go on, or is too young. An event without a replay id counts to the one before it:
 * there is no going on from it.
 */
function split(events: readonly Received[], youngest = Number.POSITIVE_INFINITY) {
  const young = events.findIndex(({ commitTimestamp }) => commitTimestamp > youngest);
  const isYoung = young >= 0;
  const until = events.slice(0, isYoung ? young + 1 : undefined).findLast(hasPosition)?.replayId;
  const first = events.findIndex(({ replayId }) => replayId === until);
  const end = first >= 0 ? first : isYoung ? young : events.length;
  return { closed: events.slice(0, end), rest: isYoung ? [] : events.slice(end), young: isYoung };
}

function hasPosition({ replayId }: Received): boolean {
  return replayId !== "";
}

/** The last stretch of a channel: what was still open, up to where a keepalive says that the channel goes. */
function endOf(open: readonly Received[], keepalive: Buffer | undefined, at: number): Stretch | undefined {
  const last = open.at(-1);
  if (keepalive?.length) return { events: open, replayId: keepalive.toString("hex"), commitTimestamp: at };
  return last && stretchTo(open);
}

/** Up to the last event by whose position reading can go on. */
function stretchTo(events: readonly Received[]): Stretch {
  const { replayId, commitTimestamp } = events.findLast(hasPosition) ?? {
    replayId: "",
    commitTimestamp: 0,
  };
  return { events, replayId, commitTimestamp };
}
