import type { Operation } from "../../kernel/service.ts";
import type { MapRun } from "../distributed/map-run.ts";
import type { StatesContext } from "../service.ts";
import { invalid, page, requiredString, seconds } from "./input.ts";
import { recordOf } from "./records.ts";

interface Limits {
  readonly maxConcurrency?: number;
  readonly toleratedFailureCount?: number;
  readonly toleratedFailurePercentage?: number;
}

/** Operations on Map Runs. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html */
export function mapRunOperations(context: StatesContext): Record<string, Operation> {
  const { mapRuns } = context;
  const find = (input: Record<string, unknown>) => mapRuns.get(requiredString(input, "mapRunArn"));
  const access = (operation: string) => (input: { mapRunArn?: string }) => [
    { action: `states:${operation}`, resource: input.mapRunArn ?? "*" },
  ];
  return {
    DescribeMapRun: {
      access: access("DescribeMapRun"),
      run: (input) => describe(find(input)),
    },
    UpdateMapRun: {
      access: access("UpdateMapRun"),
      run: (input) => {
        const mapRun = find(input);
        Object.assign(mapRun.record, checkedLimits(input));
        mapRun.changed();
        return {};
      },
    },
    ListMapRuns: {
      access: (input) => [{ action: "states:ListMapRuns", resource: input.executionArn ?? "*" }],
      run: (input) => {
        const { arn } = recordOf(context, requiredString(input, "executionArn"));
        const { items, nextToken } = page(mapRuns.of(arn), input);
        return { mapRuns: items.map(listItem), ...(nextToken ? { nextToken } : {}) };
      },
    },
  };
}

function describe(mapRun: MapRun) {
  const { record } = mapRun;
  const { redriveDate, stopDate } = record;
  return {
    mapRunArn: mapRun.arn,
    executionArn: record.executionArn,
    status: record.status,
    startDate: seconds(record.startDate),
    ...(stopDate === undefined ? {} : { stopDate: seconds(stopDate) }),
    maxConcurrency: record.maxConcurrency,
    toleratedFailurePercentage: record.toleratedFailurePercentage ?? 0,
    toleratedFailureCount: record.toleratedFailureCount ?? 0,
    itemCounts: mapRun.counts("items"),
    executionCounts: mapRun.counts("executions"),
    redriveCount: record.redriveCount,
    ...(redriveDate === undefined ? {} : { redriveDate: seconds(redriveDate) }),
  };
}

function listItem(mapRun: MapRun) {
  const { executionArn, machine, startDate, stopDate } = mapRun.record;
  return {
    executionArn,
    mapRunArn: mapRun.arn,
    stateMachineArn: machine.arn,
    startDate: seconds(startDate),
    ...(stopDate === undefined ? {} : { stopDate: seconds(stopDate) }),
  };
}

/** @throws AwsError `ValidationException` */
function checkedLimits(input: Limits): Limits {
  const { maxConcurrency, toleratedFailureCount, toleratedFailurePercentage } = input;
  const given = Object.entries({ maxConcurrency, toleratedFailureCount, toleratedFailurePercentage });
  for (const [name, value] of given) {
    if (value === undefined) continue;
    const whole = name === "toleratedFailurePercentage" ? value <= 100 : Number.isInteger(value);
    if (value < 0 || !whole)
      throw invalid(`Value '${value}' at '${name}' failed to satisfy constraint: Member must be within its range`);
  }
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
