import type { Context, SQSRecord } from "aws-lambda";
import { noAttempts } from "./attempts.ts";
import type { QueueControl } from "./queue-control.ts";

export const NOW = Date.parse("2026-01-15T00:00:00Z");

/** What Lambda tells a handler, with time enough. */
export const context = {
  functionName: "test",
  awsRequestId: "1",
  invokedFunctionArn: "arn",
  getRemainingTimeInMillis: () => 30_000,
} as Context;

/** A message as Lambda hands it over, sent `ageSeconds` before NOW. */
export function recordOf(messageId: string, body: string, receives = 1, ageSeconds = 0): SQSRecord {
  const attributes = {
    ApproximateReceiveCount: String(receives),
    SentTimestamp: String(NOW - ageSeconds * 1000),
    AWSTraceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793",
  };
  return { messageId, body, receiptHandle: `receipt-${messageId}`, attributes } as SQSRecord;
}

/** A queue that only remembers what was asked of it. */
export function queueOf(members: Partial<QueueControl> = {}) {
  const parked: [string, string][] = [];
  const postponed: [string, number][] = [];
  const control: QueueControl = {
    giveUpAfterSeconds: 86_400,
    visibilitySeconds: 180,
    runSeconds: 45,
    attempts: noAttempts,
    park: async ({ messageId }, error) => void parked.push([messageId, (error as Error).message]),
    postpone: async (records, seconds) => {
      postponed.push(...records.map(({ messageId }): [string, number] => [messageId, seconds]));
    },
    remove: async () => undefined,
    ...members,
  };
  return { control, parked, postponed };
}
