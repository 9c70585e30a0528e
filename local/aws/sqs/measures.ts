import type { Kernel } from "../kernel/kernel.ts";
import type { Measurement } from "../kernel/service.ts";
import type { Queue } from "./queue.ts";

const NAMESPACE = "AWS/SQS";

/**
 * What SQS tells of a queue every minute. The age is there only while a message waits.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
 */
export function gaugesOf(queue: Queue): Measurement {
  const { visible, inFlight, delayed } = queue.counts();
  const oldest = queue.oldestAgeSeconds();
  return {
    namespace: NAMESPACE,
    dimensions: { QueueName: queue.name },
    values: {
      ApproximateNumberOfMessagesVisible: visible,
      ApproximateNumberOfMessagesNotVisible: inFlight,
      ApproximateNumberOfMessagesDelayed: delayed,
      ...(oldest === undefined ? {} : { ApproximateAgeOfOldestMessage: oldest }),
    },
  };
}

/** Counts messages that somebody sent, received or deleted. */
export function countMessages(
  kernel: Kernel,
  queue: Queue,
  metric: "NumberOfMessagesSent" | "NumberOfMessagesReceived" | "NumberOfMessagesDeleted",
  count = 1,
): void {
  kernel.measure(NAMESPACE, { QueueName: queue.name }, { [metric]: count });
}
