import { randomUUID } from "node:crypto";
import type { Kernel } from "../kernel/kernel.ts";
import { classify, type DeliveryFailure } from "./failures.ts";
import { targetInput } from "./input.ts";
import type { Arrival, Target } from "./model.ts";
import { handOver, queueUrl, rulePrincipal } from "./targets.ts";

/** One event for one target. */
export interface Parcel {
  readonly rule: { readonly arn: string; readonly name: string };
  readonly target: Target;
  readonly arrival: Arrival;
}

/** A parcel that has not arrived yet. */
interface Pending extends Parcel {
  readonly id: string;
  /** When the first attempt was due, real milliseconds since the epoch; the event's age counts from here. */
  readonly since: number;
  retries: number;
  failure?: DeliveryFailure;
}

export type DeliveryState = readonly Pending[];

type Limit = "MaximumRetryAttempts" | "MaximumEventAgeInSeconds";

const DEFAULT_RETRIES = 185;
const DEFAULT_AGE_SECONDS = 86_400;
const FIRST_RETRY_MS = 1000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * Delivers events at least once: tries again after throttling and server errors, within the target's retry policy, and
 * then hands the event to the target's dead-letter queue, or drops it where anyone who watches the kernel can see it.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export class Delivery {
  readonly #kernel: Kernel;
  readonly #pending = new Map<string, Pending>();
  readonly #timers = new Map<string, () => void>();
  readonly #running = new Set<Promise<void>>();
  readonly #restored: string[] = [];
  #stopped = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Takes a parcel; the first attempt comes after the caller has returned. */
  enqueue(parcel: Parcel): void {
    const pending = { ...parcel, id: randomUUID(), since: this.#kernel.clock.now(), retries: 0 };
    this.#pending.set(pending.id, pending);
    this.#schedule(pending, 0);
  }

  /** What has not arrived yet, as JSON. */
  snapshot(): DeliveryState {
    return structuredClone([...this.#pending.values()]);
  }

  /** Takes back what had not arrived; `start` tries it again. */
  restore(state: DeliveryState): void {
    for (const pending of structuredClone(state)) {
      this.#pending.set(pending.id, pending);
      this.#restored.push(pending.id);
    }
  }

  start(): void {
    for (const id of this.#restored.splice(0)) {
      const pending = this.#pending.get(id);
      if (pending) this.#schedule(pending, 0);
    }
  }

  /** Cancels every timer and waits for the attempts under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    await Promise.allSettled(this.#running);
  }

  #schedule(pending: Pending, ms: number): void {
    if (this.#stopped) return;
    const cancel = this.#kernel.clock.after(ms, () => {
      this.#timers.delete(pending.id);
      const attempt = this.#attempt(pending).finally(() => this.#running.delete(attempt));
      this.#running.add(attempt);
    });
    this.#timers.set(pending.id, cancel);
  }

  async #attempt(pending: Pending): Promise<void> {
    if (pending.failure && this.#remainingMs(pending) <= 0) {
      await this.#giveUp(pending, pending.failure, "MaximumEventAgeInSeconds");
      return;
    }
    const { rule, target, arrival } = pending;
    if (pending.failure) pending.retries += 1;
    try {
      const facts = { ruleArn: rule.arn, ruleName: rule.name, ingestedAt: arrival.ingestedAt };
      const input = targetInput(target, arrival.event, facts);
      await handOver(this.#kernel, { target, ruleArn: rule.arn, input, arrival });
      this.#pending.delete(pending.id);
      this.#measure(pending, { Invocations: 1 });
    } catch (error) {
      await this.#failed(pending, classify(error));
    }
  }

  async #failed(pending: Pending, failure: DeliveryFailure): Promise<void> {
    pending.failure = failure;
    if (!failure.retryable) await this.#giveUp(pending, failure);
    else if (pending.retries >= (pending.target.RetryPolicy?.MaximumRetryAttempts ?? DEFAULT_RETRIES))
      await this.#giveUp(pending, failure, "MaximumRetryAttempts");
    else if (this.#remainingMs(pending) <= 0) await this.#giveUp(pending, failure, "MaximumEventAgeInSeconds");
    else this.#schedule(pending, Math.min(backOff(pending.retries), this.#remainingMs(pending)));
  }

  #remainingMs({ target, since }: Pending): number {
    const limit = target.RetryPolicy?.MaximumEventAgeInSeconds ?? DEFAULT_AGE_SECONDS;
    return limit * 1000 - this.#kernel.clock.elapsed(since);
  }

  async #giveUp(pending: Pending, failure: DeliveryFailure, limit?: Limit): Promise<void> {
    const { target, rule, arrival } = pending;
    const queueArn = target.DeadLetterConfig?.Arn;
    const { traceHeader } = arrival;
    try {
      if (!queueArn) throw new Error("the target has no dead-letter queue");
      await this.#kernel.call("sqs", "SendMessage", deadLetter(queueArn, pending, failure, limit), {
        principal: rulePrincipal(rule.arn),
        ...(traceHeader ? { traceHeader } : {}),
      });
      this.#measure(pending, { FailedInvocations: 1, InvocationsSentToDlq: 1 });
    } catch (cause) {
      this.#measure(pending, { FailedInvocations: 1, ...(queueArn ? { InvocationsFailedToBeSentToDlq: 1 } : {}) });
      this.#reportDrop(pending, `${failure.code}: ${failure.message} (${(cause as Error).message})`);
    }
    this.#pending.delete(pending.id);
  }

  /** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html */
  #measure({ rule }: Pending, values: Readonly<Record<string, number>>): void {
    this.#kernel.measure("AWS/Events", { RuleName: rule.name }, values);
  }

  /** AWS counts a dropped event in a metric only; here it is seen by everyone who watches the kernel. */
  #reportDrop({ rule, target, arrival }: Pending, reason: string): void {
    this.#kernel.emit("activity", {
      at: this.#kernel.clock.now(),
      ms: 0,
      service: "events",
      operation: "DropEvent",
      principal: rulePrincipal(rule.arn),
      resource: rule.arn,
      ...(arrival.traceHeader ? { traceHeader: arrival.traceHeader } : {}),
      error: `Event ${arrival.event.id} (${arrival.event["detail-type"]}) did not reach ${target.Arn}: ${reason}`,
    });
  }
}

/**
 * Pause before the next retry, milliseconds: doubling up to ten minutes, half of it random. AWS publishes no intervals;
 * these spread 185 retries over about 23 hours.
 */
function backOff(retries: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_RETRY_MS * 2 ** retries);
  return longest * (0.5 + Math.random() / 2);
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
function deadLetter(
  queueArn: string,
  { rule, target, arrival, retries }: Pending,
  failure: DeliveryFailure,
  limit?: Limit,
) {
  const texts: Record<string, string> = {
    RULE_ARN: rule.arn,
    TARGET_ARN: target.Arn,
    ERROR_CODE: failure.code,
    ERROR_MESSAGE: failure.message || failure.code,
    RETRY_ATTEMPTS: String(retries),
    ...(limit ? { EXHAUSTED_RETRY_CONDITION: limit } : {}),
  };
  const attributes = Object.entries(texts).map(([name, text]) => [name, { DataType: "String", StringValue: text }]);
  return {
    QueueUrl: queueUrl(queueArn),
    MessageBody: JSON.stringify(arrival.event),
    MessageAttributes: Object.fromEntries(attributes),
  };
}
