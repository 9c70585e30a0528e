import type { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Principal } from "../kernel/service.ts";

interface LogEvent {
  readonly timestamp: number;
  readonly message: string;
}

/** Lines are sent at the end of an invocation, and this often during a long one. */
const FLUSH_MS = 500;
/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
const MAX_EVENTS = 10_000;
const MAX_BATCH_BYTES = 1_048_576;
const EVENT_OVERHEAD_BYTES = 26;

/**
 * The log stream of one environment. Group and stream are made when first needed, with the function's own role;
 * without the permission the lines are lost, as on AWS, and the refused call stands once in the activity.
 */
export class LogStream {
  readonly #kernel: Kernel;
  readonly #principal: Principal;
  readonly #group: string;
  readonly #stream: string;
  #pending: LogEvent[] = [];
  #sending: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #latest = 0;
  #created = false;
  #lost = false;

  constructor(kernel: Kernel, principal: Principal, group: string, stream: string) {
    this.#kernel = kernel;
    this.#principal = principal;
    this.#group = group;
    this.#stream = stream;
  }

  /** Adds one log message, stamped in epoch milliseconds; a stamp never lies before that of the message before. */
  add(message: string, at: number): void {
    if (this.#lost) return;
    this.#latest = Math.max(this.#latest, at);
    this.#pending.push({ message, timestamp: this.#latest });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  /** Sends what was added so far; resolves when CloudWatch Logs has it (or refused it). Never rejects. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#pending;
    this.#pending = [];
    if (events.length > 0) this.#sending = this.#sending.then(() => this.#send(events)).catch(() => this.#lose());
    return this.#sending;
  }

  /** Sends the rest; what is added later is lost. */
  close(): Promise<void> {
    const sent = this.flush();
    this.#lost = true;
    return sent;
  }

  #lose(): void {
    this.#lost = true;
    this.#pending = [];
  }

  async #send(events: readonly LogEvent[]): Promise<void> {
    if (!this.#created) await this.#create();
    this.#created = true;
    for (const logEvents of batches(events)) await this.#call("PutLogEvents", { logEvents });
  }

  async #create(): Promise<void> {
    try {
      await this.#call("CreateLogStream");
    } catch (error) {
      if ((error as AwsError).code !== "ResourceNotFoundException") throw error;
      await this.#call("CreateLogGroup").catch(ignoreExisting);
      await this.#call("CreateLogStream").catch(ignoreExisting);
    }
  }

  #call(operation: string, input: object = {}): Promise<unknown> {
    const stream = operation === "CreateLogGroup" ? {} : { logStreamName: this.#stream };
    const request = { logGroupName: this.#group, ...stream, ...input };
    return this.#kernel.call("logs", operation, request, { principal: this.#principal });
  }
}

/** Two environments may make the group at the same moment. */
function ignoreExisting(error: AwsError): void {
  if (error.code !== "ResourceAlreadyExistsException") throw error;
}

function batches(events: readonly LogEvent[]): LogEvent[][] {
  const result: LogEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const size = Buffer.byteLength(event.message) + EVENT_OVERHEAD_BYTES;
    const batch = result.at(-1);
    if (batch && batch.length < MAX_EVENTS && bytes + size <= MAX_BATCH_BYTES) {
      batch.push(event);
      bytes += size;
    } else {
      result.push([event]);
      bytes = size;
    }
  }
  return result;
}
