import type { SQSRecord } from "aws-lambda";
import { TransientError } from "../errors.ts";
import type { StateTable } from "../state-table.ts";
import { type Attempts, createAttempts } from "./attempts.ts";
import { type BatchWork, eachDelivery } from "./batch.ts";
import type { QueueControl } from "./queue-control.ts";
import { workRecords } from "./work-records.ts";

/** A consumer as the template declares it, in seconds. */
export interface Declared {
  readonly timeout: number;
  readonly window: number;
  readonly batchSize: number;
  readonly visibility: number;
}

interface Message {
  readonly id: string;
  readonly sentAt: number;
  visibleAt: number;
  receives: number;
}

/**
 * A queue, its event source mapping and its function in made-up time, one batch at a time. A run may never return, as
 * when its process dies: then its messages come back when their time is up, and nothing of its answer is known.
 */
export class SimulatedConsumer {
  /** Epoch milliseconds. */
  now = Date.parse("2026-01-01T00:00:00Z");
  /** Whether a run that holds this message dies. */
  isFatal: (id: string) => boolean = () => false;
  /** Whether a run fails in an orderly manner for this message. */
  fails: (id: string) => boolean = () => false;
  /** What it fails with then. */
  error: unknown = new TransientError("DOWN", "down");
  /** When each message was done, or parked and why. */
  readonly done = new Map<string, number>();
  readonly parked = new Map<string, { readonly at: number; readonly error: Error }>();
  /** The messages of every run, and whether it died. */
  readonly runs: { readonly ids: readonly string[]; died: boolean }[] = [];
  readonly #messages = new Map<string, Message>();
  readonly #declared: Declared;
  readonly #begin: () => Attempts;
  #queue: QueueControl;

  constructor(name: string, declared: Declared, state: (now: () => number) => StateTable) {
    this.#declared = declared;
    const now = () => this.now;
    const each = (records: readonly SQSRecord[], act: (message: Message) => void) => {
      for (const { messageId } of records) {
        const message = this.#messages.get(messageId);
        if (message) act(message);
      }
    };
    this.#begin = () => createAttempts(name, state(now), now);
    this.#queue = {
      giveUpAfterSeconds: 86_400,
      visibilitySeconds: declared.visibility,
      runSeconds: declared.timeout + 15,
      attempts: this.#begin(),
      park: async ({ messageId }, error) => {
        this.parked.set(messageId, { at: this.now, error: error as Error });
      },
      postpone: async (records, seconds) =>
        each(records, (message) => {
          message.visibleAt = this.now + seconds * 1000;
        }),
      remove: async (records) => each(records, ({ id }) => this.#finish(id)),
    };
  }

  send(ids: readonly string[]): void {
    for (const id of ids) this.#messages.set(id, { id, sentAt: this.now, visibleAt: this.now, receives: 0 });
  }

  get waiting(): number {
    return this.#messages.size;
  }

  /** Lambda reads messages and cannot invoke the function until their time is up. */
  throttle(): void {
    for (const message of this.#receive()) message.visibleAt = this.now + this.#declared.visibility * 1000;
  }

  /** Works until nothing is left or so many seconds have passed. */
  async work(seconds: number): Promise<void> {
    const end = this.now + seconds * 1000;
    while (this.#messages.size > 0) {
      const next = Math.min(...[...this.#messages.values()].map(({ visibleAt }) => visibleAt));
      if (Math.max(this.now, next) >= end) break;
      this.now = Math.max(this.now, next);
      await this.#run(this.#receive());
    }
    this.now = Math.max(this.now, end);
  }

  /** A batch is full, or as old as the window. */
  #receive(): Message[] {
    const { batchSize, window, visibility } = this.#declared;
    const visible = () => [...this.#messages.values()].filter(({ visibleAt }) => visibleAt <= this.now);
    if (visible().length < batchSize) this.now += window * 1000;
    const batch = visible().slice(0, batchSize);
    for (const message of batch) {
      message.receives += 1;
      message.visibleAt = this.now + visibility * 1000;
    }
    return batch;
  }

  async #run(batch: readonly Message[]): Promise<void> {
    let die: () => void = () => undefined;
    const death = new Promise<"dead">((resolve) => {
      die = () => resolve("dead");
    });
    const startedAt = this.now;
    const run = {
      decode: (body: string) => body,
      work: this.#workload(die),
      queue: this.#queue,
      random: 0,
      now: () => this.now,
      remainingMs: () => Number.POSITIVE_INFINITY,
    };
    const stay = await Promise.race([workRecords(batch.map(toRecord), run), death]);
    if (stay === "dead") {
      // The worst there is: it takes all the time it has, and then ends without an answer.
      this.now = Math.max(this.now, startedAt + this.#declared.timeout * 1000);
      // What the process remembered is gone with it.
      this.#queue = { ...this.#queue, attempts: this.#begin() };
      return;
    }
    const kept = new Set(stay.map(({ messageId }) => messageId));
    for (const { id } of batch) if (!kept.has(id)) this.#finish(id);
  }

  /** One second for a group of messages, whatever its size. */
  #workload(die: () => void): BatchWork<string> {
    return async (deliveries, ended) => {
      const run = { ids: deliveries.map(({ event }) => event), died: false };
      this.runs.push(run);
      if (run.ids.some((id) => this.isFatal(id))) {
        run.died = true;
        die();
        await new Promise(() => undefined);
      }
      this.now += 1000;
      const work = eachDelivery<string>(async ({ event }) => {
        if (this.fails(event)) throw this.error;
      });
      return work(deliveries, ended);
    };
  }

  #finish(id: string): void {
    if (this.#messages.delete(id) && !this.parked.has(id)) this.done.set(id, this.now);
  }
}

function toRecord({ id, sentAt, receives }: Message): SQSRecord {
  const attributes = { ApproximateReceiveCount: String(receives), SentTimestamp: String(sentAt) };
  return { messageId: id, body: id, receiptHandle: id, attributes } as SQSRecord;
}
