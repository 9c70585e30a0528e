import type { FunctionItem, MachineItem, QueueItem } from "./inventory.ts";

const STAGE = "<stage>";

/** A CloudWatch metric; the values of its dimensions are texts for `Fn::Sub`, and `<stage>` stands for the stage. */
export interface Measure {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** The metric as it is called in a stage: several may share an account, and none must set off another's alarms. */
export function inStage({ namespace, name, dimensions }: Measure, stage: string): Measure {
  const filled = Object.entries(dimensions).map(([key, text]) => [key, text.replace(STAGE, stage)]);
  return { namespace: namespace.replace(STAGE, stage), name, dimensions: Object.fromEntries(filled) };
}

/** A metric of one of the fleet's own functions. */
export function ofFleet(name: string, service: string, dimensions: Readonly<Record<string, string>> = {}): Measure {
  return { namespace: `ConnectorFleet/${STAGE}`, name, dimensions: { service, ...dimensions } };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
export function ofFunction(name: "Errors" | "Throttles" | "Duration", { id }: FunctionItem): Measure {
  return { namespace: "AWS/Lambda", name, dimensions: { FunctionName: `\${${id}}` } };
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html */
export function ofQueue(
  name:
    | "ApproximateAgeOfOldestMessage"
    | "ApproximateNumberOfMessagesVisible"
    | "ApproximateNumberOfMessagesNotVisible"
    | "NumberOfMessagesSent",
  { id }: Pick<QueueItem, "id">,
): Measure {
  return { namespace: "AWS/SQS", name, dimensions: { QueueName: `\${${id}.QueueName}` } };
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html */
export function ofMachine(
  name: "ExecutionsSucceeded" | "ExecutionsFailed" | "ExecutionsTimedOut" | "ExecutionThrottled",
  { id }: MachineItem,
): Measure {
  return { namespace: "AWS/States", name, dimensions: { StateMachineArn: `\${${id}}` } };
}

/** What the reconciler measures about a target every minute. */
export function ofTarget(name: "OldestBehindSeconds" | "BreakerOpen" | "TargetRefusesKey", target: string): Measure {
  return ofFleet(name, "flows/reconcile", { target });
}

/** What any function may tell of the whole fleet. */
function ofStage(name: string): Measure {
  return { namespace: "ConnectorFleet", name, dimensions: { service: `fleet/${STAGE}` } };
}

export const WORK_PARKED = ofStage("WorkParked");
export const MESSAGES_DENIED = ofStage("MessagesDenied");
export const API_USED_PERCENT = ofStage("SalesforceApiUsedPercent");
export const POSITIONS_LOST = ofFleet("ReplayPositionsLost", "salesforce/catch-up");
export const BROUGHT_BY_FEED = ofFleet("ChangesByLiveFeed", "salesforce/capture");
export const DEAD_FEEDS = ofFleet("LiveFeedsDead", "salesforce/catch-up");
export const MISSED_BY_FEED = ofFleet("ChangesMissedByLiveFeed", "salesforce/catch-up");
/** Logical id of the queue that all changes of Salesforce come in by. */
export const FEED_QUEUE = "SalesforceChangesQueue";
