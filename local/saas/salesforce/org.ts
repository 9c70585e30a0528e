import { randomBytes, randomInt } from "node:crypto";
import { toChangeEvents } from "./change-events.ts";
import type { ObjectType } from "./fields.ts";
import type { BusEvent, Commit, OrgState, StoredRecord } from "./state.ts";
import { Transaction } from "./transaction.ts";

/** Who makes a change, and through which door. */
export interface Actor {
  readonly userId: string;
  /** `changeOrigin` of the events, such as `com/salesforce/api/rest/66.0;client=connector-fleet`. */
  readonly changeOrigin: string;
}

/** Events older than this leave the log once the relay has sent them: 72 hours. */
const RETENTION_MS = 72 * 3600 * 1000;
/** The log keeps at most this many transactions that the relay has sent. */
const MAX_LOG = 1000;
/** Objects whose changes are captured. */
const CAPTURED: ReadonlySet<string> = new Set(["Account", "Contact"]);

/** The org's records and its one commit log. All changes go through `transact`. */
export class Org {
  readonly state: OrgState;
  readonly now: () => number;
  readonly #listeners = new Set<() => void>();

  constructor(state: OrgState, now: () => number = Date.now) {
    this.state = state;
    this.now = now;
  }

  /** A record by its 18-character id, deleted or not. */
  find(type: ObjectType, id: string): StoredRecord | undefined {
    return this.state.records[type.name]?.[id];
  }

  /** All records of an object, deleted ones too, in the order of their ids. */
  records(type: ObjectType): StoredRecord[] {
    return Object.values(this.state.records[type.name] ?? {});
  }

  nextSequence(prefix: string): number {
    const next = (this.state.sequences[prefix] ?? 0) + 1;
    this.state.sequences[prefix] = next;
    return next;
  }

  /** Runs `work` as one transaction: all of its changes are kept and logged, or, when it throws, none. */
  transact<Result>(actor: Actor, work: (transaction: Transaction) => Result): Result {
    const transaction = new Transaction(this, actor.userId, this.now());
    const result = work(transaction);
    this.#commit(actor, transaction);
    return result;
  }

  /** Puts an event of any shape on the bus, as a test of malformed events needs. */
  emitRaw(detailType: string, detail: string, source?: string): BusEvent {
    const event = { replayId: this.#nextReplayId(), detailType, detail, isRaw: true, ...(source ? { source } : {}) };
    this.#append({
      commitNumber: this.#nextCommitNumber(),
      transactionKey: newTransactionKey(),
      commitTimestamp: this.now(),
      commitUser: "",
      changeOrigin: "",
      events: [event],
    });
    return event;
  }

  /** Calls `listener` after each commit; returns how to stop that. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #commit(actor: Actor, transaction: Transaction): void {
    const changes = transaction.changes();
    if (changes.length === 0) return;
    for (const { type, id, after } of changes) {
      const table = this.state.records[type.name] ?? {};
      this.state.records[type.name] = table;
      table[id] = after;
    }
    const header = {
      changeOrigin: actor.changeOrigin,
      transactionKey: newTransactionKey(),
      // The events of real orgs give whole seconds here.
      commitTimestamp: Math.floor(this.now() / 1000) * 1000,
      commitNumber: this.#nextCommitNumber(),
      commitUser: actor.userId,
    };
    const captured = changes.filter((change) => CAPTURED.has(change.type.name));
    const events = toChangeEvents(captured, header).map(({ entity, detail }) => ({
      replayId: this.#nextReplayId(),
      detailType: `${entity}ChangeEvent`,
      detail,
    }));
    if (events.length > 0) this.#append({ ...header, events });
  }

  #append(commit: Commit): void {
    const oldest = this.now() - RETENTION_MS;
    const { log, relay } = this.state;
    const isSent = (old: Commit) =>
      relay.state === "STOP" || old.events.every((event) => event.replayId <= relay.position);
    const isOver = (old: Commit, index: number) =>
      isSent(old) && (old.commitTimestamp < oldest || log.length - index >= MAX_LOG);
    const kept = log.findIndex((old, index) => !isOver(old, index));
    log.splice(0, kept < 0 ? log.length : kept);
    log.push(commit);
    for (const listener of this.#listeners) listener();
  }

  /** Replay ids rise by random steps: nobody may compute the next one. */
  #nextReplayId(): number {
    this.state.replayId += randomInt(1, 20);
    return this.state.replayId;
  }

  #nextCommitNumber(): string {
    this.state.commitNumber = String(BigInt(this.state.commitNumber) + BigInt(randomInt(1, 1000)));
    return this.state.commitNumber;
  }
}

function newTransactionKey(): string {
  const digits = randomBytes(16).toString("hex");
  return `0000${digits.slice(4, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}
