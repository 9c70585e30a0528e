import { randomBytes, randomInt } from "node:crypto";
import { seededRandom } from "../front/faults.ts";
import { toChangeEvents } from "./cdc/capture.ts";
import { type Change, type ChangeEvent, type ChangeType, headerOnly, type TransactionHeader } from "./cdc/event.ts";
import { movedFormulas, withFormulas } from "./dml/formulas.ts";
import { runTriggers } from "./dml/triggers.ts";
import type { ObjectType } from "./fields.ts";
import { makeId, podOf } from "./ids.ts";
import type { OrgState, StoredRecord } from "./state.ts";
import type { EventLog, LogEntry, RawEvent } from "./store/event-log.ts";
import { type Purge, Store } from "./store/store.ts";
import { Transaction } from "./transaction.ts";
import type { Value } from "./values.ts";

/** Who makes a change, and through which door. */
export interface Actor {
  readonly userId: string;
  /** `changeOrigin` of the events, such as `com/salesforce/api/rest/66.0;client=connector-fleet`. */
  readonly changeOrigin: string;
}

/** Events older than this leave the log: 72 hours. */
const RETENTION_MS = 72 * 3600 * 1000;
/** A position that subscribers are told of is good for 72 hours from then, so an old one is not told again. */
const TIP_MS = 60_000;
const DAY_MS = 24 * 3600 * 1000;
/** How far the replay ids jump when the org moves to another instance. */
const MIGRATION_STEP = 1_000_000;

/** The org's records and its one commit log. All changes go through `transact`. */
export class Org {
  readonly state: OrgState;
  readonly store: Store;
  /** The org's clock, in epoch milliseconds: the real one and what `clock` has put it ahead. */
  readonly now: () => number;
  /** The clock of the world outside, by which clients sign. */
  readonly clientNow: () => number;
  readonly #commitListeners = new Set<() => void>();
  readonly #disconnectListeners = new Set<() => void>();

  constructor(state: OrgState, now: () => number = Date.now, store = new Store()) {
    this.state = state;
    this.store = store;
    this.clientNow = now;
    this.now = () => now() + state.clockOffsetMs;
  }

  /** The bus, without the events that are too old. */
  get log(): EventLog {
    this.store.log.dropBefore(this.now() - RETENTION_MS);
    return this.store.log;
  }

  /** A record by its 18-character id, deleted or not. */
  find(type: ObjectType, id: string): StoredRecord | undefined {
    return this.store.table(type).get(id);
  }

  /** All records of an object, deleted ones too, in the order of their ids. */
  records(type: ObjectType): StoredRecord[] {
    return this.store.table(type).all();
  }

  /** Records whose field has the value, deleted ones too; found by an index. */
  lookup(type: ObjectType, field: string, value: Value): StoredRecord[] {
    return this.store.table(type).lookup(field, value);
  }

  /** Records deleted in a time span (epoch milliseconds, end excluded), also those that are no longer in the bin. */
  deletions(type: ObjectType, start: number, end: number): { id: string; deletedDate: string }[] {
    const binned = this.records(type).filter((record) => record.IsDeleted);
    return [
      ...this.store.purges.filter((purge) => purge.entityName === type.name),
      ...binned.map(({ Id, SystemModstamp }) => ({ id: String(Id), deletedDate: String(SystemModstamp) })),
    ]
      .filter(({ deletedDate }) => Date.parse(deletedDate) >= start && Date.parse(deletedDate) < end)
      .map(({ id, deletedDate }) => ({ id, deletedDate }));
  }

  newId(type: ObjectType): string {
    return makeId(type.keyPrefix, this.store.nextSequence(type.keyPrefix), podOf(this.state.orgNumber));
  }

  /** Runs `work` as one transaction: all of its changes are kept and logged, or, when it throws, none. */
  transact<Result>(actor: Actor, work: (transaction: Transaction) => Result): Result {
    const transaction = new Transaction(this, actor.userId, this.now());
    const result = work(transaction);
    runTriggers(transaction, this.state.triggers, actor.changeOrigin);
    this.#commit(actor, transaction.changes(), new Set(this.state.capture.entities));
    return result;
  }

  /** Runs `work` as something that happened at `at` (epoch milliseconds), before changes were captured: no events. */
  transactUncaptured<Result>(actor: Actor, at: number, work: (transaction: Transaction) => Result): Result {
    const transaction = new Transaction(this, actor.userId, at);
    const result = work(transaction);
    this.#commit(actor, transaction.changes(), new Set());
    return result;
  }

  /** Puts whole records in place, unchecked and without events: for many at once. */
  place(type: ObjectType, records: readonly StoredRecord[]): void {
    const whole = records.map((record) => withFormulas(type, record, (parent, id) => this.find(parent, id)));
    const { keyPrefix } = type;
    this.store.apply({ put: { [type.name]: whole }, sequences: { [keyPrefix]: this.store.sequence(keyPrefix) } });
  }

  /** Takes records out of the recycle bin for good, all or those named; the bus hears nothing of it. */
  emptyRecycleBin(type: ObjectType, ids?: ReadonlySet<string>): number {
    const binned = this.records(type).filter(({ Id, IsDeleted }) => IsDeleted && (ids?.has(String(Id)) ?? true));
    const purge = binned.map(
      ({ Id, SystemModstamp }): Purge => ({
        entityName: type.name,
        id: String(Id),
        deletedDate: String(SystemModstamp),
      }),
    );
    if (purge.length > 0) this.store.apply({ purge });
    return purge.length;
  }

  /** Puts an event of any shape on the bus, as a test of malformed events needs. */
  emitRaw(raw: RawEvent): LogEntry {
    const entry = { replayId: this.#replayIdAfter(this.store.replayId), at: this.now(), raw };
    this.#append([entry]);
    return entry;
  }

  /** Puts a header-only event on the bus for records that are named, or for all (`001*`). */
  emitGap(entityName: string, changeType: ChangeType, recordIds: readonly string[], userId: string): LogEntry {
    const transaction = this.#header({ userId, changeOrigin: "" });
    const event: ChangeEvent = {
      transaction,
      sequenceNumber: 1,
      entityName,
      changeType,
      recordIds,
      changedFields: [],
      fields: {},
    };
    const [entry] = this.#place([headerOnly(event, changeType)]);
    this.#append([entry as LogEntry], transaction.commitNumber);
    return entry as LogEntry;
  }

  /**
   * The newest position of the bus, for subscribers to come back to. When the last event is some time ago, this is a
   * later place without an event: other traffic has moved the bus on.
   */
  tip(): number {
    const { last } = this.log;
    if (last && this.now() - last.at < TIP_MS) return last.replayId;
    const mark = { replayId: this.#replayIdAfter(this.store.replayId), at: this.now() };
    this.store.apply({ log: [mark], replayId: mark.replayId });
    return mark.replayId;
  }

  /** Moves the org to another instance: what is kept gets new replay ids, and the old ones mean nothing any more. */
  migrate(): void {
    const { relay } = this.state;
    const isSent = (entry: LogEntry) => entry.replayId <= relay.position;
    const entries = this.log.all();
    const sent = entries.filter(isSent).length;
    let replayId = this.store.replayId + MIGRATION_STEP;
    const first = replayId;
    const log = entries.map((entry) => {
      replayId = this.#replayIdAfter(replayId);
      return { ...entry, replayId };
    });
    this.store.apply({ clearLog: true, log, replayId });
    relay.position = log[sent - 1]?.replayId ?? first;
    this.disconnect();
    this.wake();
  }

  /** Counts events that a subscriber was given against the day's allocation. */
  countDelivery(events = 1): void {
    const { deliveries } = this.state;
    if (this.now() - deliveries.windowStart >= DAY_MS) Object.assign(deliveries, { used: 0, windowStart: this.now() });
    deliveries.used += events;
  }

  /** Whether the day's allocation of delivered events is used up. */
  get isDeliveryExhausted(): boolean {
    const { used, max, windowStart } = this.state.deliveries;
    return used >= max && this.now() - windowStart < DAY_MS;
  }

  /** Calls `listener` after each commit; returns how to stop that. */
  onCommit(listener: () => void): () => void {
    this.#commitListeners.add(listener);
    return () => this.#commitListeners.delete(listener);
  }

  /** Calls `listener` when subscribers must go: the org has moved, or begins anew. */
  onDisconnect(listener: () => void): () => void {
    this.#disconnectListeners.add(listener);
    return () => this.#disconnectListeners.delete(listener);
  }

  /** Ends all subscriptions from outside. */
  disconnect(): void {
    for (const listener of this.#disconnectListeners) listener();
  }

  /** Lets whoever waits for events look again, as after the clock was moved. */
  wake(): void {
    for (const listener of this.#commitListeners) listener();
  }

  #commit(actor: Actor, staged: readonly Change[], entities: ReadonlySet<string>): void {
    if (staged.length === 0) return;
    const changed = new Map(staged.map(({ id, after }) => [id, after]));
    const read = (type: ObjectType, id: string) => changed.get(id) ?? this.find(type, id);
    const changes = staged.map((change) => ({ ...change, after: withFormulas(change.type, change.after, read) }));
    const put = byObject([
      ...changes.map(({ type, after }): [ObjectType, StoredRecord] => [type, after]),
      ...movedFormulas(this.store, changes, read),
    ]);
    const prefixes = new Set(changes.map(({ type }) => type.keyPrefix));
    const sequences = Object.fromEntries([...prefixes].map((prefix) => [prefix, this.store.sequence(prefix)]));

    const transaction = this.#header(actor);
    const { commitNumber } = transaction;
    const { overflowThreshold } = this.state.capture;
    const log = this.#place(toChangeEvents(changes, transaction, { entities, overflowThreshold }));
    const replayId = log.at(-1)?.replayId ?? this.store.replayId;
    this.store.apply({ put, sequences, commitNumber, ...(log.length > 0 ? { log, replayId } : {}) });
    if (log.length > 0) this.wake();
  }

  #append(log: readonly LogEntry[], commitNumber = this.store.commitNumber): void {
    this.store.apply({ log, replayId: log.at(-1)?.replayId ?? this.store.replayId, commitNumber });
    this.wake();
  }

  #header({ userId, changeOrigin }: Actor): TransactionHeader {
    return {
      changeOrigin,
      transactionKey: newTransactionKey(),
      // The events of real orgs give whole seconds here.
      commitTimestamp: Math.floor(this.now() / 1000) * 1000,
      commitNumber: String(BigInt(this.store.commitNumber) + BigInt(randomInt(1, 1000))),
      commitUser: userId,
    };
  }

  /** Gives events their places on the bus. */
  #place(events: readonly ChangeEvent[]): LogEntry[] {
    let { replayId } = this.store;
    return events.map((event) => {
      replayId = this.#replayIdAfter(replayId);
      return { replayId, at: this.now(), event };
    });
  }

  /** Replay ids rise by random steps, the same ones for the same org: nobody may compute the next one. */
  #replayIdAfter(replayId: number): number {
    return replayId + 1 + Math.floor(seededRandom(replayId * 31 + this.state.orgNumber)() * 19);
  }
}

function byObject(records: readonly [ObjectType, StoredRecord][]): Record<string, StoredRecord[]> {
  const groups = Map.groupBy(records, ([type]) => type.name);
  return Object.fromEntries([...groups].map(([name, members]) => [name, members.map(([, record]) => record)]));
}

function newTransactionKey(): string {
  const digits = randomBytes(16).toString("hex");
  return `0000${digits.slice(4, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}
