import { AwsError } from "../../kernel/errors.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { Principal } from "../../kernel/service.ts";
import { Batch } from "./batch.ts";
import { compileFilter, type Filter } from "./filter.ts";
import { type Mapping, mappingArn } from "./mapping.ts";
import type { SourceQueue } from "./queue.ts";
import type { SqsRecord } from "./record.ts";
import { failedItems } from "./response.ts";

/** Concurrent batches that a mapping starts with. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const DEFAULT_CONCURRENCY = 5;
const FIRST_BACK_OFF_MS = 1000;
const LONGEST_BACK_OFF_MS = 60_000;

/** Errors after which polling on would not help: the permission or the queue is missing. */
const FINAL = new Set(["AccessDenied", "AccessDeniedException", "QueueDoesNotExist", "UnknownService"]);

/**
 * Reads one queue and invokes one function with batches, as the Lambda service does it. One reader gathers a batch at
 * a time while earlier batches are in flight; at the concurrency limit it stops reading, so that waiting messages keep
 * their receive count. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export class Poller {
  readonly #kernel: Kernel;
  readonly #mapping: Mapping;
  readonly #queue: SourceQueue;
  readonly #filters: readonly Filter[];
  readonly #principal: Principal;
  readonly #stop = new AbortController();
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  readonly #inFlight = new Set<Promise<void>>();
  /** Received, but beyond what the last batch could hold. */
  readonly #carried: SqsRecord[] = [];
  #visibilityMs = 0;
  #delivers = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(kernel: Kernel, mapping: Mapping, queue: SourceQueue) {
    this.#kernel = kernel;
    this.#mapping = mapping;
    this.#queue = queue;
    this.#filters = mapping.config.filters.map(compileFilter);
    const service = "lambda.amazonaws.com";
    this.#principal = { kind: "service", service, arn: service, sourceArn: mappingArn(mapping.config.uuid) };
  }

  start(): void {
    this.#reading = this.#read();
  }

  /**
   * Ends long polls and back-offs at once; resolves when nothing is read any more.
   * @param delivers what was received is still delivered, instead of lying hidden until its visibility timeout
   */
  async stop(delivers = false): Promise<void> {
    this.#delivers = delivers;
    this.#stop.abort(new Error("The event source mapping stops."));
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { signal } = this.#stop;
    let backOff = FIRST_BACK_OFF_MS;
    while (!signal.aborted) {
      try {
        this.#visibilityMs ||= (await this.#queue.visibilityTimeout()) * 1000;
        while (this.#inFlight.size >= this.#limit && !signal.aborted)
          await Promise.race([...this.#inFlight, this.#stopped]);
        const records = await this.#gather();
        backOff = FIRST_BACK_OFF_MS;
        if (records.length > 0 && (!signal.aborted || this.#delivers)) this.#dispatch(records);
      } catch (error) {
        if (signal.aborted || this.#disableAfter(error)) return;
        await this.#kernel.clock.sleep(backOff, signal).catch(() => undefined);
        backOff = Math.min(backOff * 2, LONGEST_BACK_OFF_MS);
      }
    }
    while (this.#delivers && this.#carried.length > 0) this.#dispatch(await this.#gather());
  }

  get #limit(): number {
    return this.#mapping.config.maximumConcurrency ?? DEFAULT_CONCURRENCY;
  }

  /** One batch: full, at the 6 MB limit, or as old as the batching window. */
  async #gather(): Promise<readonly SqsRecord[]> {
    const { batchSize, window } = this.#mapping.config;
    const batch = new Batch(batchSize);
    const over = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, over.signal]);
    let cancel: (() => void) | undefined;
    try {
      for (;;) {
        while (this.#carried[0] && batch.add(this.#carried[0])) this.#carried.shift();
        const complete = batch.room === 0 || this.#carried.length > 0 || (batch.records.length > 0 && window === 0);
        if (complete || signal.aborted) return batch.records;
        if (batch.records.length > 0) cancel ??= this.#kernel.clock.after(window * 1000, () => over.abort());
        this.#carried.push(...(await this.#receive(batch.room, signal)));
      }
    } finally {
      cancel?.();
    }
  }

  /** Messages that no filter lets through are deleted. */
  async #receive(max: number, signal: AbortSignal): Promise<SqsRecord[]> {
    const records = await this.#queue.receive(max, signal);
    if (this.#filters.length === 0 || records.length === 0) return records;
    const wanted = new Set(records.filter((record) => this.#filters.some((filter) => filter(record))));
    await this.#queue.delete(records.filter((record) => !wanted.has(record)));
    return [...wanted];
  }

  #dispatch(records: readonly SqsRecord[]): void {
    const work = this.#deliver(records)
      .catch((error: unknown) => void this.#disableAfter(error))
      .finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  async #deliver(records: readonly SqsRecord[]): Promise<void> {
    const output = await this.#invoke(records);
    const succeeded = output ? this.#succeeded(records, output) : [];
    this.#mapping.lastResult = succeeded.length > 0 ? "OK" : "PROBLEM: Function call failed";
    await this.#queue.delete(succeeded);
  }

  /** Refusals are retried until the messages would be visible again; `undefined` when none got through. */
  async #invoke(records: readonly SqsRecord[]): Promise<InvokeOutput | undefined> {
    const { clock } = this.#kernel;
    const since = clock.now();
    const input = { FunctionName: this.#mapping.config.functionArn, Payload: JSON.stringify({ Records: records }) };
    for (let delay = FIRST_BACK_OFF_MS; ; delay = Math.min(delay * 2, LONGEST_BACK_OFF_MS)) {
      try {
        return await this.#work(records, () =>
          this.#kernel.call<InvokeOutput>("lambda", "Invoke", input, { principal: this.#principal }),
        );
      } catch (error) {
        const retryable = error instanceof AwsError && (error.status === 429 || error.status >= 500);
        if (!retryable || clock.elapsed(since) + delay > this.#visibilityMs) return undefined;
        const stopped = await clock.sleep(delay, this.#stop.signal).catch(() => "stopped");
        if (stopped) return undefined;
      }
    }
  }

  /** Tells the queue how long the function works at the messages. */
  async #work<T>(records: readonly SqsRecord[], invoke: () => Promise<T>): Promise<T> {
    const { queueArn } = this.#mapping.config;
    const messageIds = records.map(({ messageId }) => messageId);
    this.#kernel.emit("working", { queueArn, messageIds, begins: true });
    try {
      return await invoke();
    } finally {
      this.#kernel.emit("working", { queueArn, messageIds, begins: false });
    }
  }

  #succeeded(records: readonly SqsRecord[], output: InvokeOutput): readonly SqsRecord[] {
    if (output.FunctionError) return [];
    if (!this.#mapping.config.reportsItemFailures) return records;
    const ids = records.map((record) => record.messageId);
    const failed = failedItems(output.Payload, ids);
    return records.filter((record) => !failed.has(record.messageId));
  }

  /** Whether the error is final; the mapping is disabled then and says why. */
  #disableAfter(error: unknown): boolean {
    if (!(error instanceof AwsError) || !FINAL.has(error.code)) return false;
    this.#mapping.state = "Disabled";
    this.#mapping.reason = `${error.code}: ${error.message}`;
    this.#stop.abort(error);
    return true;
  }
}

interface InvokeOutput {
  readonly FunctionError?: string;
  readonly Payload: string;
}
