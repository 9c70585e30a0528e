import { schemaOf } from "../cdc/avro-schema.ts";
import { Cursor } from "../cdc/cursor.ts";
import { toCometdData } from "../cdc/json.ts";
import { findTopic } from "../cdc/topics.ts";
import type { Org } from "../org.ts";
import { requireType } from "../schema.ts";
import { channelNotInReplayMap, invalidReplayId, type Outgoing } from "./messages.ts";

const NEW_ONLY = -1;
const ALL_RETAINED = -2;
/** Events of one channel in one answer. */
const BATCH = 100;

/** One client that has shaken hands: its channels and its place in each. */
export class CometdClient {
  readonly id: string;
  /** Value of the cookie that ties the client to the server. */
  readonly browser: string;
  readonly token: string;
  /** When the client was last answered, in the org's time. */
  lastSeen: number;
  isConnected = false;
  /** Messages of the server itself that wait for the next answer. */
  readonly notices: Outgoing[] = [];
  /** Answers the connect that is held, if one is. */
  release: () => void = () => undefined;
  /** Number of the last connect. */
  turn = 0;
  readonly #org: Org;
  readonly #cursors = new Map<string, Cursor>();

  constructor(org: Org, identity: { id: string; browser: string; token: string }) {
    this.#org = org;
    this.id = identity.id;
    this.browser = identity.browser;
    this.token = identity.token;
    this.lastSeen = org.now();
  }

  /** Begins a connect and lets the one before it go. */
  nextTurn(): number {
    this.turn += 1;
    this.release();
    return this.turn;
  }

  /** @returns the error, or undefined when the client is subscribed */
  subscribe(channel: string, replay: Readonly<Record<string, unknown>> | undefined): string | undefined {
    const topic = findTopic(channel, this.#org.state);
    if (!topic) return "404::Unknown channel";
    if (replay && !(channel in replay)) return channelNotInReplayMap(channel, replay);
    const replayId = Number(replay?.[channel] ?? NEW_ONLY);
    const start = this.#startOf(replayId);
    if (start === undefined) return invalidReplayId(replayId);
    this.#cursors.set(channel, new Cursor(this.#org, topic, start));
    return undefined;
  }

  unsubscribe(channel: string): boolean {
    return this.#cursors.delete(channel);
  }

  /** Events that have come since the last answer, over all channels in the order of the bus. */
  take(): Outgoing[] {
    const placed = [...this.#cursors].flatMap(([channel, cursor]) =>
      cursor.take(BATCH).map(({ event, replayId }) => ({ channel, event, replayId })),
    );
    return placed
      .sort((left, right) => left.replayId - right.replayId)
      .map(({ channel, event, replayId }) => ({
        data: toCometdData(event, replayId, schemaOf(requireType(event.entityName)).id),
        channel,
      }));
  }

  #startOf(replayId: number): number | undefined {
    if (replayId === NEW_ONLY) return this.#org.store.replayId;
    if (replayId === ALL_RETAINED) return 0;
    return this.#org.log.has(replayId) ? replayId : undefined;
  }
}
