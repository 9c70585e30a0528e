import { setTimeout as wait } from "node:timers/promises";
import { type BatchResultErrorEntry, SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { awsClient } from "./aws.ts";
import { awsError, awsWords } from "./aws-errors.ts";
import { batchesOf } from "./chunks.ts";
import { InvalidInputError, RejectedByTargetError, TransientError } from "./errors.ts";

/**
 * Puts messages on one queue; settles only when the queue has taken all of them. After a throw some may have been taken,
 * so whoever sends again sends duplicates.
 * @throws InvalidInputError `MESSAGE_TOO_LARGE` before anything is sent
 * @throws TransientError, NotAuthorizedError, InvalidInputError or RejectedByTargetError for what SQS answers
 */
export type SendMessages = (bodies: readonly string[]) => Promise<void>;

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
const MAX_ENTRIES = 10;
/** Most bytes of one message, and of all messages of one call. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_ROUNDS = 4;
const FIRST_PAUSE_MS = 50;

interface Sized {
  readonly body: string;
  readonly bytes: number;
}

/** A sender for the queue at this URL: batches of ten entries and one megabyte, with every entry's own result checked. */
export function createMessageSender(
  queueUrl: string,
  { client = awsClient(new SQSClient({})), pause = wait as (ms: number) => Promise<unknown> } = {},
): SendMessages {
  /** Sends one batch; answers with what SQS could not take just now. */
  async function sendBatch(batch: readonly Sized[]): Promise<{ left: Sized[]; reason: string }> {
    const Entries = batch.map(({ body }, index) => ({ Id: String(index), MessageBody: body }));
    const answer = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries })).catch((cause) => {
      throw awsError(cause, `SQS SendMessageBatch to ${queueUrl}`);
    });
    const failed = answer.Failed ?? [];
    const refused = failed.find(({ SenderFault }) => SenderFault);
    if (refused) throw new RejectedByTargetError(refused.Code ?? "REFUSED", textOf(refused, queueUrl));
    const taken = new Set(answer.Successful?.map(({ Id }) => Id));
    const left = batch.filter((_, index) => !taken.has(String(index)));
    return { left, reason: failed[0] ? textOf(failed[0], queueUrl) : `SQS told nothing of a message to ${queueUrl}` };
  }

  return async (bodies) => {
    const limits = { maxEntries: MAX_ENTRIES, maxBytes: MAX_MESSAGE_BYTES };
    for (const batch of batchesOf(bodies.map(sized), limits)) {
      let left = batch;
      for (let round = 1; left.length > 0; round += 1) {
        const result = await sendBatch(left);
        left = result.left;
        if (left.length === 0) break;
        if (round === MAX_ROUNDS)
          throw new TransientError("NOT_TAKEN", `${left.length} messages not taken: ${result.reason}`);
        await pause(FIRST_PAUSE_MS * 2 ** round);
      }
    }
  };
}

function sized(body: string): Sized {
  const bytes = Buffer.byteLength(body);
  if (bytes <= MAX_MESSAGE_BYTES) return { body, bytes };
  throw new InvalidInputError(
    "MESSAGE_TOO_LARGE",
    `A message has ${bytes} bytes; SQS takes ${MAX_MESSAGE_BYTES}. Leave out what its consumer can read elsewhere.`,
  );
}

function textOf({ Code, Message }: BatchResultErrorEntry, queueUrl: string): string {
  return `SQS did not take a message to ${queueUrl}: ${awsWords(Code, Message)}`;
}
