import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { awsClient } from "../aws.ts";
import { awsWords } from "../aws-errors.ts";
import { chunks } from "../chunks.ts";
import { describeError, FleetError, TransientError } from "../errors.ts";
import { PARKED_ID, PARKED_MESSAGE } from "../parked/work.ts";
import { type Attempts, noAttempts } from "./attempts.ts";

/** What a consumer knows of its queue, and may do to it beyond answering for a batch. */
export interface QueueControl {
  /** For how long a message may fail by its own fault; then it is given up. */
  readonly giveUpAfterSeconds: number;
  /** How long a message stays hidden when nothing else is said. */
  readonly visibilitySeconds: number;
  /** The longest that a run may take; a message that comes back after it has no run any more. */
  readonly runSeconds: number;
  readonly attempts: Attempts;
  /** Moves a message to the dead-letter queue together with its reason, from where it is parked. */
  park(record: SQSRecord, error: unknown): Promise<void>;
  /** Hides messages for so long; any that could not be stay hidden for the visibility timeout. */
  postpone(records: readonly SQSRecord[], seconds: number): Promise<void>;
  /** Deletes messages that are done before the whole batch is. */
  remove(records: readonly SQSRecord[]): Promise<void>;
}

/** What a consumer must know of its queues. */
export interface QueueSettings {
  readonly QUEUE_URL: string;
  readonly DEAD_LETTER_QUEUE_URL: string;
  readonly GIVE_UP_AFTER_SECONDS: number;
  readonly VISIBILITY_SECONDS: number;
  readonly RUN_SECONDS: number;
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
const MAX_ENTRIES = 10;
const MAX_VISIBILITY_SECONDS = 43_200;
const MAX_REASON_LENGTH = 4_096;

/** Controls one SQS queue and its dead-letter queue. The reason travels in the attributes EventBridge uses for the same purpose. */
export function createQueueControl(
  settings: QueueSettings,
  attempts: Attempts,
  client = awsClient(new SQSClient({})),
): QueueControl {
  const QueueUrl = settings.QUEUE_URL;
  return {
    giveUpAfterSeconds: settings.GIVE_UP_AFTER_SECONDS,
    visibilitySeconds: settings.VISIBILITY_SECONDS,
    runSeconds: settings.RUN_SECONDS,
    attempts,
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
            // When the answer is lost, or we crash after it, the message comes again and is sent once more.
            [PARKED_MESSAGE]: text(record.messageId),
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
      await inTens(records, "hide", (entries) => {
        const Entries = entries.map((entry) => ({ ...entry, VisibilityTimeout }));
        return client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
      });
    },
    async remove(records) {
      await inTens(records, "delete", (Entries) => client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })));
    },
  };
}

interface Handle {
  readonly Id: string;
  readonly ReceiptHandle: string;
}

/** Asks for ten messages at a time, all of them whatever becomes of some. @throws the first failure */
async function inTens(
  records: readonly SQSRecord[],
  verb: "hide" | "delete",
  ask: (entries: Handle[]) => Promise<{ Failed?: BatchResultErrorEntry[] | undefined }>,
): Promise<void> {
  const works = chunks(records, MAX_ENTRIES).map(async (some) => {
    const entries = some.map(({ receiptHandle }, n) => ({ Id: String(n), ReceiptHandle: receiptHandle }));
    const { Failed: [failed] = [] } = await ask(entries);
    if (failed)
      throw new TransientError(
        failed.Code ?? "REFUSED",
        `SQS did not ${verb} a message: ${awsWords(failed.Code, failed.Message)}`,
      );
  });
  for (const answer of await Promise.allSettled(works)) if (answer.status === "rejected") throw answer.reason;
}

/** For the consumer behind the dead-letter queues, which has nowhere else to put a message: it stays until it is kept. */
export const onlyRetry: QueueControl = {
  giveUpAfterSeconds: Number.POSITIVE_INFINITY,
  visibilitySeconds: 0,
  runSeconds: 0,
  attempts: noAttempts,
  park: (_record, error) => Promise.reject(error),
  postpone: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};
