import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import { z } from "zod";
import { readEnv } from "../env.ts";
import { lazy } from "../lazy.ts";
import { createStateTable } from "../state-table.ts";
import { flushSegments } from "../tracing.ts";
import { createAttempts } from "./attempts.ts";
import type { BatchWork } from "./batch.ts";
import type { Decode } from "./delivery.ts";
import { createQueueControl, type QueueControl } from "./queue-control.ts";
import { type LambdaHandler, withStack } from "./stack.ts";
import { workRecords } from "./work-records.ts";

export { type BatchWork, eachDelivery, type Failure } from "./batch.ts";

const recordSchema = z.looseObject({
  messageId: z.string(),
  body: z.string(),
  attributes: z.looseObject({ ApproximateReceiveCount: z.string() }),
});
const eventSchema = z.looseObject({ Records: z.array(recordSchema) });

const seconds = z.coerce.number().int().min(1);
/** The queue's name for this consumer's environment; the plugin that declares the queue fills it. */
const environment = {
  QUEUE_URL: z.url(),
  DEAD_LETTER_QUEUE_URL: z.url(),
  GIVE_UP_AFTER_SECONDS: seconds,
  VISIBILITY_SECONDS: seconds,
  RUN_SECONDS: seconds,
  FLEET_STATE_TABLE: z.string().min(1),
};

const ownQueue = lazy((): QueueControl => {
  const settings = readEnv(environment);
  const queueName = settings.QUEUE_URL.split("/").at(-1) ?? "";
  const attempts = createAttempts(queueName, createStateTable(settings.FLEET_STATE_TABLE), Date.now);
  return createQueueControl(settings, attempts);
});

/**
 * Wraps a batched queue consumer. Every message ends in one of three ways: worked (deleted), to be tried again, or parked
 * with its reason, because trying again cannot help, or because it has failed for longer than the consumer's patience.
 * What is tried again waits as long as the target asked for, otherwise for a time that grows with every try. A hang ends
 * shortly before the function's own time-out; a crash, which nobody here sees, is noticed at the next receipt
 * (`work-records.ts`).
 */
export function queueHandler<T>(
  decode: Decode<T>,
  work: BatchWork<T>,
  control?: QueueControl,
  { random = Math.random, now = Date.now } = {},
): LambdaHandler<SQSBatchResponse> {
  return withStack(eventSchema, async (event, context) => {
    const records = event.Records as unknown as SQSRecord[];
    const queue = control ?? ownQueue();
    // Whoever calls a handler by hand sets no time limit.
    const remainingMs = () => context.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY;
    try {
      const again = await workRecords(records, { decode, work, queue, random: random(), now, remainingMs });
      return { batchItemFailures: again.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    } finally {
      await flushSegments();
    }
  });
}
