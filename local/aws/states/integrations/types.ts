import type { MachineType } from "../definition/types.ts";
import type { Json, JsonObject } from "../json.ts";

export type Pattern = "request" | "sync" | "sync:2" | "waitForTaskToken";

/** An answer of a service, with the id of its request. */
export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: each integration knows the output of its call
  readonly output: any;
  readonly requestId: string;
  /** Trace header that travelled with the call. */
  readonly traceHeader: string | undefined;
}

/** What an integration may use while a task runs. */
export interface TaskRequest {
  readonly arguments: Json;
  readonly pattern: Pattern;
  readonly executionArn: string;
  readonly machineArn: string;
  readonly signal: AbortSignal;
  /**
   * Calls a service as the machine's role, inside a subsegment named `subsegment`.
   * @param about members for `aws` of the subsegment, such as `function_name`
   * @throws what `errorOf` of the action makes of the service's error
   */
  call(
    service: string,
    operation: string,
    input: JsonObject,
    subsegment: string,
    about?: Readonly<Record<string, unknown>>,
  ): Promise<Answer>;
  /** Resolves when an execution has ended. */
  ended(executionArn: string, signal: AbortSignal): Promise<void>;
}

/** One `service:action` that a Task may name. */
export interface Action {
  readonly patterns: readonly Pattern[];
  /** Members of `Arguments`: those that must be there, and those that may. Absent: any object. */
  readonly required?: readonly string[];
  readonly optional?: readonly string[];
  /** The task's error for an error of the service; anything else comes back as it is. */
  errorOf(cause: unknown, requestId: string): unknown;
  /** Makes the call. @throws StateError */
  start(request: TaskRequest): Promise<Json>;
  /** Waits for the job that `start` began; only for `.sync`. @throws StateError */
  finish?(request: TaskRequest, started: Json): Promise<Json>;
}

/** The resource of a Task, understood. */
export interface Integration extends Action {
  readonly pattern: Pattern;
  /** As the history names it: `lambda` and `invoke.waitForTaskToken`; a direct function ARN has no type. */
  readonly resourceType: string | undefined;
  readonly resource: string;
  /** How States.DataLimitExceeded names the task. */
  readonly subject: string;
}

/** Understands a Task's resource; a string is the reason why it cannot be run. */
export type Resolver = (resource: string, machineType?: MachineType) => Integration | string;
