import { page } from "../kernel/page.ts";
import type { Operation } from "../kernel/service.ts";
import type { Alarm } from "./alarms.ts";
import type { Watch } from "./watch.ts";

interface AlarmsInput {
  readonly AlarmNames?: readonly string[];
  readonly AlarmNamePrefix?: string;
  readonly AlarmTypes?: readonly string[];
  readonly StateValue?: string;
  readonly MaxRecords?: number;
  readonly NextToken?: string;
}

interface HistoryInput {
  readonly AlarmName?: string;
  readonly AlarmTypes?: readonly string[];
  readonly HistoryItemType?: string;
  /** Epoch seconds. */
  readonly StartDate?: number;
  readonly EndDate?: number;
  readonly ScanBy?: "TimestampDescending" | "TimestampAscending";
  readonly MaxRecords?: number;
  readonly NextToken?: string;
}

/** How the alarms stand and stood. */
export function alarmOperations(alarms: ReadonlyMap<string, Alarm>, watch: Watch): Record<string, Operation> {
  return {
    DescribeAlarms: {
      access: () => [{ action: "cloudwatch:DescribeAlarms", resource: "*" }],
      run: (input: AlarmsInput) => describe(alarms, watch, input),
    },
    DescribeAlarmHistory: {
      access: () => [{ action: "cloudwatch:DescribeAlarmHistory", resource: "*" }],
      run: (input: HistoryInput) => {
        watch.look();
        const { items, nextToken } = page(historyOf(watch, input), input.MaxRecords ?? 100, input.NextToken);
        return { AlarmHistoryItems: items, ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
  };
}

function describe(alarms: ReadonlyMap<string, Alarm>, watch: Watch, input: AlarmsInput) {
  const { AlarmNames, AlarmNamePrefix = "", AlarmTypes = ["MetricAlarm"], StateValue, MaxRecords = 50 } = input;
  const standings = watch.look();
  const found = [...alarms.values()].filter(
    ({ AlarmName, kind }) =>
      (AlarmNames?.includes(AlarmName) ?? true) &&
      AlarmName.startsWith(AlarmNamePrefix) &&
      AlarmTypes.includes(kind === "composite" ? "CompositeAlarm" : "MetricAlarm") &&
      (StateValue === undefined || standings.get(AlarmName)?.state === StateValue),
  );
  const { items, nextToken } = page(found, MaxRecords, input.NextToken);
  const entryOf = ({ AlarmName, AlarmArn, properties }: Alarm) => {
    const standing = standings.get(AlarmName);
    return {
      ...numbers(properties),
      ...{ AlarmName, AlarmArn, StateValue: standing?.state, StateReason: standing?.reason },
      StateUpdatedTimestamp: standing?.since,
    };
  };
  return {
    MetricAlarms: items.filter(({ kind }) => kind === "metric").map(entryOf),
    CompositeAlarms: items.filter(({ kind }) => kind === "composite").map(entryOf),
    ...(nextToken ? { NextToken: nextToken } : {}),
  };
}

function historyOf(watch: Watch, input: HistoryInput) {
  const { AlarmName, AlarmTypes = ["MetricAlarm"], HistoryItemType, ScanBy } = input;
  const { StartDate = 0, EndDate = Number.POSITIVE_INFINITY } = input;
  const found = watch
    .history()
    .filter(
      (entry) =>
        (AlarmName === undefined || entry.AlarmName === AlarmName) &&
        AlarmTypes.includes(entry.AlarmType) &&
        (HistoryItemType === undefined || entry.HistoryItemType === HistoryItemType) &&
        entry.Timestamp >= StartDate &&
        entry.Timestamp <= EndDate,
    );
  return ScanBy === "TimestampAscending" ? found : found.toReversed();
}

/** Templates may write numbers as text; the API answers numbers. */
function numbers(properties: Alarm["properties"]): Record<string, unknown> {
  const numeric = ["Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold"];
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([member]) => member !== "Tags")
      .map(([member, value]) => [member, numeric.includes(member) ? Number(value) : value]),
  );
}
