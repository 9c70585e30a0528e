import type { ObjectType } from "../fields.ts";
import type { StoredRecord } from "../state.ts";
import { EventLog, type LogEntry } from "./event-log.ts";
import { Table } from "./table.ts";

/** A record that was taken out of the recycle bin for good. */
export interface Purge {
  readonly entityName: string;
  readonly id: string;
  /** When the record was deleted, as its own `SystemModstamp` said. */
  readonly deletedDate: string;
}

/** One step of the org's history: all of it happens, or none. */
export interface Entry {
  /** Object name → records as they are now. */
  readonly put?: Readonly<Record<string, readonly StoredRecord[]>>;
  readonly purge?: readonly Purge[];
  readonly log?: readonly LogEntry[];
  /** Forgets all places on the bus, as the migration of an org does. */
  readonly clearLog?: boolean;
  /** Key prefix → last number used. */
  readonly sequences?: Readonly<Record<string, number>>;
  readonly replayId?: number;
  readonly commitNumber?: string;
}

const COMMIT_NUMBER = "1745500706683617281";
const FIRST_REPLAY_ID = 37_904_280;
/** How many records one entry holds when the store is written anew. */
const CHUNK = 500;

/** What the org knows: records, the event log, and its counters. It changes by entries only, so that a journal can keep it. */
export class Store {
  readonly log = new EventLog();
  readonly purges: Purge[] = [];
  readonly #tables = new Map<string, Table>();
  readonly #sequences = new Map<string, number>();
  #replayId = FIRST_REPLAY_ID;
  #commitNumber = COMMIT_NUMBER;
  readonly #listeners = new Set<(entry: Entry) => void>();

  get replayId(): number {
    return this.#replayId;
  }

  get commitNumber(): string {
    return this.#commitNumber;
  }

  sequence(prefix: string): number {
    return this.#sequences.get(prefix) ?? 0;
  }

  /** Takes the next number of a key prefix; it is written down with the record that gets it. */
  nextSequence(prefix: string): number {
    const next = this.sequence(prefix) + 1;
    this.#sequences.set(prefix, next);
    return next;
  }

  table(type: ObjectType): Table {
    return this.#table(type.name);
  }

  /** Makes an entry true and tells the journal. */
  apply(entry: Entry): void {
    this.load(entry);
    for (const listener of this.#listeners) listener(entry);
  }

  /** Makes an entry true that is already written down. */
  load(entry: Entry): void {
    for (const [name, records] of Object.entries(entry.put ?? {})) {
      const table = this.#table(name);
      for (const record of records) table.put(record);
    }
    for (const purge of entry.purge ?? []) {
      this.#table(purge.entityName).remove(purge.id);
      this.purges.push(purge);
    }
    if (entry.clearLog) this.log.clear();
    for (const one of entry.log ?? []) this.log.append(one);
    for (const [prefix, last] of Object.entries(entry.sequences ?? {})) this.#sequences.set(prefix, last);
    if (entry.replayId !== undefined) this.#replayId = entry.replayId;
    if (entry.commitNumber !== undefined) this.#commitNumber = entry.commitNumber;
  }

  onEntry(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The shortest history that leads to what is true now. */
  *entries(): Generator<Entry> {
    yield {
      sequences: Object.fromEntries(this.#sequences),
      replayId: this.#replayId,
      commitNumber: this.#commitNumber,
      purge: [...this.purges],
    };
    for (const [name, table] of this.#tables)
      for (const records of chunks(table.all())) yield { put: { [name]: records } };
    for (const log of chunks(this.log.all())) yield { log };
  }

  #table(name: string): Table {
    const table = this.#tables.get(name) ?? new Table();
    this.#tables.set(name, table);
    return table;
  }
}

function* chunks<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK);
}
