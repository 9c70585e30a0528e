import { CloudWatchClient, paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";
import type { Stack } from "../stack.ts";
import { count } from "../text.ts";
import type { Line } from "./line.ts";

// As CloudWatch words it; a fleet that was deployed a moment ago has no data yet.
const NO_DATA = /no datapoints were received/i;

/** The fleet's alarms that are on. What is on for want of any data is nobody's alarm: the other lines look for themselves. */
export async function lineOfAlarms(stack: Stack, options: object): Promise<Line> {
  const prefix = `${stack.bus}-`;
  const input = { AlarmNamePrefix: prefix, StateValue: "ALARM" as const };
  const [on, without]: [string[], string[]] = [[], []];
  for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client: new CloudWatchClient(options) }, input))
    for (const { AlarmName = "", StateReason = "" } of MetricAlarms)
      (NO_DATA.test(StateReason) ? without : on).push(AlarmName.slice(prefix.length));
  const unmeasured = without.length > 0 ? `without data: ${without.join(", ")}` : "";
  if (on.length > 0)
    return {
      name: "alarms",
      ok: false,
      text: `${count(on.length, "alarm")} on: ${on.join(", ")}${unmeasured ? `; ${unmeasured}` : ""}`,
      advice: "docs/operations.md#alarms says what to do about each",
    };
  return { name: "alarms", ok: unmeasured ? undefined : true, text: unmeasured || "none is on" };
}
