import { setTimeout as sleep } from "node:timers/promises";
import { toHeaderOnly } from "./change-events.ts";
import type { Org } from "./org.ts";
import type { BusEvent, EventFault } from "./state.ts";

/** Where the relay hands events over. */
export interface RelayTarget {
  /** `http://127.0.0.1:<port>` of the twin; a function when it is known only later. */
  readonly origin: string | (() => string);
}

export interface RelayOptions {
  /** Called after the position has moved, to keep it. */
  readonly onProgress?: () => void;
  /** Longest wait between two tries, in milliseconds. */
  readonly maxBackoffMs?: number;
}

const FIRST_BACKOFF_MS = 100;
/** A key that no role of the template has; the twin checks who calls, not the signature. */
const PARTNER =
  "AWS4-HMAC-SHA256 Credential=salesforce/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=none";
const NO_RECORD = "000000000000000AAA";

/**
 * An Event Relay: sends the change events of the commit log to the partner event bus, one by one and in order, and tries
 * each until the bus has taken it. The position is part of the org's state, so a restart goes on where it stopped.
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
      relay.position = this.#org.state.replayId;
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
    return {
      state: relay.state,
      position: relay.position,
      pending: this.#pendingCount(),
      lastRelayedEventTime: relay.lastRelayedEventTime,
      errorMessage: this.#error ?? null,
      remoteResource: this.#source(),
    };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const { relay } = this.#org.state;
      const next = relay.state === "RUN" ? this.#next() : undefined;
      if (next) await this.#relay(next.event, next.rest);
      else if (relay.state === "RUN" && relay.held && this.#releaseHeld) await this.#release(relay.held);
      else await new Promise<void>((resolve) => this.#sleepUntilWoken(resolve));
    }
  }

  async #release(held: BusEvent): Promise<void> {
    if (!(await this.#deliver(held))) return;
    this.#org.state.relay.held = null;
    this.#options.onProgress?.();
  }

  #sleepUntilWoken(resolve: () => void): void {
    this.#wake = resolve;
    const { state } = this.#org.state.relay;
    if (this.#stopping.signal.aborted || (state === "RUN" && this.#next())) resolve();
  }

  /** Index in the log of the first transaction with an event that the bus has not taken. */
  #firstPending(): number {
    const { log, relay } = this.#org.state;
    let low = 0;
    let high = log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((log[middle]?.events.at(-1)?.replayId ?? 0) > relay.position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #next(): { event: BusEvent; rest: readonly BusEvent[] } | undefined {
    const { log, relay } = this.#org.state;
    const [event, ...rest] = (log[this.#firstPending()]?.events ?? []).filter((one) => one.replayId > relay.position);
    return event && { event, rest };
  }

  #pendingCount(): number {
    const { log, relay } = this.#org.state;
    const pending = log.slice(this.#firstPending()).flatMap((commit) => commit.events);
    return pending.filter((event) => event.replayId > relay.position).length + (relay.held ? 1 : 0);
  }

  async #relay(event: BusEvent, rest: readonly BusEvent[]): Promise<void> {
    const { relay } = this.#org.state;
    const { deliveries, upTo } = this.#applyFaults(event, rest);
    for (const delivery of deliveries) if (!(await this.#deliver(delivery))) return;
    relay.position = upTo;
    if (deliveries.includes(relay.held as BusEvent)) relay.held = null;
    this.#options.onProgress?.();
  }

  /** What is sent for an event: itself, unless a fault drops, doubles, delays or empties it. */
  #applyFaults(event: BusEvent, rest: readonly BusEvent[]): { deliveries: BusEvent[]; upTo: number } {
    const { relay } = this.#org.state;
    const held = relay.held ? [relay.held] : [];
    const one = (...deliveries: BusEvent[]) => ({ deliveries: [...deliveries, ...held], upTo: event.replayId });
    switch (drawFault(relay.faults, event)?.kind) {
      case "drop":
        return one();
      case "duplicate":
        return one(event, event);
      case "gap":
        return one({ ...event, detail: toGap(event.detail) });
      case "overflow": {
        const deliveries = [...toOverflow([event, ...rest]), ...held];
        return { deliveries, upTo: (rest.at(-1) ?? event).replayId };
      }
      case "reorder":
        relay.held = event;
        return { deliveries: held, upTo: event.replayId };
      default:
        return one(event);
    }
  }

  /** Sends until the bus has taken the event; false when the relay was stopped or paused meanwhile. */
  async #deliver(event: BusEvent): Promise<boolean> {
    const { relay } = this.#org.state;
    for (let wait = FIRST_BACKOFF_MS; ; wait = Math.min(wait * 2, this.#options.maxBackoffMs ?? 5000)) {
      try {
        await this.#send(event);
        this.#error = undefined;
        relay.lastRelayedEventTime = new Date(this.#org.now()).toISOString();
        return true;
      } catch (error) {
        this.#error = describe(error);
      }
      await sleep(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted || relay.state !== "RUN") return false;
    }
  }

  async #send(event: BusEvent): Promise<void> {
    const { origin } = this.#target;
    const source = event.source ?? this.#source();
    const response = await fetch(typeof origin === "function" ? origin() : origin, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSEvents.PutPartnerEvents",
        authorization: PARTNER,
      },
      body: JSON.stringify({
        Entries: [
          {
            Source: source,
            DetailType: event.detailType,
            Detail: event.detail,
            EventBusName: source,
            Resources: [],
            Time: this.#org.now() / 1000,
          },
        ],
      }),
      signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(10_000)]),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`PutPartnerEvents to ${source} failed with ${response.status}: ${answer}`);
    if (JSON.parse(answer).FailedEntryCount) throw new Error(`PutPartnerEvents to ${source} was refused: ${answer}`);
  }

  #source(): string {
    return `aws.partner/salesforce.com/${this.#org.state.orgId}/${this.#org.state.channelId}`;
  }
}

function drawFault(faults: EventFault[], event: BusEvent): EventFault | undefined {
  for (const fault of faults) {
    if (fault.times === 0 || event.isRaw || (fault.entity && event.detailType !== `${fault.entity}ChangeEvent`))
      continue;
    if (fault.nth > 1) {
      fault.nth -= 1;
      continue;
    }
    fault.times -= 1;
    return fault;
  }
  return undefined;
}

function toGap(detail: string): string {
  const { changeType } = JSON.parse(detail).payload.ChangeEventHeader;
  return toHeaderOnly(detail, `GAP_${changeType}`);
}

/** One overflow event per object in place of all the events that are left of a transaction. */
function toOverflow(events: readonly BusEvent[]): BusEvent[] {
  const firsts = new Map<string, BusEvent>();
  for (const event of events) if (!firsts.has(event.detailType)) firsts.set(event.detailType, event);
  return [...firsts.values()].map((event) => ({
    ...event,
    detail: toHeaderOnly(event.detail, "GAP_OVERFLOW", [NO_RECORD]),
  }));
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
