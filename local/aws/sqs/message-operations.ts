import type { CallContext, Operation } from "../kernel/service.ts";
import { MAXIMUM_MESSAGE_BYTES } from "./attributes.ts";
import { runBatch } from "./batch.ts";
import { batchTooLong, invalidValue, missingParameter, receiptHandleIsInvalid } from "./errors.ts";
import { countMessages } from "./measures.ts";
import { messageBytes, newMessage, type SendInput, sendResult } from "./message.ts";
import { messageIdOf, type Queue } from "./queue.ts";
import { type ReceiveInput, receive } from "./receive.ts";
import type { QueueRegistry } from "./registry.ts";

interface OnQueue {
  readonly QueueUrl?: string;
}
interface ReceiptEntry {
  readonly Id?: string;
  readonly ReceiptHandle?: string;
  readonly VisibilityTimeout?: number;
}
interface Batch<Entry> extends OnQueue {
  readonly Entries?: readonly (Entry & { readonly Id?: string })[];
}

const VISIBILITY_LIMIT = 43_200;

/** The operations on messages; batches are authorised by the action of the single call. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html */
export function messageOperations(registry: QueueRegistry): Record<string, Operation> {
  const { kernel } = registry;
  const { clock } = kernel;
  const send = (queue: Queue, input: SendInput, context: CallContext) => {
    const message = newMessage(input, queue.integer("MaximumMessageSize"), context, clock.now());
    queue.add(message, input.DelaySeconds ?? queue.integer("DelaySeconds"));
    countMessages(kernel, queue, "NumberOfMessagesSent");
    return sendResult(message, input);
  };
  const remove = (queue: Queue, { ReceiptHandle }: ReceiptEntry) => {
    queue.remove(messageId(queue, ReceiptHandle));
    countMessages(kernel, queue, "NumberOfMessagesDeleted");
    return {};
  };
  const changeVisibility = (queue: Queue, { ReceiptHandle, VisibilityTimeout }: ReceiptEntry) => {
    const id = messageId(queue, ReceiptHandle);
    if (VisibilityTimeout === undefined) throw missingParameter("VisibilityTimeout");
    if (!Number.isInteger(VisibilityTimeout) || VisibilityTimeout < 0 || VisibilityTimeout > VISIBILITY_LIMIT)
      throw invalidValue(VisibilityTimeout, "VisibilityTimeout", "Must be between 0 and 43200, if provided.");
    const message = queue.find(id);
    if (!message)
      throw invalidValue(
        ReceiptHandle,
        "ReceiptHandle",
        "Message does not exist or is not available for visibility timeout change.",
      );
    const inFlightFor = message.receivedAt === undefined ? 0 : clock.elapsed(message.receivedAt) / 1000;
    if (Math.floor(inFlightFor) + VisibilityTimeout > VISIBILITY_LIMIT)
      throw invalidValue(
        VisibilityTimeout,
        "VisibilityTimeout",
        "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
      );
    queue.changeVisibility(message, VisibilityTimeout);
    return {};
  };
  return {
    SendMessage: registry.operation<OnQueue & SendInput>("SendMessage", send),
    SendMessageBatch: registry.operation<Batch<SendInput>>("SendMessage", (queue, { Entries }, context) => {
      const bytes = (Entries ?? []).reduce((sum, entry) => sum + messageBytes(entry), 0);
      if (bytes > MAXIMUM_MESSAGE_BYTES) throw batchTooLong(MAXIMUM_MESSAGE_BYTES, bytes);
      return runBatch("SendMessageBatch", Entries, (entry) => send(queue, entry, context));
    }),
    ReceiveMessage: registry.operation<ReceiveInput>("ReceiveMessage", (queue, input, context) =>
      receive(registry, queue, input, context),
    ),
    DeleteMessage: registry.operation<OnQueue & ReceiptEntry>("DeleteMessage", remove),
    DeleteMessageBatch: registry.operation<Batch<ReceiptEntry>>("DeleteMessage", (queue, { Entries }) =>
      runBatch("DeleteMessageBatch", Entries, (entry) => remove(queue, entry)),
    ),
    ChangeMessageVisibility: registry.operation<OnQueue & ReceiptEntry>("ChangeMessageVisibility", changeVisibility),
    ChangeMessageVisibilityBatch: registry.operation<Batch<ReceiptEntry>>(
      "ChangeMessageVisibility",
      (queue, { Entries }) =>
        runBatch("ChangeMessageVisibilityBatch", Entries, (entry) => changeVisibility(queue, entry)),
    ),
  };
}

function messageId(queue: Queue, handle: string | undefined): string {
  if (!handle) throw missingParameter("ReceiptHandle");
  const id = messageIdOf(queue, handle);
  if (!id) throw receiptHandleIsInvalid(handle);
  return id;
}
