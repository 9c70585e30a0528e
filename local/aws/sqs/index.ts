import type { Kernel } from "../kernel/kernel.ts";
import type { Service } from "../kernel/service.ts";
import { gaugesOf } from "./measures.ts";
import { messageOperations } from "./message-operations.ts";
import { MoveTasks } from "./move-tasks.ts";
import type { QueueState } from "./queue.ts";
import { queueOperations } from "./queue-operations.ts";
import { QueueRegistry } from "./registry.ts";
import { queueResources } from "./resources.ts";

interface SqsState {
  readonly queues: readonly QueueState[];
}

/**
 * SQS with standard queues. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
 *
 * Visibility timeouts, delays, retention and long polls run on the kernel's clock. A snapshot holds every queue with
 * its messages; those in flight are visible again after `restore`.
 */
export function createSqs(kernel: Kernel): Service {
  const registry = new QueueRegistry(kernel);
  const moveTasks = new MoveTasks(registry);
  kernel.on("working", ({ queueArn, messageIds, begins }) => registry.byArn(queueArn)?.work(messageIds, begins));
  return {
    name: "sqs",
    wire: { kind: "json", version: "1.0", targetPrefix: "AmazonSQS." },
    operations: { ...queueOperations(registry), ...messageOperations(registry), ...moveTasks.operations() },
    resources: queueResources(registry),
    gauges: () => registry.all().map(gaugesOf),
    snapshot: (): SqsState => ({ queues: registry.snapshot() }),
    restore: (state) => registry.restore((state as SqsState).queues),
    stop: () => {
      moveTasks.stop();
      registry.stop();
    },
  };
}
