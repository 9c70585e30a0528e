import { TARGETS } from "../../shared/behind/marks.ts";
import { GATED_TARGETS } from "../../shared/targets/targets.ts";
import { FIVE_MINUTES, MINUTE } from "./alarm-spec.ts";
import type { Inventory } from "./inventory.ts";
import {
  API_USED_PERCENT,
  BROUGHT_BY_FEED,
  DEAD_FEEDS,
  inStage,
  MESSAGES_DENIED,
  type Measure,
  MISSED_BY_FEED,
  ofFleet,
  ofFunction,
  ofMachine,
  ofQueue,
  ofTarget,
  POSITIONS_LOST,
  WORK_PARKED,
} from "./measures.ts";

/** One graph: what it shows, and how its values are summed up. */
interface Graph {
  readonly title: string;
  readonly measures: readonly Measure[];
  readonly statistic: "Sum" | "Maximum";
  /** Seconds. */
  readonly period: number;
}

const COLUMNS = 2;
const [WIDTH, HEIGHT] = [12, 6];
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html */
const MAX_METRICS = 500;

/**
 * The dashboard of everything that the template contains: alarms above, then what people ask for first.
 * @param alarms logical ids of the alarms
 */
export function buildDashboard(
  inventory: Inventory,
  { name, stage }: { readonly name: string; readonly stage: string },
  alarms: readonly string[],
): unknown {
  const alarmRows = Math.ceil(alarms.length / 12) + 1;
  const alarmWidget = {
    ...{ type: "alarm", x: 0, y: 0, width: WIDTH * COLUMNS, height: alarmRows },
    properties: { title: "Alarms", alarms: alarms.map((id) => `\${${id}.Arn}`) },
  };
  const graphs = graphsOf(inventory)
    .filter(({ measures }) => measures.length > 0)
    .map(({ title, measures, statistic, period }, index) => ({
      type: "metric",
      x: (index % COLUMNS) * WIDTH,
      y: alarmRows + Math.floor(index / COLUMNS) * HEIGHT,
      ...{ width: WIDTH, height: HEIGHT },
      properties: {
        ...{ title, view: "timeSeries", stacked: false, region: "$" + "{AWS::Region}", stat: statistic, period },
        metrics: measures.slice(0, MAX_METRICS).map((measure) => rowOf(inStage(measure, stage))),
      },
    }));
  return {
    Type: "AWS::CloudWatch::Dashboard",
    Properties: {
      DashboardName: name,
      DashboardBody: { "Fn::Sub": JSON.stringify({ widgets: [alarmWidget, ...graphs] }) },
    },
  };
}

function graphsOf({ functions, queues, machines }: Inventory): readonly Graph[] {
  const live = queues.filter(({ isDeadLetterQueue }) => !isDeadLetterQueue);
  const dead = queues.filter(({ isDeadLetterQueue }) => isDeadLetterQueue);
  const runs = ["ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"] as const;
  const held = ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"] as const;
  const atMost = { statistic: "Maximum", period: MINUTE } as const;
  const inAll = { statistic: "Sum", period: FIVE_MINUTES } as const;
  return [
    { title: "Longest wait for a target (s)", measures: TARGETS.map(behind), ...atMost },
    {
      title: "Targets that are not called: breaker open, key refused",
      measures: GATED_TARGETS.flatMap((target) => [
        ofTarget("BreakerOpen", target),
        ofTarget("TargetRefusesKey", target),
      ]),
      ...atMost,
    },
    { title: "Work for a person: parked, denied", measures: [WORK_PARKED, MESSAGES_DENIED], ...inAll },
    {
      title: "Daily Salesforce API calls used (%)",
      measures: [API_USED_PERCENT],
      statistic: "Maximum",
      period: FIVE_MINUTES,
    },
    {
      title: "Runs of state machines",
      measures: machines.flatMap((one) => runs.map((name) => ofMachine(name, one))),
      ...inAll,
    },
    { title: "What the live feed brought", measures: [BROUGHT_BY_FEED], ...inAll },
    { title: "What the live feed lost", measures: [MISSED_BY_FEED, DEAD_FEEDS, POSITIONS_LOST], ...inAll },
    {
      title: "Age of the oldest waiting message (s)",
      measures: live.map((queue) => ofQueue("ApproximateAgeOfOldestMessage", queue)),
      ...atMost,
    },
    {
      title: "Age of the oldest message that is tried again (s)",
      measures: live.flatMap(({ consumer }) => (consumer ? [ofFleet("OldestRetriedSeconds", consumer.service)] : [])),
      ...atMost,
    },
    {
      title: "Messages waiting",
      measures: live.map((queue) => ofQueue("ApproximateNumberOfMessagesVisible", queue)),
      ...atMost,
    },
    { title: "Messages that came in", measures: live.map((queue) => ofQueue("NumberOfMessagesSent", queue)), ...inAll },
    { title: "Dead letters", measures: dead.flatMap((queue) => held.map((name) => ofQueue(name, queue))), ...atMost },
    { title: "Errors of functions", measures: functions.map((one) => ofFunction("Errors", one)), ...inAll },
    {
      title: "Errors with a name of ours, which callers decide about",
      measures: functions.flatMap((one) => (one.consumes ? [] : [ofFleet("RunsFailed", one.service)])),
      ...inAll,
    },
    { title: "Throttles of functions", measures: functions.map((one) => ofFunction("Throttles", one)), ...inAll },
    {
      title: "Longest runs of functions (ms)",
      measures: functions.map((one) => ofFunction("Duration", one)),
      statistic: "Maximum",
      period: FIVE_MINUTES,
    },
  ];
}

function behind(target: string): Measure {
  return ofTarget("OldestBehindSeconds", target);
}

function rowOf({ namespace, name, dimensions }: Measure): readonly string[] {
  return [namespace, name, ...Object.entries(dimensions).flat()];
}
