import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { arn } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { Operation, Service } from "../kernel/service.ts";
import { type MetricFilter, publishMetrics } from "./metrics.ts";
import { type FilterInput, filterEvents, type GetInput, getEvents } from "./read.ts";
import { logGroupProvider, metricFilterProvider } from "./resources.ts";
import { type LogGroup, LogStore } from "./store.ts";

const MAX_BATCH = 10_000;
const MAX_SPAN_MS = 24 * 60 * 60 * 1000;

interface Input extends FilterInput, GetInput {
  readonly logGroupName?: string;
  /** Name or ARN, in place of the name. */
  readonly logGroupIdentifier?: string;
  readonly logStreamName?: string;
  readonly logGroupNamePrefix?: string;
  readonly nextToken?: string;
  readonly limit?: number;
  readonly orderBy?: "LogStreamName" | "LastEventTime";
  readonly descending?: boolean;
  readonly logEvents?: readonly { readonly timestamp: number; readonly message: string }[];
}

/**
 * CloudWatch Logs, in memory: the newest 20,000 lines of each group.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html
 */
export function createLogs(kernel: Kernel): Service {
  const store = new LogStore();
  const filters = new Map<string, readonly MetricFilter[]>();
  return {
    name: "logs",
    wire: { kind: "json", version: "1.1", targetPrefix: "Logs_20140328." },
    operations: { ...writes(kernel, store, filters), ...reads(store) },
    resources: [logGroupProvider(kernel, store), metricFilterProvider(store, filters)],
  };
}

function writes(
  kernel: Kernel,
  store: LogStore,
  filters: ReadonlyMap<string, readonly MetricFilter[]>,
): Record<string, Operation> {
  return {
    CreateLogGroup: {
      access: (input: Input) => [ask("CreateLogGroup", input, "")],
      run: (input: Input) => {
        store.createGroup(groupName(input), kernel.clock.now());
      },
    },
    CreateLogStream: {
      access: (input: Input) => [ask("CreateLogStream", input)],
      run: (input: Input) => {
        store.createStream(store.group(groupName(input)), input.logStreamName ?? "", kernel.clock.now());
      },
    },
    PutLogEvents: {
      access: (input: Input) => [ask("PutLogEvents", input)],
      run: async (input: Input) => {
        const { logEvents = [], logStreamName = "" } = input;
        checkBatch(logEvents);
        const group = store.group(groupName(input));
        store.append(group, store.stream(group, logStreamName), logEvents, kernel.clock.now());
        const ofGroup = [...filters.values()].flat().filter(({ logGroupName }) => logGroupName === group.name);
        await publishMetrics(kernel, ofGroup, logEvents);
        return { nextSequenceToken: String(kernel.clock.now()) };
      },
    },
  };
}

function reads(store: LogStore): Record<string, Operation> {
  return {
    DescribeLogGroups: {
      access: () => [{ action: "logs:DescribeLogGroups", resource: arn("logs", "log-group::log-stream:") }],
      run: ({ logGroupNamePrefix = "", limit = 50, nextToken }: Input) => {
        const found = [...store.groups.values()].filter(({ name }) => name.startsWith(logGroupNamePrefix));
        const { items, nextToken: next } = page(found.sort(byName), limit, nextToken);
        return { logGroups: items.map(describeGroup), ...(next ? { nextToken: next } : {}) };
      },
    },
    DescribeLogStreams: {
      access: (input: Input) => [ask("DescribeLogStreams", input, "")],
      run: (input: Input) => {
        const {
          logStreamNamePrefix = "",
          orderBy = "LogStreamName",
          descending = false,
          limit = 50,
          nextToken,
        } = input;
        const group = store.group(groupName(input));
        const streams = [...group.streams.values()]
          .filter(({ name }) => name.startsWith(logStreamNamePrefix))
          .map(({ name, creationTime, events }) => ({
            logStreamName: name,
            creationTime,
            arn: `${group.arn}:log-stream:${name}`,
            ...(events.length > 0
              ? { firstEventTimestamp: events[0]?.timestamp, lastEventTimestamp: events.at(-1)?.timestamp }
              : {}),
          }))
          .sort((a, b) =>
            orderBy === "LastEventTime"
              ? (a.lastEventTimestamp ?? 0) - (b.lastEventTimestamp ?? 0)
              : a.logStreamName.localeCompare(b.logStreamName),
          );
        const { items, nextToken: next } = page(descending ? streams.reverse() : streams, limit, nextToken);
        return { logStreams: items, ...(next ? { nextToken: next } : {}) };
      },
    },
    FilterLogEvents: {
      access: (input: Input) => [ask("FilterLogEvents", input, "")],
      run: (input: Input) => filterEvents(store.group(groupName(input)), input),
    },
    GetLogEvents: {
      access: (input: Input) => [ask("GetLogEvents", input)],
      run: (input: Input) => getEvents(store.stream(store.group(groupName(input)), input.logStreamName ?? ""), input),
    },
  };
}

function groupName({ logGroupName, logGroupIdentifier }: Input): string {
  const id = logGroupName ?? logGroupIdentifier ?? "";
  return id.startsWith("arn:") ? (id.split(":")[6] ?? "") : id;
}

/** Calls on a group name its streams with an empty name, which `log-group:NAME:*` covers. */
function ask(action: string, input: Input, stream = input.logStreamName ?? "") {
  return { action: `logs:${action}`, resource: arn("logs", `log-group:${groupName(input)}:log-stream:${stream}`) };
}

function checkBatch(events: readonly { readonly timestamp: number }[]): void {
  if (events.length === 0 || events.length > MAX_BATCH)
    throw new AwsError(
      "InvalidParameterException",
      `A batch holds 1 to ${MAX_BATCH} log events, not ${events.length}.`,
    );
  let [oldest, newest] = [Infinity, 0];
  for (const { timestamp } of events) {
    if (timestamp < newest)
      throw new AwsError(
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
      );
    [oldest, newest] = [Math.min(oldest, timestamp), timestamp];
  }
  if (newest - oldest > MAX_SPAN_MS)
    throw new AwsError(
      "InvalidParameterException",
      "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
    );
}

function describeGroup({ name, arn: groupArn, creationTime, retentionInDays, streams }: LogGroup) {
  return {
    logGroupName: name,
    arn: `${groupArn}:*`,
    logGroupArn: groupArn,
    creationTime,
    ...(retentionInDays ? { retentionInDays } : {}),
    storedBytes: [...streams.values()].reduce(
      (sum, { events }) => sum + events.reduce((size, { message }) => size + message.length, 0),
      0,
    ),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name.localeCompare(b.name);
}
