import { createHash } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import { arnResource } from "../kernel/names.ts";
import type { ExecutionRecord } from "./execution.ts";
import { detailsMember, type HistoryEvent, stripData } from "./history.ts";
import type { LogLevel, Machine } from "./machines.ts";

/** Events of one PutLogEvents call, at most. */
const MAX_BATCH = 1000;

const FATAL = new Set(["ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"]);
const ERROR = /(Failed|TimedOut|Aborted)$/;

/** Whether a level lets an event type through. https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html */
export function isLogged(level: LogLevel, type: string): boolean {
  if (level === "ALL") return true;
  if (level === "ERROR") return ERROR.test(type) || type === "FailStateEntered";
  return level === "FATAL" && FATAL.has(type);
}

interface Line {
  readonly timestamp: number;
  readonly message: string;
}

interface Stream {
  readonly group: string;
  readonly name: string;
  readonly lines: Line[];
  created: boolean;
}

/**
 * Writes the histories of executions to the log groups of their machines. AWS delivers these logs itself, not with
 * the machine's role, so the administrator writes them here.
 */
export class ExecutionLog {
  readonly #kernel: Kernel;
  readonly #streams = new Map<string, Stream>();
  #flushing: Promise<void> | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  add(record: ExecutionRecord, event: HistoryEvent): void {
    const { level, includeExecutionData, destinations } = record.machine.logging;
    const [destination] = destinations;
    if (!destination || !isLogged(level, event.type)) return;
    const group = arnResource(destination.cloudWatchLogsLogGroup.logGroupArn)
      .replace(/^log-group:/, "")
      .replace(/:\*$/, "");
    const timestamp = Math.round(event.timestamp * 1000);
    this.#stream(group, record.machine).lines.push({
      timestamp,
      message: JSON.stringify(logLine(record, event, includeExecutionData)),
    });
    this.#flushing ??= this.#flush();
  }

  /** Resolves when all that was added has been handed over. */
  async flushed(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  #stream(group: string, machine: Machine): Stream {
    const revision = createHash("sha256").update(machine.revisionId).digest("hex").slice(0, 8);
    const day = new Date(this.#kernel.clock.now()).toISOString().slice(0, 10);
    const name = `states/${machine.name}/${day}/${revision}`;
    const key = `${group}\n${name}`;
    const stream = this.#streams.get(key) ?? { group, name, lines: [], created: false };
    this.#streams.set(key, stream);
    return stream;
  }

  async #flush(): Promise<void> {
    await Promise.resolve(); // events of the same moment share a batch
    for (let stream = this.#waiting(); stream; stream = this.#waiting()) {
      const lines = stream.lines.splice(0, MAX_BATCH);
      // A log that cannot be written costs the lines, never the execution; the failed call shows in the activity.
      await this.#write(stream, lines).catch(() => undefined);
    }
    this.#flushing = undefined;
  }

  #waiting(): Stream | undefined {
    return [...this.#streams.values()].find(({ lines }) => lines.length > 0);
  }

  async #write(stream: Stream, logEvents: readonly Line[]): Promise<void> {
    const target = { logGroupName: stream.group, logStreamName: stream.name };
    const call = (operation: string, input: object) =>
      this.#kernel.call("logs", operation, input, { principal: ADMINISTRATOR });
    if (!stream.created)
      await call("CreateLogStream", target).catch((cause: unknown) => {
        if (!(cause instanceof AwsError && cause.code === "ResourceAlreadyExistsException")) throw cause;
      });
    stream.created = true;
    await call("PutLogEvents", { ...target, logEvents });
  }
}

/** One line: all top-level values are strings, as AWS writes them. */
function logLine(record: ExecutionRecord, event: HistoryEvent, withData: boolean): Record<string, unknown> {
  const all = (event[detailsMember(event.type)] ?? {}) as Record<string, unknown>;
  const { parameters, ...rest } = all;
  const details = withData ? all : stripData(parameters === undefined ? all : rest);
  return {
    id: String(event.id),
    type: event.type,
    details,
    previous_event_id: String(event.previousEventId),
    event_timestamp: String(Math.round(event.timestamp * 1000)),
    execution_arn: record.arn,
    redrive_count: String(record.redriveCount),
  };
}
