import { AwsError } from "../kernel/errors.ts";
import { parseFilterPattern } from "./pattern.ts";
import type { LogEvent, LogGroup, LogStream } from "./store.ts";

const MAX_PAGE = 10_000;

/** Times are milliseconds since the epoch; `startTime` is included, `endTime` is not in GetLogEvents and is in FilterLogEvents. */
export interface FilterInput {
  readonly logStreamNames?: readonly string[];
  readonly logStreamNamePrefix?: string;
  readonly startTime?: number;
  readonly endTime?: number;
  readonly filterPattern?: string;
  readonly limit?: number;
  readonly nextToken?: string;
}

export interface GetInput {
  readonly startTime?: number;
  readonly endTime?: number;
  readonly limit?: number;
  readonly startFromHead?: boolean;
  readonly nextToken?: string;
}

/**
 * One page of the matching events of a group, oldest first. The token names the last event seen, so new lines and
 * forgotten ones do not disturb the paging.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
 */
export function filterEvents(group: LogGroup, input: FilterInput): Record<string, unknown> {
  const { logStreamNames, logStreamNamePrefix = "", limit = MAX_PAGE } = input;
  const matches = parseFilterPattern(input.filterPattern);
  const after = readToken(input.nextToken);
  const found = [...group.streams.values()]
    .filter(({ name }) => name.startsWith(logStreamNamePrefix) && (logStreamNames?.includes(name) ?? true))
    .flatMap(({ name, events }) => events.map((event) => ({ logStreamName: name, event })))
    .filter(({ event }) => event.timestamp >= (input.startTime ?? 0) && event.timestamp <= (input.endTime ?? Infinity))
    .sort((a, b) => order(a.event, b.event))
    .filter(({ event }) => (after === undefined || order(event, after) > 0) && matches(event.message));
  const page = found.slice(0, limit);
  const last = page.at(-1)?.event;
  return {
    events: page.map(({ logStreamName, event: { id, ...event } }) => ({
      logStreamName,
      ...event,
      eventId: String(id),
    })),
    searchedLogStreams: [],
    ...(last && found.length > page.length ? { nextToken: `${last.timestamp}/${last.id}` } : {}),
  };
}

/**
 * One page of a stream. Both tokens are always returned; at an end the token does not change.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
 */
export function getEvents(stream: LogStream, input: GetInput): Record<string, unknown> {
  const limit = input.limit ?? MAX_PAGE;
  const all = stream.events
    .filter(({ timestamp }) => timestamp >= (input.startTime ?? 0) && timestamp < (input.endTime ?? Infinity))
    .sort(order);
  const [, direction, position] = /^([fb])\/(\d+\/\d+)$/.exec(input.nextToken ?? "") ?? [];
  if (input.nextToken && !direction)
    throw new AwsError("InvalidParameterException", "The specified nextToken is invalid.");
  const mark = readToken(position);
  const backwards = direction ? direction === "b" : !input.startFromHead;
  const beyond = mark ? all.filter((event) => (backwards ? order(event, mark) < 0 : order(event, mark) > 0)) : all;
  const page = backwards ? beyond.slice(Math.max(0, beyond.length - limit)) : beyond.slice(0, limit);
  const [first, last] = [page[0] ?? mark, page.at(-1) ?? mark];
  return {
    events: page.map(({ id: _, ...event }) => event),
    nextForwardToken: `f/${last?.timestamp ?? 0}/${last?.id ?? 0}`,
    nextBackwardToken: `b/${first?.timestamp ?? 0}/${first?.id ?? 0}`,
  };
}

type Position = Pick<LogEvent, "timestamp" | "id">;

function order(a: Position, b: Position): number {
  return a.timestamp - b.timestamp || a.id - b.id;
}

function readToken(token: string | undefined): Position | undefined {
  if (token === undefined) return undefined;
  const [, timestamp, id] = /^(\d+)\/(\d+)$/.exec(token) ?? [];
  if (timestamp === undefined) throw new AwsError("InvalidParameterException", "The specified nextToken is invalid.");
  return { timestamp: Number(timestamp), id: Number(id) };
}
