import type { FunctionItem, MachineItem, QueueItem } from "./inventory.ts";

/** A CloudWatch metric; the values of its dimensions are texts for `Fn::Sub`. */
export interface Measure {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** A metric of the fleet's own functions. */
export function ofFleet(name: string, service: string, dimensions: Readonly<Record<string, string>> = {}): Measure {
  return { namespace: "ConnectorFleet", name, dimensions: { service, ...dimensions } };
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

/** Targets whose customers can be behind, and those that a circuit breaker guards; the reconciler measures them. */
export const BEHIND_TARGETS = ["billing", "salesforce"] as const;
export const BREAKER_TARGETS = ["billing", "salesforce", "slack"] as const;

/** What the reconciler measures about a target every minute. */
export function ofTarget(name: "OldestBehindSeconds" | "BreakerOpen" | "TargetRefusesKey", target: string): Measure {
  return ofFleet(name, "flows/reconcile", { target });
}

export const WORK_PARKED = ofFleet("WorkParked", "parked");
export const API_USED_PERCENT = ofFleet("SalesforceApiUsedPercent", "salesforce");
export const POSITIONS_LOST = ofFleet("ReplayPositionsLost", "salesforce/catch-up");
export const MISSED_BY_FEED = ofFleet("ChangesMissedByLiveFeed", "salesforce/catch-up");
/** Logical id of the queue that all changes of Salesforce come in by. */
export const FEED_QUEUE = "SalesforceChangesQueue";
