import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { awsClient } from "./aws.ts";
import { awsError } from "./aws-errors.ts";

/**
 * About how many messages wait on the queue at this URL or are being worked at; those that hide for a later time count.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
 * @throws TransientError, NotAuthorizedError or RejectedByTargetError for what SQS answers
 */
export async function queueDepth(queueUrl: string, client = awsClient(new SQSClient({}))): Promise<number> {
  const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
  const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...names] });
  const { Attributes = {} } = await client.send(command).catch((cause) => {
    throw awsError(cause, `SQS GetQueueAttributes of ${queueUrl}`);
  });
  return names.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
}
