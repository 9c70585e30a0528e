import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { InvalidInputError } from "../errors.ts";
import { parseTraceHeader } from "../trace-header.ts";
import { PARKED_ID } from "./work.ts";

/** A message that goes back to its queue. */
export interface RedrivenMessage {
  readonly parkedId: string;
  readonly body: string;
  /** X-Ray header of the change's trace, or `none`. */
  readonly traceHeader: string;
}

/**
 * Puts one message on the queue with this name.
 * @throws InvalidInputError `NO_QUEUE` when there is none, or the fleet's error for what SQS answers
 */
export type SendToQueue = (queueName: string, message: RedrivenMessage) => Promise<void>;

const MISSING = new Set(["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"]);

export function createQueueSender(client = awsClient(new SQSClient({}))): SendToQueue {
  const urls = new Map<string, Promise<string | undefined>>();

  function urlOf(QueueName: string): Promise<string | undefined> {
    const known = urls.get(QueueName);
    if (known) return known;
    const asked = client.send(new GetQueueUrlCommand({ QueueName })).then(({ QueueUrl }) => QueueUrl);
    asked.catch(() => urls.delete(QueueName));
    urls.set(QueueName, asked);
    return asked;
  }

  return async (queueName, { parkedId, body, traceHeader }) => {
    const text = (StringValue: string) => ({ DataType: "String", StringValue });
    const header = parseTraceHeader(traceHeader) ? { AWSTraceHeader: text(traceHeader) } : undefined;
    try {
      const message = {
        QueueUrl: await urlOf(queueName),
        MessageBody: body,
        MessageAttributes: { [PARKED_ID]: text(parkedId) },
        ...(header ? { MessageSystemAttributes: header } : {}),
      };
      await client.send(new SendMessageCommand(message));
    } catch (cause) {
      if (MISSING.has((cause as Error).name))
        throw new InvalidInputError("NO_QUEUE", `There is no queue '${queueName}' to send the message back to.`, {
          cause,
        });
      throw awsError(cause, `SQS SendMessage to ${queueName}`);
    }
  };
}
