import { CloudWatchClient, paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";
import type { Stack } from "../stack.ts";
import { count } from "../text.ts";
import type { Line } from "./line.ts";

/** Alarms about what other lines look at themselves: as it is now, while an alarm may need minutes or an hour to clear. */
const SEEN_ELSEWHERE = /^(work-parked|(behind|breaker-open|key-refused|dead-letters)-)/;
const FEED_SILENT = "feed-silent";

/**
 * The fleet's alarms that are on, about what no other line tells: errors, throttles, stale messages, failed runs.
 * @param isRead whether changes came in a moment ago, or every organisation was asked for missed ones in time: then a
 *   silent feed is one without changes
 */
export async function lineOfAlarms(stack: Stack, options: object, isRead: boolean): Promise<Line> {
  const prefix = `${stack.bus}-`;
  const input = { AlarmNamePrefix: prefix, StateValue: "ALARM" as const };
  const names: string[] = [];
  for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client: new CloudWatchClient(options) }, input))
    names.push(...MetricAlarms.map(({ AlarmName = "" }) => AlarmName.slice(prefix.length)));
  const on = names.filter((name) => !(SEEN_ELSEWHERE.test(name) || (isRead && name === FEED_SILENT)));
  if (on.length === 0) return { name: "alarms", ok: true, text: "none is on" };
  return {
    name: "alarms",
    ok: false,
    text: `${count(on.length, "alarm")} on: ${on.join(", ")}`,
    advice: "docs/operations.md#alarms says what to do about each",
  };
}
