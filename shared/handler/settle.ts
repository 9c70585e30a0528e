import { MetricUnit } from "@aws-lambda-powertools/metrics";
import type { SQSRecord } from "aws-lambda";
import { describeError } from "../errors.ts";
import type { Failing } from "../failing.ts";
import { logFor, logger, metrics } from "../observability.ts";
import { countDenied } from "../parked-metric.ts";
import { backOffSeconds } from "./back-off.ts";
import type { Failure } from "./batch.ts";
import { idsOf } from "./ids.ts";
import type { QueueControl } from "./queue-control.ts";
import { ageOf, judge } from "./verdict.ts";
import { measureWait } from "./wait.ts";

/** A message that the queue shall hand out again, and after how many seconds. */
interface Again {
  readonly record: SQSRecord;
  readonly seconds: number;
  readonly denied: boolean;
}

/**
 * Decides what becomes of failed messages and sees to it: postponed, or parked with their reason.
 * @param failing since when messages fail, by message id
 * @param random 0 to 1; one for all, so that what failed together is worked together again
 * @param now epoch milliseconds
 * @returns the messages that stay on the queue
 */
export async function settle(
  failures: readonly Failure[],
  failing: ReadonlyMap<string, Failing>,
  queue: QueueControl,
  random: number,
  now: number,
): Promise<SQSRecord[]> {
  const settled = await Promise.all(
    failures.map((failure) => settleOne(queue, failure, failing.get(failure.record.messageId), random, now)),
  );
  const again = settled.filter((one) => one !== undefined);
  const bySeconds = Map.groupBy(again, ({ seconds }) => seconds);
  const waits = [...bySeconds].map(([seconds, some]) => {
    return hide(
      queue,
      some.map(({ record }) => record),
      seconds,
    );
  });
  await Promise.all(waits);
  const denied = again.filter((one) => one.denied).length;
  if (denied > 0) countDenied(denied);
  if (again.length > 0) metrics.addMetric("MessagesRetried", MetricUnit.Count, again.length);
  if (again.length < failures.length)
    metrics.addMetric("MessagesParked", MetricUnit.Count, failures.length - again.length);
  return again.map(({ record }) => record);
}

/** Hides messages for a time; when that fails they wait for the visibility timeout. */
export async function hide(queue: QueueControl, records: readonly SQSRecord[], seconds: number): Promise<void> {
  if (records.length === 0) return;
  await queue.postpone(records, seconds).catch((error) => {
    logger.warn("Messages wait for the visibility timeout", { count: records.length, error: describeError(error) });
  });
}

/** Answers with what shall be handed out again; undefined when it is parked. */
async function settleOne(
  queue: QueueControl,
  { record, error }: Failure,
  failing: Failing | undefined,
  random: number,
  now: number,
): Promise<Again | undefined> {
  const receives = Number(record.attributes.ApproximateReceiveCount);
  const ageSeconds = Math.round(ageOf(record, now));
  const log = logFor(idsOf(record.body));
  const failingSeconds = failing ? Math.round((now - failing.since) / 1000) : 0;
  const details = { messageId: record.messageId, receives, ageSeconds, failingSeconds, error: describeError(error) };
  const verdict = judge(error, { ageSeconds, receives, failingSeconds }, queue.giveUpAfterSeconds, random);
  if (verdict.again) {
    const { seconds, denied } = verdict;
    if (denied) log.error("Message waits for a permission, a key or a setting", { ...details, seconds });
    else log.warn("Message will be tried again", { ...details, seconds });
    measureWait(record, error, now);
    return { record, ...verdict };
  }
  try {
    await queue.park(record, error);
    log.error("Message parked", details);
    return undefined;
  } catch (parkError) {
    log.error("Message could not be parked and stays on its queue", {
      ...details,
      parkError: describeError(parkError),
    });
    return { record, seconds: backOffSeconds(receives, random), denied: false };
  }
}
