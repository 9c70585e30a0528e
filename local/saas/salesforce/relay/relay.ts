import { setTimeout as sleep } from "node:timers/promises";
import type { Org } from "../org.ts";
import type { EventFault } from "../state.ts";
import type { LogEntry } from "../store/event-log.ts";
import { putPartnerEvent, type RelayTarget, toBusEvent } from "./bus.ts";
import { applyFaults } from "./faults.ts";

export interface RelayOptions {
  /** Called after the position has moved, to keep it. */
  readonly onProgress?: () => void;
  /** Longest wait between two tries, in milliseconds. */
  readonly maxBackoffMs?: number;
}

const FIRST_BACKOFF_MS = 100;

/**
 * An Event Relay: sends the change events of the commit log to the partner event bus, one by one and in order, and tries
 * each until the bus has taken it. The position is part of the org's state, so a restart goes on where it stopped; events
 * that have left the log meanwhile are lost.
 * https://developer.salesforce.com/docs/platform/event-relay/guide/create-event-relay-config.html
 */
export class EventRelay {
  readonly #org: Org;
  readonly #target: RelayTarget;
  readonly #options: RelayOptions;
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #error: string | undefined;
  #releaseHeld = false;

  constructor(org: Org, target: RelayTarget, options: RelayOptions = {}) {
    this.#org = org;
    this.#target = target;
    this.#options = options;
    this.#unsubscribe = org.onCommit(() => this.#wake());
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  /** RUN sends; PAUSE keeps the position; STOP drops it, so that RUN begins with new events only. */
  setState(state: "RUN" | "PAUSE" | "STOP"): void {
    const { relay } = this.#org.state;
    if (relay.state === "STOP" && state === "RUN") {
      relay.position = this.#org.store.replayId;
      relay.held = null;
    }
    relay.state = state;
    this.#wake();
  }

  /** Arms a fault for events that are still to be sent. */
  addFault(fault: EventFault): void {
    this.#releaseHeld = false;
    this.#org.state.relay.faults.push(fault);
  }

  /** Takes all event faults back; an event that a reorder holds is sent. */
  clearFaults(): void {
    this.#org.state.relay.faults = [];
    this.#releaseHeld = true;
    this.#wake();
  }

  status(): Record<string, unknown> {
    const { relay } = this.#org.state;
    const pending = this.#org.log.slice(relay.position).filter((entry) => toBusEvent(entry) !== undefined);
    return {
      state: relay.state,
      position: relay.position,
      pending: pending.length + (relay.held ? 1 : 0),
      lastRelayedEventTime: relay.lastRelayedEventTime,
      errorMessage: this.#error ?? null,
      remoteResource: this.#source(),
    };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const { relay } = this.#org.state;
      const next = relay.state === "RUN" ? this.#next() : undefined;
      if (next) await this.#relay(next);
      else if (relay.state === "RUN" && relay.held && this.#releaseHeld) await this.#release(relay.held);
      else await new Promise<void>((resolve) => this.#sleepUntilWoken(resolve));
    }
  }

  async #release(held: LogEntry): Promise<void> {
    if (!(await this.#deliver(held))) return;
    this.#org.state.relay.held = null;
    this.#options.onProgress?.();
  }

  #sleepUntilWoken(resolve: () => void): void {
    this.#wake = resolve;
    const { state } = this.#org.state.relay;
    if (this.#stopping.signal.aborted || (state === "RUN" && this.#next())) resolve();
  }

  /** The first event that the bus has not taken, unless the day's deliveries are used up. */
  #next(): LogEntry | undefined {
    if (this.#org.isDeliveryExhausted) return undefined;
    return this.#org.log.after(this.#org.state.relay.position);
  }

  async #relay(entry: LogEntry): Promise<void> {
    const { relay } = this.#org.state;
    const { position } = relay;
    const held = relay.held ? [relay.held] : [];
    const sending = applyFaults(relay.faults, entry, (one) => this.#restOfTransaction(one));
    for (const delivery of [...sending.deliveries, ...held]) if (!(await this.#deliver(delivery))) return;
    // A migration has given all places new ids meanwhile, and moved the position itself.
    if (relay.position === position) relay.position = sending.upTo;
    relay.held = sending.held ?? null;
    this.#options.onProgress?.();
  }

  #restOfTransaction({ event, replayId }: LogEntry): LogEntry[] {
    const rest: LogEntry[] = [];
    let next = this.#org.log.after(replayId);
    while (event && next?.event?.transaction.transactionKey === event.transaction.transactionKey) {
      rest.push(next);
      next = this.#org.log.after(next.replayId);
    }
    return rest;
  }

  /** Sends until the bus has taken the event; false when the relay was stopped or paused meanwhile. */
  async #deliver(entry: LogEntry): Promise<boolean> {
    const event = toBusEvent(entry);
    if (!event) return true;
    const { relay } = this.#org.state;
    const source = entry.raw?.source ?? this.#source();
    for (let wait = FIRST_BACKOFF_MS; ; wait = Math.min(wait * 2, this.#options.maxBackoffMs ?? 5000)) {
      try {
        const timeMs = this.#org.now();
        await putPartnerEvent(this.#target, { ...event, source, timeMs }, this.#stopping.signal);
        this.#error = undefined;
        relay.lastRelayedEventTime = new Date(timeMs).toISOString();
        this.#org.countDelivery();
        return true;
      } catch (error) {
        this.#error = describe(error);
      }
      await sleep(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted || relay.state !== "RUN") return false;
    }
  }

  #source(): string {
    return `aws.partner/salesforce.com/${this.#org.state.orgId}/${this.#org.state.channelId}`;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
