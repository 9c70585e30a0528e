import type { Kernel } from "../../kernel/kernel.ts";
import { ACCOUNT, arnResource } from "../../kernel/names.ts";
import type { Principal } from "../../kernel/service.ts";
import { type ReceivedMessage, type SqsRecord, toRecord } from "./record.ts";

/** Longest long poll of SQS, in seconds. */
const LONG_POLL = 20;
/** Most messages of one call. */
const CALL_LIMIT = 10;

/** The queue of a mapping, as the function's role sees it. Every method throws what SQS or IAM answers. */
export class SourceQueue {
  readonly #kernel: Kernel;
  readonly #arn: string;
  readonly #principal: () => Principal;

  constructor(kernel: Kernel, queueArn: string, principal: () => Principal) {
    this.#kernel = kernel;
    this.#arn = queueArn;
    this.#principal = principal;
  }

  /** The queue's visibility timeout in seconds. */
  async visibilityTimeout(): Promise<number> {
    const output = await this.#call("GetQueueAttributes", { AttributeNames: ["VisibilityTimeout"] });
    return Number((output as { Attributes: Record<string, string> }).Attributes.VisibilityTimeout);
  }

  /** Waits for up to `max` messages (ten at most); an abort ends the wait with none. */
  async receive(max: number, signal: AbortSignal): Promise<SqsRecord[]> {
    const input = {
      MaxNumberOfMessages: Math.min(max, CALL_LIMIT),
      WaitTimeSeconds: LONG_POLL,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    };
    try {
      const { Messages = [] } = (await this.#call("ReceiveMessage", input, signal)) as { Messages?: ReceivedMessage[] };
      return Messages.map((message) => toRecord(message, this.#arn));
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  }

  async delete(records: readonly SqsRecord[]): Promise<void> {
    for (let index = 0; index < records.length; index += CALL_LIMIT) {
      const chunk = records.slice(index, index + CALL_LIMIT);
      const Entries = chunk.map((record, id) => ({ Id: String(id), ReceiptHandle: record.receiptHandle }));
      await this.#call("DeleteMessageBatch", { Entries });
    }
  }

  #call(operation: string, input: object, signal?: AbortSignal): Promise<unknown> {
    const QueueUrl = `${this.#kernel.origin}/${ACCOUNT}/${arnResource(this.#arn)}`;
    const context = { principal: this.#principal(), ...(signal ? { signal } : {}) };
    return this.#kernel.call("sqs", operation, { QueueUrl, ...input }, context);
  }
}
