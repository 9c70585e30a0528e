import type { ChangeEvent } from "../cdc/event.ts";

/** An event of any shape that a test has put on the bus: only the relay carries it, and event faults spare it. */
export interface RawEvent {
  readonly detailType: string;
  /** Goes out as it is. */
  readonly detail: string;
  /** Partner source in place of the org's own. */
  readonly source?: string;
}

/** One place on the event bus. One without an event is a mark: a position that subscribers were told of. */
export interface LogEntry {
  readonly replayId: number;
  /** Epoch milliseconds of the commit. */
  readonly at: number;
  readonly event?: ChangeEvent;
  readonly raw?: RawEvent;
}

/** Consumed places are cut off the array only when there are this many, so that dropping stays cheap. */
const CUT_AT = 4096;

/** The bus: entries in the order of their replay ids. Appending is constant, finding a place is logarithmic. */
export class EventLog {
  #entries: LogEntry[] = [];
  /** Entries before this one have left the log. */
  #first = 0;

  get size(): number {
    return this.#entries.length - this.#first;
  }

  get last(): LogEntry | undefined {
    return this.size > 0 ? this.#entries.at(-1) : undefined;
  }

  append(entry: LogEntry): void {
    this.#entries.push(entry);
  }

  /** The first entry after a replay id. */
  after(replayId: number): LogEntry | undefined {
    return this.#entries[this.#indexAfter(replayId)];
  }

  /** Entries after a replay id, oldest first, at most `limit`. */
  slice(replayId: number, limit = Number.POSITIVE_INFINITY): LogEntry[] {
    const start = this.#indexAfter(replayId);
    return this.#entries.slice(start, start + Math.min(limit, this.#entries.length));
  }

  /** How many entries there are after a replay id. */
  countAfter(replayId: number): number {
    return this.#entries.length - this.#indexAfter(replayId);
  }

  /** Whether the log holds exactly this replay id. */
  has(replayId: number): boolean {
    const before = this.#entries[this.#indexAfter(replayId) - 1];
    return this.#indexAfter(replayId) > this.#first && before?.replayId === replayId;
  }

  /** Lets the entries go that were committed before an instant (epoch milliseconds). */
  dropBefore(instant: number): void {
    while (this.size > 0 && (this.#entries[this.#first]?.at ?? 0) < instant) this.#first += 1;
    if (this.#first < CUT_AT) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }

  all(): LogEntry[] {
    return this.#entries.slice(this.#first);
  }

  clear(): void {
    this.#entries = [];
    this.#first = 0;
  }

  #indexAfter(replayId: number): number {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.replayId ?? 0) > replayId) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
