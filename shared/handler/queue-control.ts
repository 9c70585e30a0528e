import { ChangeMessageVisibilityBatchCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { awsClient } from "../aws.ts";
import { chunks } from "../chunks.ts";
import { describeError, FleetError, TransientError } from "../errors.ts";
import { PARKED_ID } from "../parked/work.ts";

/** What a consumer may do to its own queue beyond answering for a batch. */
export interface QueueControl {
  /** How often a message may be handed out before it is given up. */
  readonly maxReceives: number;
  /** How long a message stays hidden when nothing else is said. */
  readonly visibilitySeconds: number;
  /** Moves a message to the dead-letter queue together with its reason, from where it is parked. */
  park(record: SQSRecord, error: unknown): Promise<void>;
  /** Hides messages for so long; any that could not be stay hidden for the visibility timeout. */
  postpone(records: readonly SQSRecord[], seconds: number): Promise<void>;
}

/** What a consumer must know of its queues. */
export interface QueueSettings {
  readonly QUEUE_URL: string;
  readonly DEAD_LETTER_QUEUE_URL: string;
  readonly MAX_RECEIVES: number;
  readonly VISIBILITY_SECONDS: number;
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
const MAX_ENTRIES = 10;
const MAX_VISIBILITY_SECONDS = 43_200;
const MAX_REASON_LENGTH = 4_096;

/** Controls one SQS queue and its dead-letter queue. The reason travels in the attributes EventBridge uses for the same purpose. */
export function createQueueControl(settings: QueueSettings, client = awsClient(new SQSClient({}))): QueueControl {
  return {
    maxReceives: settings.MAX_RECEIVES,
    visibilitySeconds: settings.VISIBILITY_SECONDS,
    async park(record, error) {
      const { name, message } = describeError(error);
      const text = (value: string) => ({ DataType: "String", StringValue: value.slice(0, MAX_REASON_LENGTH) });
      const header = record.attributes.AWSTraceHeader;
      const parkedId = record.messageAttributes?.[PARKED_ID]?.stringValue;
      await client.send(
        new SendMessageCommand({
          QueueUrl: settings.DEAD_LETTER_QUEUE_URL,
          MessageBody: record.body,
          MessageAttributes: {
            ERROR_CODE: text(name),
            ERROR_MESSAGE: text(message || name),
            RECEIVE_COUNT: text(record.attributes.ApproximateReceiveCount),
            ...(error instanceof FleetError ? { ERROR_REASON: text(error.code) } : {}),
            ...(parkedId ? { [PARKED_ID]: text(parkedId) } : {}),
          },
          ...(header
            ? { MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: header } } }
            : {}),
        }),
      );
    },
    async postpone(records, seconds) {
      const VisibilityTimeout = Math.min(MAX_VISIBILITY_SECONDS, Math.ceil(seconds));
      const hide = async (some: readonly SQSRecord[]) => {
        const Entries = some.map(({ receiptHandle }, n) => {
          return { Id: String(n), ReceiptHandle: receiptHandle, VisibilityTimeout };
        });
        const input = { QueueUrl: settings.QUEUE_URL, Entries };
        const { Failed: [failed] = [] } = await client.send(new ChangeMessageVisibilityBatchCommand(input));
        if (failed) throw new TransientError(failed.Code ?? "REFUSED", `SQS did not hide a message: ${failed.Message}`);
      };
      const answers = await Promise.allSettled(chunks(records, MAX_ENTRIES).map(hide));
      for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
    },
  };
}

/** For the consumer behind the dead-letter queues, which has nowhere else to put a message: it stays until it is kept. */
export const onlyRetry: QueueControl = {
  maxReceives: Number.POSITIVE_INFINITY,
  visibilitySeconds: Number.POSITIVE_INFINITY,
  park: (_record, error) => Promise.reject(error),
  postpone: () => Promise.resolve(),
};
