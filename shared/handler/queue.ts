import { MetricUnit } from "@aws-lambda-powertools/metrics";
import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import { z } from "zod";
import { readEnv } from "../env.ts";
import { describeError, isRetryable, RateLimitedError } from "../errors.ts";
import { logFor, metrics } from "../observability.ts";
import { flushSegments } from "../tracing.ts";
import { type Decode, type Delivery, toDelivery } from "./delivery.ts";
import { idsOf } from "./ids.ts";
import { createQueueControl, type QueueControl } from "./queue-control.ts";
import { type LambdaHandler, withStack } from "./stack.ts";

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
};

/**
 * Wraps a batched queue consumer. Every message ends in one of three ways: worked (deleted), to be tried again (reported
 * as failed, later when the target named a time), or parked with its reason when trying again cannot help or the tries
 * are used up.
 */
export function queueHandler<T>(
  decode: Decode<T>,
  work: BatchWork<T>,
  control?: QueueControl,
): LambdaHandler<SQSBatchResponse> {
  return withStack(eventSchema, async (event) => {
    const records = event.Records as unknown as SQSRecord[];
    const queue = control ?? createQueueControl(readEnv(environment));
    try {
      const failures = await workBatch(records, decode, work);
      metrics.addMetric("MessagesDone", MetricUnit.Count, records.length - failures.length);
      const again = await Promise.all(failures.map((failure) => settle(queue, failure)));
      return { batchItemFailures: again.flatMap((id) => (id ? [{ itemIdentifier: id }] : [])) };
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

/** Decides what becomes of a failed message; its id when the queue shall hand it out again. */
async function settle(queue: QueueControl, { record, error }: Failure): Promise<string | undefined> {
  const receives = Number(record.attributes.ApproximateReceiveCount);
  const log = logFor(idsOf(record.body));
  const details = { messageId: record.messageId, receives, error: describeError(error) };
  if (isRetryable(error) && receives < queue.maxReceives) {
    log.warn("Message will be tried again", details);
    metrics.addMetric("MessagesRetried", MetricUnit.Count, 1);
    if (error instanceof RateLimitedError && error.retryAfterSeconds)
      await queue.postpone(record, error.retryAfterSeconds).catch(() => undefined);
    return record.messageId;
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
    return record.messageId;
  }
}
