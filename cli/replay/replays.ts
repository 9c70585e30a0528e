import {
  DescribeArchiveCommand,
  DescribeEventBusCommand,
  DescribeReplayCommand,
  DescribeRuleCommand,
  type EventBridgeClient,
  StartReplayCommand,
} from "@aws-sdk/client-eventbridge";
import type { Stack } from "../stack.ts";

/** Rules that bring events to customer-sync: of the live lane and of the bulk lane. */
const RULES = ["customer-sync", "customer-sync-bulk"];

/** How far a replay is. */
export interface ReplayStatus {
  readonly name: string;
  readonly state: string;
  /** Share of the span that is replayed, 0 to 1. */
  readonly share: number;
  readonly reason?: string;
}

export function isOver({ state }: ReplayStatus): boolean {
  return state === "COMPLETED" || state === "CANCELLED" || state === "FAILED";
}

/**
 * Starts to replay the fleet bus's archive to the rules of customer-sync alone.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
 * @param span ISO 8601 in UTC
 * @param unique what no other replay of the same second has, such as eight random characters
 * @returns the replay's name
 */
export async function startReplay(
  events: EventBridgeClient,
  stack: Stack,
  span: { from: string; to: string },
  now: Date,
  unique: string,
): Promise<string> {
  const { Arn: busArn } = await events.send(new DescribeEventBusCommand({ Name: stack.bus }));
  const { ArchiveArn } = await events.send(new DescribeArchiveCommand({ ArchiveName: stack.bus }));
  const rules = RULES.map(async (name) => {
    const rule = await events.send(new DescribeRuleCommand({ Name: stack.name(name), EventBusName: stack.bus }));
    return rule.Arn as string;
  });
  const ReplayName = `${stack.bus}-${now.toISOString().replace(/[-:]|\..*/g, "")}-${unique}`.slice(-64);
  const { State, StateReason } = await events.send(
    new StartReplayCommand({
      ReplayName,
      EventSourceArn: ArchiveArn,
      EventStartTime: new Date(span.from),
      EventEndTime: new Date(span.to),
      Destination: { Arn: busArn, FilterArns: await Promise.all(rules) },
    }),
  );
  if (State === "FAILED") throw new Error(`EventBridge did not start the replay: ${StateReason ?? "no reason given"}`);
  return ReplayName;
}

/** How far the replay of this name is. */
export async function readReplay(events: EventBridgeClient, name: string): Promise<ReplayStatus> {
  const answer = await events.send(new DescribeReplayCommand({ ReplayName: name }));
  const { State: state = "UNKNOWN", StateReason, EventStartTime, EventEndTime, EventLastReplayedTime } = answer;
  const [from, to, last] = [EventStartTime, EventEndTime, EventLastReplayedTime].map((time) => time?.getTime() ?? 0);
  const share =
    state === "COMPLETED" ? 1 : last && from && to ? Math.max(0, Math.min(1, (last - from) / (to - from))) : 0;
  return { name, state, share, ...(StateReason ? { reason: StateReason } : {}) };
}
