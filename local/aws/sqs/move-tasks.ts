import { randomUUID } from "node:crypto";
import type { Operation } from "../kernel/service.ts";
import { invalidParameter, invalidValue, missingParameter, resourceNotFound } from "./errors.ts";
import type { Queue } from "./queue.ts";
import type { QueueRegistry } from "./registry.ts";

interface StartInput {
  readonly SourceArn?: string;
  readonly DestinationArn?: string;
  readonly MaxNumberOfMessagesPerSecond?: number;
}

type Status = "RUNNING" | "COMPLETED" | "CANCELLING" | "CANCELLED" | "FAILED";

interface MoveTask {
  readonly handle: string;
  readonly input: StartInput;
  readonly startedAt: number;
  readonly toMove: number;
  readonly cancellation: AbortController;
  moved: number;
  status: Status;
  failureReason?: string;
}

/** The fastest that SQS moves messages, a second. */
const FASTEST = 500;
/** Finished tasks that ListMessageMoveTasks can still show. */
const KEPT = 10;

/**
 * Moves dead letters back to where they came from, or elsewhere.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
 */
export class MoveTasks {
  readonly #registry: QueueRegistry;
  readonly #tasks: MoveTask[] = [];

  constructor(registry: QueueRegistry) {
    this.#registry = registry;
  }

  operations(): Record<string, Operation> {
    return {
      StartMessageMoveTask: {
        access: (input: StartInput) => this.#startAccess(input),
        run: (input: StartInput) => this.#start(input),
      },
      ListMessageMoveTasks: {
        access: ({ SourceArn }) => [this.#registry.access("ListMessageMoveTasks", this.#queue("SourceArn", SourceArn))],
        run: ({ SourceArn, MaxResults }) => this.#list(SourceArn, MaxResults),
      },
      CancelMessageMoveTask: {
        access: ({ TaskHandle }) => [
          this.#registry.access("CancelMessageMoveTask", this.#queue("SourceArn", sourceOf(TaskHandle))),
        ],
        run: ({ TaskHandle }) => this.#cancel(TaskHandle),
      },
    };
  }

  /** Ends running tasks; what they have not moved stays in the dead-letter queue. */
  stop(): void {
    for (const { cancellation } of this.#tasks) cancellation.abort();
  }

  #queue(parameter: string, arn: string | undefined): Queue {
    if (!arn) throw missingParameter(parameter);
    const queue = this.#registry.byArn(arn);
    if (!queue) throw resourceNotFound(`The resource that you specified for the ${parameter} parameter doesn't exist.`);
    return queue;
  }

  #startAccess({ SourceArn, DestinationArn }: StartInput) {
    const source = this.#queue("SourceArn", SourceArn);
    const targets = DestinationArn ? [this.#queue("DestinationArn", DestinationArn)] : this.#registry.sourcesOf(source);
    const onSource = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
    return [
      ...onSource.map((action) => this.#registry.access(action, source)),
      ...targets.map((target) => this.#registry.access("SendMessage", target)),
    ];
  }

  #start(input: StartInput) {
    const source = this.#queue("SourceArn", input.SourceArn);
    const rate = input.MaxNumberOfMessagesPerSecond;
    if (rate !== undefined && !(Number.isInteger(rate) && rate >= 1 && rate <= FASTEST))
      throw invalidValue(rate, "MaxNumberOfMessagesPerSecond", `Must be between 1 and ${FASTEST}, if provided.`);
    if (this.#registry.sourcesOf(source).length === 0)
      throw invalidParameter("Source queue must be configured as a Dead Letter Queue.");
    if (this.#of(source.arn).some(({ status }) => status === "RUNNING" || status === "CANCELLING"))
      throw invalidParameter(
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
      );
    const task: MoveTask = {
      handle: Buffer.from(JSON.stringify({ taskId: randomUUID(), sourceArn: source.arn })).toString("base64"),
      input: {
        SourceArn: source.arn,
        ...(input.DestinationArn ? { DestinationArn: input.DestinationArn } : {}),
        ...(rate === undefined ? {} : { MaxNumberOfMessagesPerSecond: rate }),
      },
      startedAt: this.#registry.kernel.clock.now(),
      toMove: source.counts().visible,
      cancellation: new AbortController(),
      moved: 0,
      status: "RUNNING",
    };
    this.#tasks.unshift(task);
    void this.#run(task, source, rate ?? FASTEST);
    return { TaskHandle: task.handle };
  }

  /** Moves in ticks of a tenth of a second, or one message a tick when the rate is lower than that. */
  async #run(task: MoveTask, source: Queue, rate: number): Promise<void> {
    const perTick = Math.max(1, Math.floor(rate / 10));
    try {
      while (task.status === "RUNNING") {
        await this.#registry.kernel.clock.sleep((perTick / rate) * 1000, task.cancellation.signal);
        for (let n = 0; n < perTick && task.status === "RUNNING"; n += 1) this.#moveOne(task, source);
      }
    } catch {
      // The only rejection is the cancellation of the sleep.
      task.status = "CANCELLED";
    }
  }

  /** Moves the next message, as a new one; it goes back into `source`, and the task fails, when it belongs nowhere. */
  #moveOne(task: MoveTask, source: Queue): void {
    const message = task.moved < task.toMove ? source.takeForMove() : undefined;
    if (!message) {
      task.status = "COMPLETED";
      return;
    }
    const targetArn = task.input.DestinationArn ?? message.deadLetterSource;
    const target = targetArn ? this.#registry.byArn(targetArn) : undefined;
    if (!target) {
      task.failureReason = targetArn ? "AWS.SimpleQueueService.NonExistentQueue" : "CouldNotDetermineMessageSource";
      task.status = "FAILED";
      source.add(message);
      return;
    }
    const { firstReceivedAt: _first, receivedAt: _received, deadLetterSource: _source, ...rest } = message;
    target.add({ ...rest, id: randomUUID(), sentAt: this.#registry.kernel.clock.now(), receiveCount: 0 });
    task.moved += 1;
  }

  #of(sourceArn: string): MoveTask[] {
    return this.#tasks.filter(({ input }) => input.SourceArn === sourceArn);
  }

  #list(sourceArn: string, maxResults = 1) {
    if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > KEPT)
      throw invalidValue(maxResults, "MaxResults", `Must be between 1 and ${KEPT}, if provided.`);
    return { Results: this.#of(sourceArn).slice(0, maxResults).map(row) };
  }

  #cancel(handle: string) {
    const task = this.#tasks.find((candidate) => candidate.handle === handle);
    if (task?.status !== "RUNNING") throw resourceNotFound("Task does not exist.");
    task.status = "CANCELLING";
    task.cancellation.abort();
    return { ApproximateNumberOfMessagesMoved: task.moved };
  }
}

function row({ handle, input, startedAt, toMove, moved, status, failureReason }: MoveTask) {
  return {
    ...(status === "RUNNING" ? { TaskHandle: handle } : {}),
    Status: status,
    ...input,
    ApproximateNumberOfMessagesMoved: moved,
    ApproximateNumberOfMessagesToMove: toMove,
    ...(failureReason ? { FailureReason: failureReason } : {}),
    StartedTimestamp: startedAt,
  };
}

/** The source queue in a task handle. @throws AwsError `InvalidParameterValueException` when it is not a handle */
function sourceOf(handle: string | undefined): string {
  if (!handle) throw missingParameter("TaskHandle");
  try {
    const { taskId, sourceArn } = JSON.parse(Buffer.from(handle, "base64").toString());
    if (typeof taskId === "string" && typeof sourceArn === "string") return sourceArn;
  } catch {
    // Falls through to the one error for every handle that SQS did not make.
  }
  throw invalidParameter("Value for parameter TaskHandle is invalid.");
}
