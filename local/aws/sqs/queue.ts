import { randomUUID } from "node:crypto";
import type { Clock } from "../kernel/clock.ts";
import { defaultAttributes, parseRedrivePolicy, type RedrivePolicy } from "./attributes.ts";
import { messageNotInflight } from "./errors.ts";
import type { Message } from "./message.ts";

/** A message that was received more often does not count for the queue's age. */
const MAX_COUNTED_RECEIVES = 3;

/** A queue with its messages, as JSON. */
export interface QueueState {
  readonly name: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly messages: readonly Message[];
}

/** How `take` hands out messages. */
export interface TakeOptions {
  readonly max: number;
  /** Seconds until an undeleted message is visible again. */
  readonly visibilityTimeout: number;
  /** Takes a message that was received too often; answers whether it did. */
  moveToDeadLetter(message: Message, policy: RedrivePolicy): boolean;
}

/** A message that is out of sight, and what brings it back. */
interface Hidden {
  readonly message: Message;
  readonly timer: Timer;
}

interface Timer {
  cancel(): void;
  /** Milliseconds until it would run. */
  left(): number;
}

/** One standard queue: visible messages, hidden ones (delayed or in flight) with their timers, and long polls. */
export class Queue {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  modifiedAt: number;
  attributes = defaultAttributes();
  tags: Record<string, string> = {};
  purgedAt: number | undefined;
  readonly #clock: Clock;
  readonly #visible = new Map<string, Message>();
  readonly #hidden = new Map<string, Hidden>();
  /** How many functions work at a message. */
  readonly #worked = new Map<string, number>();
  readonly #waiters = new Set<(woken: boolean) => void>();
  #stopped = false;

  constructor(name: string, arn: string, clock: Clock) {
    this.name = name;
    this.arn = arn;
    this.#clock = clock;
    this.createdAt = clock.now();
    this.modifiedAt = this.createdAt;
  }

  /** An integer attribute, in its own unit (seconds or bytes). */
  integer(name: string): number {
    return Number(this.attributes.get(name));
  }

  redrivePolicy(): RedrivePolicy | undefined {
    const text = this.attributes.get("RedrivePolicy");
    return text === undefined ? undefined : parseRedrivePolicy(text);
  }

  /** Queues a message, hidden for `delay` seconds. */
  add(message: Message, delay = 0): void {
    if (delay <= 0) {
      this.#show(message);
      return;
    }
    message.delay = { since: this.#clock.now(), ms: delay * 1000 };
    this.#hide(message, delay * 1000);
  }

  /** Receives up to `max` visible messages; those received too often go to the dead-letter queue instead. */
  take({ max, visibilityTimeout, moveToDeadLetter }: TakeOptions): Message[] {
    const policy = this.redrivePolicy();
    const taken: Message[] = [];
    for (const message of this.#visible.values()) {
      if (taken.length === max) break;
      if (this.#isExpired(message)) {
        this.#visible.delete(message.id);
      } else if (policy && message.receiveCount >= policy.maxReceiveCount && moveToDeadLetter(message, policy)) {
        this.#visible.delete(message.id);
      } else {
        this.#visible.delete(message.id);
        taken.push(message);
      }
    }
    for (const message of taken) this.#receive(message, visibilityTimeout);
    return taken;
  }

  #receive(message: Message, visibilityTimeout: number): void {
    const now = this.#clock.now();
    message.receiveCount += 1;
    message.firstReceivedAt ??= now;
    message.receivedAt = now;
    if (visibilityTimeout > 0) this.#hide(message, visibilityTimeout * 1000);
    else this.#show(message);
  }

  /** A message in this queue, visible or not. */
  find(id: string): Message | undefined {
    return this.#visible.get(id) ?? this.#hidden.get(id)?.message;
  }

  /** Deletes a message; deleting one that is gone is no error. */
  remove(id: string): void {
    this.#visible.delete(id);
    this.#hidden.get(id)?.timer.cancel();
    this.#hidden.delete(id);
  }

  /** @param seconds from now; 0 makes the message visible at once. @throws AwsError `MessageNotInflight` */
  changeVisibility(message: Message, seconds: number): void {
    const hidden = this.#hidden.get(message.id);
    if (!hidden || message.receivedAt === undefined) throw messageNotInflight();
    hidden.timer.cancel();
    this.#hidden.delete(message.id);
    if (seconds > 0) this.#hide(message, seconds * 1000);
    else this.#show(message);
  }

  /**
   * Notes that a function begins, or ends, to work at messages. As long as it does, their visibility timeout is a limit on
   * real work: it passes by the real clock, neither shortened nor skipped.
   */
  work(ids: readonly string[], begins: boolean): void {
    for (const id of ids) {
      const count = (this.#worked.get(id) ?? 0) + (begins ? 1 : -1);
      if (count > 0) this.#worked.set(id, count);
      else this.#worked.delete(id);
      const hidden = this.#hidden.get(id);
      if (!hidden) continue;
      hidden.timer.cancel();
      this.#hide(hidden.message, Math.max(0, hidden.timer.left()));
    }
  }

  /** Takes one visible message away for good, for a move to another queue. */
  takeForMove(): Message | undefined {
    for (const message of this.#visible.values()) {
      this.#visible.delete(message.id);
      if (!this.#isExpired(message)) return message;
    }
    return undefined;
  }

  purge(): void {
    this.#visible.clear();
    for (const { timer } of this.#hidden.values()) timer.cancel();
    this.#hidden.clear();
  }

  /** Messages that cannot be received now: in flight or delayed. */
  get hidden(): number {
    return this.#hidden.size;
  }

  counts(): { visible: number; inFlight: number; delayed: number } {
    this.#dropExpired();
    let inFlight = 0;
    for (const { message } of this.#hidden.values()) if (message.receivedAt !== undefined) inFlight += 1;
    return { visible: this.#visible.size, inFlight, delayed: this.#hidden.size - inFlight };
  }

  /**
   * Age of the oldest message, without those that were received more than three times: a poison message would hide the
   * rest. Undefined without such a message.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
   */
  oldestAgeSeconds(): number | undefined {
    let oldest = Number.POSITIVE_INFINITY;
    const note = ({ receiveCount, sentAt }: Message) => {
      if (receiveCount <= MAX_COUNTED_RECEIVES) oldest = Math.min(oldest, sentAt);
    };
    for (const message of this.#visible.values()) note(message);
    for (const { message } of this.#hidden.values()) note(message);
    return Number.isFinite(oldest) ? Math.floor(this.#clock.elapsed(oldest) / 1000) : undefined;
  }

  /** Resolves to true when a message becomes visible; to false after `ms` (scaled), on abort, or when the queue stops. */
  waitForMessage(ms: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#stopped || signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (woken: boolean) => {
        cancel();
        this.#waiters.delete(end);
        signal?.removeEventListener("abort", giveUp);
        resolve(woken);
      };
      const giveUp = () => end(false);
      const cancel = this.#clock.after(ms, giveUp);
      this.#waiters.add(end);
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Ends every wait and timer; hidden messages stay in the queue for a snapshot. */
  stop(): void {
    this.#stopped = true;
    for (const { timer } of this.#hidden.values()) timer.cancel();
    this.#wake(false);
  }

  snapshot(): QueueState {
    this.#dropExpired();
    const hidden = [...this.#hidden.values()].map(({ message }) => message);
    return {
      name: this.name,
      createdAt: this.createdAt,
      modifiedAt: this.modifiedAt,
      attributes: Object.fromEntries(this.attributes),
      tags: this.tags,
      messages: structuredClone([...hidden, ...this.#visible.values()]),
    };
  }

  /** Takes back a snapshot: what was in flight is visible again, what was delayed waits for the rest of its delay. */
  static restore(state: QueueState, arn: string, clock: Clock): Queue {
    const queue = new Queue(state.name, arn, clock);
    Object.assign(queue, { createdAt: state.createdAt, modifiedAt: state.modifiedAt, tags: { ...state.tags } });
    queue.attributes = new Map(Object.entries(state.attributes));
    for (const message of structuredClone(state.messages)) {
      const { delay } = message;
      queue.add(message, delay ? (delay.ms - clock.elapsed(delay.since)) / 1000 : 0);
    }
    return queue;
  }

  #hide(message: Message, ms: number): void {
    const reappear = () => {
      this.#hidden.delete(message.id);
      this.#show(message);
    };
    const timer = this.#stopped
      ? { cancel: () => undefined, left: () => ms }
      : this.#worked.has(message.id)
        ? realTimer(ms, reappear)
        : clockTimer(this.#clock, ms, reappear);
    this.#hidden.set(message.id, { message, timer });
  }

  #show(message: Message): void {
    delete message.delay;
    delete message.receivedAt;
    this.#visible.set(message.id, message);
    this.#wake(true);
  }

  #wake(woken: boolean): void {
    for (const waiter of [...this.#waiters]) waiter(woken);
  }

  #isExpired(message: Message): boolean {
    return this.#clock.elapsed(message.sentAt) >= this.integer("MessageRetentionPeriod") * 1000;
  }

  #dropExpired(): void {
    for (const message of this.#visible.values()) if (this.#isExpired(message)) this.#visible.delete(message.id);
    for (const { message } of [...this.#hidden.values()]) if (this.#isExpired(message)) this.remove(message.id);
  }
}

function clockTimer(clock: Clock, ms: number, action: () => void): Timer {
  const since = clock.now();
  return { cancel: clock.after(ms, action), left: () => ms - clock.elapsed(since) };
}

function realTimer(ms: number, action: () => void): Timer {
  const since = performance.now();
  const timer = setTimeout(action, ms);
  return { cancel: () => clearTimeout(timer), left: () => ms - (performance.now() - since) };
}

/** A receipt handle: opaque to clients, new for every receive. */
export function receiptHandle(queue: Queue, message: Message): string {
  return Buffer.from(`${queue.name} ${message.id} ${randomUUID()}`).toString("base64url");
}

/** The message id in a receipt handle of this queue, or `undefined` when it is not one. */
export function messageIdOf(queue: Queue, handle: string): string | undefined {
  const [name, id, nonce] = Buffer.from(handle, "base64url").toString().split(" ");
  return name === queue.name && nonce ? id : undefined;
}
