import type { CallContext } from "../kernel/service.ts";
import { type MessageAttributes, md5, md5OfAttributes } from "./checksums.ts";
import { invalidValue, overLimit, unknownAttribute } from "./errors.ts";
import { countMessages } from "./measures.ts";
import type { Message } from "./message.ts";
import { type Queue, receiptHandle } from "./queue.ts";
import type { QueueRegistry } from "./registry.ts";

export interface ReceiveInput {
  readonly QueueUrl?: string;
  readonly MaxNumberOfMessages?: number;
  readonly WaitTimeSeconds?: number;
  readonly VisibilityTimeout?: number;
  readonly AttributeNames?: readonly string[];
  readonly MessageSystemAttributeNames?: readonly string[];
  readonly MessageAttributeNames?: readonly string[];
}

const IN_FLIGHT_LIMIT = 120_000;
const SYSTEM_NAMES = new Set([
  "All",
  "AWSTraceHeader",
  "ApproximateFirstReceiveTimestamp",
  "ApproximateReceiveCount",
  "DeadLetterQueueSourceArn",
  "MessageDeduplicationId",
  "MessageGroupId",
  "SenderId",
  "SentTimestamp",
  "SequenceNumber",
]);

/**
 * ReceiveMessage with long polling: an empty queue is waited for, asleep, until a message shows up, the wait is over,
 * the caller goes away, or the twin stops.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 * @throws AwsError `InvalidParameterValueException`, `InvalidAttributeName`, `OverLimit`
 */
export async function receive(registry: QueueRegistry, queue: Queue, input: ReceiveInput, { signal }: CallContext) {
  const max = ranged("MaxNumberOfMessages", input.MaxNumberOfMessages, 1, 10) ?? 1;
  const wait =
    ranged("WaitTimeSeconds", input.WaitTimeSeconds, 0, 20) ?? queue.integer("ReceiveMessageWaitTimeSeconds");
  const visibilityTimeout =
    ranged("VisibilityTimeout", input.VisibilityTimeout, 0, 43_200) ?? queue.integer("VisibilityTimeout");
  const systemNames = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])];
  for (const name of systemNames) if (!SYSTEM_NAMES.has(name)) throw unknownAttribute(name);
  const { clock } = registry.kernel;
  const since = clock.now();
  for (;;) {
    if (signal?.aborted) return {};
    if (queue.hidden >= IN_FLIGHT_LIMIT && queue.counts().inFlight >= IN_FLIGHT_LIMIT) throw overLimit();
    const messages = queue.take({
      max,
      visibilityTimeout,
      moveToDeadLetter: (message, { deadLetterTargetArn }) =>
        moveToDeadLetter(registry, queue, message, deadLetterTargetArn),
    });
    if (messages.length > 0) {
      countMessages(registry.kernel, queue, "NumberOfMessagesReceived", messages.length);
      return {
        Messages: messages.map((message) => written(queue, message, systemNames, input.MessageAttributeNames ?? [])),
      };
    }
    const remaining = wait * 1000 - clock.elapsed(since);
    if (remaining <= 0 || !(await queue.waitForMessage(remaining, signal))) return {};
  }
}

/** Hands a message on as it is; without its dead-letter queue (deleted since) it stays where it was. */
function moveToDeadLetter(registry: QueueRegistry, source: Queue, message: Message, targetArn: string): boolean {
  const target = registry.byArn(targetArn);
  if (!target) return false;
  message.deadLetterSource = source.arn;
  target.add(message);
  return true;
}

function ranged(name: string, value: number | undefined, low: number, high: number): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value >= low && value <= high))
    throw invalidValue(value, name, `Must be between ${low} and ${high}, if provided.`);
  return value;
}

function written(queue: Queue, message: Message, systemNames: readonly string[], attributeNames: readonly string[]) {
  const system = Object.entries(systemAttributes(message)).filter(
    ([name, value]) => value !== undefined && (systemNames.includes("All") || systemNames.includes(name)),
  );
  const attributes = selected(message.attributes, attributeNames);
  const digest = md5OfAttributes(attributes);
  return {
    MessageId: message.id,
    ReceiptHandle: receiptHandle(queue, message),
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(system.length > 0 ? { Attributes: Object.fromEntries(system) } : {}),
    ...(digest ? { MessageAttributes: attributes, MD5OfMessageAttributes: digest } : {}),
  };
}

function systemAttributes(message: Message): Record<string, string | undefined> {
  return {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    AWSTraceHeader: message.traceHeader,
    DeadLetterQueueSourceArn: message.deadLetterSource,
    MessageGroupId: message.groupId,
  };
}

/** The attributes asked for: by name, by prefix (`foo.*`), or all of them (`All`, `.*`). */
function selected(attributes: MessageAttributes, names: readonly string[]): MessageAttributes {
  const wanted = (name: string) =>
    names.some((asked) =>
      asked === "All" || asked === ".*"
        ? true
        : asked.endsWith(".*")
          ? name.startsWith(asked.slice(0, -1))
          : asked === name,
    );
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => wanted(name)));
}
