import type { Kernel } from "../kernel/kernel.ts";
import type { Principal } from "../kernel/service.ts";
import { formatTraceHeader, newTraceId, parseTraceHeader } from "../kernel/trace.ts";
import {
  type Condition,
  invocationRecord,
  type LastAnswer,
  sendToDeadLetterQueue,
  sendToDestination,
} from "./destinations.ts";
import { LATEST, type Registry } from "./registry.ts";
import type { InvokeConfig, Target } from "./types.ts";

/** An event in the queue of asynchronous invocations. */
export interface AsyncEvent {
  readonly requestId: string;
  /** The ARN as called. */
  readonly functionArn: string;
  readonly payload: string;
  readonly traceHeader: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** Invocations that reached the function. */
  attempts: number;
  /** Consecutive throttles and service errors. */
  refusals: number;
  executedVersion: string;
}

const MINUTE = 60_000;
const MAX_REFUSAL_DELAY = 5 * MINUTE;
const DEFAULTS: InvokeConfig = { maximumRetryAttempts: 2, maximumEventAge: 21_600 };

/**
 * Runs events that nobody waits for: two retries after function errors, back-off while throttled, then a destination
 * or the dead-letter queue. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export class AsyncQueue {
  readonly #kernel: Kernel;
  readonly #registry: Registry;
  readonly #events = new Map<string, AsyncEvent>();
  readonly #timers = new Map<string, () => void>();
  #started = false;

  constructor(kernel: Kernel, registry: Registry) {
    this.#kernel = kernel;
    this.#registry = registry;
  }

  /** Takes an event; it runs at once, or as soon as the twin has started. */
  accept(target: Target, payload: string, requestId: string, traceHeader: string | undefined): void {
    const now = this.#kernel.clock.now();
    const event: AsyncEvent = {
      requestId,
      functionArn: target.arn,
      payload,
      traceHeader: formatTraceHeader(parseTraceHeader(traceHeader) ?? { root: newTraceId(now) }),
      receivedAt: now,
      attempts: 0,
      refusals: 0,
      executedVersion: LATEST,
    };
    this.#events.set(requestId, event);
    this.#schedule(event, 0);
  }

  snapshot(): readonly AsyncEvent[] {
    return [...this.#events.values()];
  }

  restore(events: readonly AsyncEvent[]): void {
    for (const event of events) this.#events.set(event.requestId, { ...event });
  }

  start(): void {
    this.#started = true;
    for (const event of this.#events.values()) this.#schedule(event, 0);
  }

  /** Events not finished yet stay in the snapshot. */
  stop(): void {
    this.#started = false;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #schedule(event: AsyncEvent, delayMs: number): void {
    if (!this.#started || this.#timers.has(event.requestId)) return;
    const run = () => {
      this.#timers.delete(event.requestId);
      void this.#attempt(event);
    };
    this.#timers.set(event.requestId, this.#kernel.clock.after(delayMs, run));
  }

  async #attempt(event: AsyncEvent): Promise<void> {
    const target = this.#resolve(event);
    if (!target) return;
    if (target.record.reservedConcurrency === 0) return this.#end(event, target, "ZeroReservedConcurrency");
    const { maximumEventAge, maximumRetryAttempts } = configOf(target);
    if (this.#age(event) > maximumEventAge * 1000) return this.#end(event, target, "EventAgeExceeded");
    const answer = await this.#invoke(event);
    if (!this.#started) return;
    if (answer === "refused") return this.#backOff(event, target, maximumEventAge);
    if (!answer.failed) return this.#end(event, target, "Success", answer);
    if (event.attempts > maximumRetryAttempts) return this.#end(event, target, "RetriesExhausted", answer);
    const delay = event.attempts * MINUTE;
    if (this.#age(event) + delay > maximumEventAge * 1000) return this.#end(event, target, "EventAgeExceeded", answer);
    this.#schedule(event, delay);
  }

  /** A function that is gone takes its events with it. */
  #resolve(event: AsyncEvent): Target | undefined {
    try {
      return this.#registry.resolve(event.functionArn);
    } catch {
      this.#events.delete(event.requestId);
      return undefined;
    }
  }

  async #invoke(event: AsyncEvent): Promise<LastAnswer | "refused"> {
    const principal: Principal = {
      kind: "service",
      service: "lambda.amazonaws.com",
      arn: "lambda.amazonaws.com",
      sourceArn: event.functionArn,
    };
    const context = { principal, requestId: event.requestId, traceHeader: event.traceHeader };
    try {
      const input = { FunctionName: event.functionArn, Payload: event.payload };
      const output = await this.#kernel.call("lambda", "Invoke", input, context);
      event.attempts += 1;
      event.refusals = 0;
      event.executedVersion = output.ExecutedVersion;
      return { payload: output.Payload, failed: output.FunctionError !== undefined };
    } catch {
      // Throttles and service errors; the refused call stands in the activity.
      event.refusals += 1;
      return "refused";
    }
  }

  /** From one second to five minutes, doubling, until the event is too old. */
  async #backOff(event: AsyncEvent, target: Target, maximumEventAge: number): Promise<void> {
    const delay = Math.min(1000 * 2 ** (event.refusals - 1), MAX_REFUSAL_DELAY);
    if (this.#age(event) + delay > maximumEventAge * 1000) return this.#end(event, target, "EventAgeExceeded");
    this.#schedule(event, delay);
  }

  #age(event: AsyncEvent): number {
    return this.#kernel.clock.elapsed(event.receivedAt);
  }

  async #end(event: AsyncEvent, target: Target, condition: Condition, answer?: LastAnswer): Promise<void> {
    this.#events.delete(event.requestId);
    const { onSuccess, onFailure } = configOf(target);
    const destination = condition === "Success" ? onSuccess : onFailure;
    const { version } = target;
    try {
      if (destination) {
        const record = invocationRecord(event, condition, answer, this.#kernel.clock.now());
        await sendToDestination(this.#kernel, version, destination, event, record);
      }
      if (condition !== "Success" && version.deadLetterArn)
        await sendToDeadLetterQueue(this.#kernel, version, version.deadLetterArn, event, messageOf(answer));
    } catch {
      // Lambda drops the event then and counts DestinationDeliveryFailures; the refused call stands in the activity.
    }
  }
}

function configOf({ record, qualifier }: Target): InvokeConfig {
  return record.invokeConfigs.get(qualifier ?? LATEST) ?? DEFAULTS;
}

function messageOf(answer: LastAnswer | undefined): string {
  return answer ? String(JSON.parse(answer.payload)?.errorMessage ?? "") : "Rate Exceeded.";
}
