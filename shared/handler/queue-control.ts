import { ChangeMessageVisibilityCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { awsClient } from "../aws.ts";
import { describeError } from "../errors.ts";

/** What a consumer may do to its own queue beyond answering for a batch. */
export interface QueueControl {
  /** How often a message may be handed out before it is given up. */
  readonly maxReceives: number;
  /** Moves a message to the dead-letter queue together with its reason, from where it is parked. */
  park(record: SQSRecord, error: unknown): Promise<void>;
  /** Hides a message for as long as the target asked for. */
  postpone(record: SQSRecord, seconds: number): Promise<void>;
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
const MAX_VISIBILITY_SECONDS = 43_200;
const MAX_REASON_LENGTH = 4_096;

/** Controls one SQS queue and its dead-letter queue. The reason travels in the attributes EventBridge uses for the same purpose. */
export function createQueueControl(
  settings: { QUEUE_URL: string; DEAD_LETTER_QUEUE_URL: string; MAX_RECEIVES: number },
  client = awsClient(new SQSClient({})),
): QueueControl {
  return {
    maxReceives: settings.MAX_RECEIVES,
    async park(record, error) {
      const { name, message } = describeError(error);
      const text = (value: string) => ({ DataType: "String", StringValue: value.slice(0, MAX_REASON_LENGTH) });
      const header = record.attributes.AWSTraceHeader;
      await client.send(
        new SendMessageCommand({
          QueueUrl: settings.DEAD_LETTER_QUEUE_URL,
          MessageBody: record.body,
          MessageAttributes: {
            ERROR_CODE: text(name),
            ERROR_MESSAGE: text(message || name),
            RECEIVE_COUNT: text(record.attributes.ApproximateReceiveCount),
          },
          ...(header
            ? { MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: header } } }
            : {}),
        }),
      );
    },
    async postpone(record, seconds) {
      await client.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: settings.QUEUE_URL,
          ReceiptHandle: record.receiptHandle,
          VisibilityTimeout: Math.min(MAX_VISIBILITY_SECONDS, Math.ceil(seconds)),
        }),
      );
    },
  };
}

/** For the consumer behind the dead-letter queues, which has nowhere else to put a message: it stays until it is kept. */
export const onlyRetry: QueueControl = {
  maxReceives: Number.POSITIVE_INFINITY,
  park: (_record, error) => Promise.reject(error),
  postpone: () => Promise.resolve(),
};
