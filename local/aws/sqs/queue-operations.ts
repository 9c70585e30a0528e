import { arn } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { Operation } from "../kernel/service.ts";
import { READABLE } from "./attributes.ts";
import { missingParameter, purgeInProgress, queueDoesNotExist, unknownAttribute } from "./errors.ts";
import type { Queue } from "./queue.ts";
import type { QueueRegistry } from "./registry.ts";

const PURGE_PAUSE_MS = 60_000;

/** The operations on queues themselves. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html */
export function queueOperations(registry: QueueRegistry): Record<string, Operation> {
  const { clock } = registry.kernel;
  return {
    CreateQueue: {
      access: ({ QueueName }) => [{ action: "sqs:CreateQueue", resource: arn("sqs", String(QueueName)) }],
      run: ({ QueueName, Attributes, tags }) => ({
        QueueUrl: registry.url(registry.create(QueueName, Attributes ?? {}, tags ?? {})),
      }),
    },
    GetQueueUrl: {
      access: ({ QueueName }) => [registry.access("GetQueueUrl", named(registry, QueueName))],
      run: ({ QueueName }) => ({ QueueUrl: registry.url(named(registry, QueueName)) }),
    },
    ListQueues: {
      access: () => [{ action: "sqs:ListQueues", resource: "*" }],
      run: ({ QueueNamePrefix = "", MaxResults, NextToken }) => {
        const matching = registry.all().filter(({ name }) => name.startsWith(QueueNamePrefix));
        return listing("QueueUrls", registry, matching, MaxResults ?? 1000, NextToken);
      },
    },
    ListDeadLetterSourceQueues: registry.operation<{ QueueUrl?: string; MaxResults?: number; NextToken?: string }>(
      "ListDeadLetterSourceQueues",
      (queue, { MaxResults, NextToken }) =>
        listing("queueUrls", registry, registry.sourcesOf(queue), MaxResults ?? 1000, NextToken, true),
    ),
    GetQueueAttributes: registry.operation<{ QueueUrl?: string; AttributeNames?: string[] }>(
      "GetQueueAttributes",
      (queue, { AttributeNames = [] }) => readAttributes(queue, AttributeNames),
    ),
    SetQueueAttributes: registry.operation<{ QueueUrl?: string; Attributes?: Record<string, string> }>(
      "SetQueueAttributes",
      (queue, { Attributes }) => {
        if (!Attributes) throw missingParameter("Attributes");
        registry.setAttributes(queue, Attributes);
        return {};
      },
    ),
    PurgeQueue: registry.operation("PurgeQueue", (queue) => {
      if (queue.purgedAt !== undefined && clock.elapsed(queue.purgedAt) < PURGE_PAUSE_MS)
        throw purgeInProgress(queue.name);
      queue.purgedAt = clock.now();
      queue.purge();
      return {};
    }),
    DeleteQueue: registry.operation("DeleteQueue", (queue) => {
      registry.delete(queue);
      return {};
    }),
  };
}

function named(registry: QueueRegistry, name: string | undefined): Queue {
  if (!name) throw missingParameter("QueueName");
  const queue = registry.byName(name);
  if (!queue) throw queueDoesNotExist();
  return queue;
}

function listing(
  member: string,
  registry: QueueRegistry,
  queues: readonly Queue[],
  limit: number,
  token: string | undefined,
  alwaysPresent = false,
) {
  const { items, nextToken } = page(queues, limit, token);
  return {
    ...(items.length > 0 || alwaysPresent ? { [member]: items.map((queue) => registry.url(queue)) } : {}),
    ...(nextToken ? { NextToken: nextToken } : {}),
  };
}

function readAttributes(queue: Queue, names: readonly string[]) {
  for (const name of names) if (name !== "All" && !READABLE.has(name)) throw unknownAttribute(name);
  const { visible, inFlight, delayed } = queue.counts();
  const values = new Map([
    ...queue.attributes,
    ["QueueArn", queue.arn],
    ["CreatedTimestamp", String(Math.floor(queue.createdAt / 1000))],
    ["LastModifiedTimestamp", String(Math.floor(queue.modifiedAt / 1000))],
    ["ApproximateNumberOfMessages", String(visible)],
    ["ApproximateNumberOfMessagesNotVisible", String(inFlight)],
    ["ApproximateNumberOfMessagesDelayed", String(delayed)],
  ]);
  const wanted = [...values].filter(([name]) => names.includes("All") || names.includes(name));
  return wanted.length > 0 ? { Attributes: Object.fromEntries(wanted) } : {};
}
