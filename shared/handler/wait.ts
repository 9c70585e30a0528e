import { MetricUnit } from "@aws-lambda-powertools/metrics";
import type { SQSRecord } from "aws-lambda";
import { isAwaitingTarget, RateLimitedError } from "../errors.ts";
import { metrics } from "../observability.ts";

/**
 * Publishes how long a message that is tried again has waited (`OldestRetriedSeconds`), because SQS leaves out of the
 * queue's age what was received more than three times. Waiting for a target is told by the target's own alarms.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
 * @param now epoch milliseconds
 */
export function measureWait({ attributes }: SQSRecord, error: unknown, now: number): void {
  const sentAt = Number(attributes.SentTimestamp);
  if (!Number.isFinite(sentAt) || error instanceof RateLimitedError || isAwaitingTarget(error)) return;
  metrics.addMetric("OldestRetriedSeconds", MetricUnit.Seconds, Math.max(0, Math.floor((now - sentAt) / 1000)));
}
