import { MetricUnit } from "@aws-lambda-powertools/metrics";
import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import { z } from "zod";
import { readEnv } from "../env.ts";
import { describeError, isRetryable, RateLimitedError } from "../errors.ts";
import { logFor, logger, metrics } from "../observability.ts";
import { flushSegments } from "../tracing.ts";
import { backOffSeconds } from "./back-off.ts";
import { type Decode, type Delivery, toDelivery } from "./delivery.ts";
import { idsOf } from "./ids.ts";
import { createQueueControl, type QueueControl } from "./queue-control.ts";
import { type LambdaHandler, withStack } from "./stack.ts";
import { measureWait } from "./wait.ts";

/** A delivery that could not be worked, and why. */
export interface Failure {
  readonly record: SQSRecord;
  readonly error: unknown;
}

/** Works a whole batch; answers with what failed. A throw fails every delivery of the batch. */
export type BatchWork<T> = (deliveries: readonly Delivery<T>[]) => Promise<readonly Failure[]>;

const recordSchema = z.looseObject({
  messageId: z.string(),
  body: z.string(),
  attributes: z.looseObject({ ApproximateReceiveCount: z.string() }),
});
const eventSchema = z.looseObject({ Records: z.array(recordSchema) });

/** The queue's name for this consumer's environment; the plugin that declares the queue fills it. */
const environment = {
  QUEUE_URL: z.url(),
  DEAD_LETTER_QUEUE_URL: z.url(),
  MAX_RECEIVES: z.coerce.number().int().min(1),
  VISIBILITY_SECONDS: z.coerce.number().int().min(1),
};

/** A message that the queue shall hand out again, and after how many seconds. */
interface Again {
  readonly record: SQSRecord;
  readonly seconds: number;
}

/**
 * Wraps a batched queue consumer. Every message ends in one of three ways: worked (deleted), to be tried again, or parked
 * with its reason when trying again cannot help or the tries are used up. What is tried again waits as long as the target
 * asked for, otherwise for a time that grows with every try (`backOffSeconds`). A crash, which nobody here sees, waits for
 * the visibility timeout of the queue.
 * @param random 0 to 1; once per batch, so that what failed together is worked together again
 */
export function queueHandler<T>(
  decode: Decode<T>,
  work: BatchWork<T>,
  control?: QueueControl,
  random: () => number = Math.random,
): LambdaHandler<SQSBatchResponse> {
  return withStack(eventSchema, async (event) => {
    const records = event.Records as unknown as SQSRecord[];
    const queue = control ?? createQueueControl(readEnv(environment));
    try {
      const failures = await workBatch(records, decode, work);
      metrics.addMetric("MessagesDone", MetricUnit.Count, records.length - failures.length);
      const chance = random();
      const settled = await Promise.all(failures.map((failure) => settle(queue, failure, chance)));
      const again = settled.filter((one) => one !== undefined);
      await postpone(queue, again);
      return { batchItemFailures: again.map(({ record }) => ({ itemIdentifier: record.messageId })) };
    } finally {
      await flushSegments();
    }
  });
}

/** Adapts a function of one delivery: all of a batch run side by side, each failing alone. */
export function eachDelivery<T>(work: (delivery: Delivery<T>) => Promise<unknown>): BatchWork<T> {
  return async (deliveries) => {
    const results = deliveries.map(async (delivery): Promise<Failure[]> => {
      try {
        await work(delivery);
        return [];
      } catch (error) {
        return [{ record: delivery.record, error }];
      }
    });
    return (await Promise.all(results)).flat();
  };
}

async function workBatch<T>(records: SQSRecord[], decode: Decode<T>, work: BatchWork<T>): Promise<Failure[]> {
  const failures: Failure[] = [];
  const deliveries: Delivery<T>[] = [];
  for (const record of records) {
    try {
      deliveries.push(toDelivery(record, decode(record.body)));
    } catch (error) {
      failures.push({ record, error });
    }
  }
  if (deliveries.length === 0) return failures;
  try {
    return [...failures, ...(await work(deliveries))];
  } catch (error) {
    return [...failures, ...deliveries.map(({ record }) => ({ record, error }))];
  }
}

/** Decides what becomes of a failed message; undefined when it is parked. */
async function settle(queue: QueueControl, { record, error }: Failure, random: number): Promise<Again | undefined> {
  const receives = Number(record.attributes.ApproximateReceiveCount);
  const log = logFor(idsOf(record.body));
  const asked = error instanceof RateLimitedError ? error.retryAfterSeconds : undefined;
  const again = { record, seconds: asked || backOffSeconds(receives, queue.visibilitySeconds, random) };
  const details = { messageId: record.messageId, receives, error: describeError(error) };
  if (isRetryable(error) && receives < queue.maxReceives) {
    log.warn("Message will be tried again", { ...details, seconds: again.seconds });
    metrics.addMetric("MessagesRetried", MetricUnit.Count, 1);
    measureWait(record, error, Date.now());
    return again;
  }
  try {
    await queue.park(record, error);
    log.error("Message parked", details);
    metrics.addMetric("MessagesParked", MetricUnit.Count, 1);
    return undefined;
  } catch (parkError) {
    log.error("Message could not be parked and stays on its queue", {
      ...details,
      parkError: describeError(parkError),
    });
    return again;
  }
}

/** Hides messages for the times they shall wait; when that fails they wait for the visibility timeout. */
async function postpone(queue: QueueControl, again: readonly Again[]): Promise<void> {
  const bySeconds = Map.groupBy(again, ({ seconds }) => seconds);
  const works = [...bySeconds].map(async ([seconds, some]) => {
    const records = some.map(({ record }) => record);
    await queue.postpone(records, seconds).catch((error) => {
      logger.warn("Messages wait for the visibility timeout", { count: records.length, error: describeError(error) });
    });
  });
  await Promise.all(works);
}
