import type { Org } from "../org.ts";
import type { LogEntry } from "../store/event-log.ts";
import type { ChangeEvent } from "./event.ts";
import type { Topic } from "./topics.ts";

/** A change event at its place on the bus. */
export interface Placed {
  readonly replayId: number;
  readonly event: ChangeEvent;
}

const PAGE = 500;

/** A subscriber's place in one topic. It reads the bus page by page, so that it never holds more than it hands over. */
export class Cursor {
  readonly #org: Org;
  readonly topic: Topic;
  #position: number;

  /** Starts after a position; 0 is before everything that is kept. */
  constructor(org: Org, topic: Topic, position: number) {
    this.#org = org;
    this.topic = topic;
    this.#position = position;
  }

  /** Replay id of the last place that was passed. */
  get position(): number {
    return this.#position;
  }

  /** The next events of the topic, at most `limit`. */
  take(limit: number): Placed[] {
    const taken: Placed[] = [];
    while (taken.length < limit) {
      const page = this.#org.log.slice(this.#position, PAGE);
      if (page.length === 0) break;
      for (const entry of page) {
        if (taken.length === limit) break;
        this.#position = entry.replayId;
        if (this.#isMine(entry)) taken.push({ replayId: entry.replayId, event: entry.event });
      }
    }
    return taken;
  }

  /** Moves to the newest position of the bus, which has no event that was not taken. */
  moveToTip(): number {
    this.#position = this.#org.tip();
    return this.#position;
  }

  #isMine(entry: LogEntry): entry is LogEntry & Placed {
    return entry.event !== undefined && this.topic.carries(entry.event);
  }
}
