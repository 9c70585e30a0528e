import { optimisedErrors } from "./errors.ts";
import { asText, members, present, sdkMetadata } from "./metadata.ts";
import type { Action } from "./types.ts";

const errorOf = optimisedErrors({
  prefix: "SQS",
  // A missing queue was only recorded with a host that does not resolve; its name for a reachable host is not confirmed.
  modelled: ["SdkClientException"],
  base: "AmazonSQSException",
  service: "AmazonSQS",
  deniedStatus: 403,
});

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html */
export const sendMessage: Action = {
  patterns: ["request", "waitForTaskToken"],
  required: ["QueueUrl", "MessageBody"],
  optional: ["DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId"],
  errorOf,
  async start(request) {
    const { MessageBody, ...rest } = members(request.arguments);
    const input = present({ ...rest, MessageBody: MessageBody === null ? undefined : asText(MessageBody) });
    const answer = await request.call("sqs", "SendMessage", input, "SQS", { queue_url: rest.QueueUrl });
    const { MD5OfMessageAttributes, MD5OfMessageBody, MessageId, SequenceNumber } = answer.output;
    return {
      ...present({ MD5OfMessageAttributes, MD5OfMessageBody, MessageId, SequenceNumber }),
      ...sdkMetadata(answer, "application/x-amz-json-1.0"),
    };
  },
};
