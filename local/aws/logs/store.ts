import { AwsError } from "../kernel/errors.ts";
import { arn } from "../kernel/names.ts";

/** Lines kept per log group; older ones are forgotten, so that a long run does not fill the memory. */
const MAX_EVENTS = 20_000;
const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface LogEvent {
  /** Place in the order of arrival, over all groups. */
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
  readonly ingestionTime: number;
}

export interface LogStream {
  readonly name: string;
  readonly creationTime: number;
  events: LogEvent[];
}

export interface LogGroup {
  readonly name: string;
  readonly arn: string;
  readonly creationTime: number;
  retentionInDays?: number;
  readonly streams: Map<string, LogStream>;
  size: number;
}

/** Log groups in memory. */
export class LogStore {
  readonly groups = new Map<string, LogGroup>();
  #nextId = 1;

  /** @throws AwsError `ResourceAlreadyExistsException` */
  createGroup(name: string, now: number): LogGroup {
    if (this.groups.has(name))
      throw new AwsError("ResourceAlreadyExistsException", "The specified log group already exists");
    const group = { name, arn: arn("logs", `log-group:${name}`), creationTime: now, streams: new Map(), size: 0 };
    this.groups.set(name, group);
    return group;
  }

  /** @throws AwsError `ResourceNotFoundException` */
  group(name: string): LogGroup {
    const group = this.groups.get(name);
    if (group) return group;
    throw new AwsError("ResourceNotFoundException", "The specified log group does not exist.");
  }

  /** @throws AwsError `ResourceAlreadyExistsException` */
  createStream(group: LogGroup, name: string, now: number): void {
    if (group.streams.has(name))
      throw new AwsError("ResourceAlreadyExistsException", "The specified log stream already exists");
    group.streams.set(name, { name, creationTime: now, events: [] });
  }

  /** @throws AwsError `ResourceNotFoundException` */
  stream(group: LogGroup, name: string): LogStream {
    const stream = group.streams.get(name);
    if (stream) return stream;
    throw new AwsError("ResourceNotFoundException", "The specified log stream does not exist.");
  }

  append(
    group: LogGroup,
    stream: LogStream,
    lines: readonly { timestamp: number; message: string }[],
    now: number,
  ): void {
    for (const { timestamp, message } of lines) {
      if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES)
        throw new AwsError("InvalidParameterException", `Log event too large: at most ${MAX_MESSAGE_BYTES} bytes.`);
      stream.events.push({ id: this.#nextId++, timestamp, message, ingestionTime: now });
    }
    group.size += lines.length;
    if (group.size > MAX_EVENTS) trim(group);
  }
}

/** Forgets the oldest tenth, by arrival. */
function trim(group: LogGroup): void {
  const ids = [...group.streams.values()].flatMap(({ events }) => events.map(({ id }) => id)).sort((a, b) => a - b);
  const oldest = ids[ids.length - Math.floor(MAX_EVENTS * 0.9)] ?? 0;
  for (const [name, stream] of group.streams) {
    stream.events = stream.events.filter(({ id }) => id >= oldest);
    if (stream.events.length === 0) group.streams.delete(name);
  }
  group.size = [...group.streams.values()].reduce((sum, { events }) => sum + events.length, 0);
}
