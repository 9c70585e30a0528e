import { randomUUID } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import { StateError } from "./errors.ts";
import type { Json } from "./json.ts";
import { afterReal } from "./timers.ts";

/** A task or heartbeat limit ran out; the history shows it as timed out, not as failed. */
export class TaskTimeout extends StateError {
  constructor(kind: "task" | "heartbeat") {
    // A missed heartbeat is recorded as States.Timeout; the documentation lets catchers name States.HeartbeatTimeout.
    super("States.Timeout", undefined, kind === "heartbeat" ? ["States.HeartbeatTimeout"] : []);
  }
}

interface Waiting {
  readonly succeed: (output: Json) => void;
  readonly fail: (error: Error) => void;
  readonly beat: () => void;
}

/**
 * The task tokens that somebody outside still has to answer.
 * https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
 */
export class TaskTokens {
  readonly #waiting = new Map<string, Waiting>();

  /** A new token; it names its execution, so that a late answer can be told from an invented token. */
  create(executionArn: string): string {
    return Buffer.from(JSON.stringify({ execution: executionArn, id: randomUUID() })).toString("base64");
  }

  /**
   * Resolves with the output given to SendTaskSuccess.
   * @param heartbeatMs real milliseconds that may pass between two heartbeats
   * @throws StateError given to SendTaskFailure, TaskTimeout after a missed heartbeat, the reason of `signal`
   */
  wait(token: string, signal: AbortSignal, heartbeatMs: number | undefined): Promise<Json> {
    return new Promise<Json>((resolve, reject) => {
      let cancel: (() => void) | undefined;
      const end = (settle: () => void) => {
        cancel?.();
        signal.removeEventListener("abort", aborted);
        this.#waiting.delete(token);
        settle();
      };
      const fail = (error: unknown) => end(() => reject(error));
      const aborted = () => fail(signal.reason);
      const beat = () => {
        cancel?.();
        if (heartbeatMs !== undefined) cancel = afterReal(heartbeatMs, () => fail(new TaskTimeout("heartbeat")));
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", aborted, { once: true });
      this.#waiting.set(token, { succeed: (output) => end(() => resolve(output)), fail, beat });
      beat();
    });
  }

  /**
   * The task behind a token.
   * @param knows whether an execution with this ARN exists
   * @throws AwsError `InvalidToken` for an invented token, `TaskDoesNotExist` when its execution is gone,
   * `TaskTimedOut` when the task has ended
   */
  find(token: string, knows: (executionArn: string) => boolean): Waiting {
    const waiting = this.#waiting.get(token);
    if (waiting) return waiting;
    const execution = executionOf(token);
    if (!execution) throw new AwsError("InvalidToken", "Invalid Token: 'Invalid token'");
    if (!knows(execution)) throw new AwsError("TaskDoesNotExist", `Task Does Not Exist: '${token}'`);
    throw new AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
  }
}

function executionOf(token: string): string | undefined {
  try {
    const content = JSON.parse(Buffer.from(token, "base64").toString()) as { execution?: unknown };
    return typeof content.execution === "string" ? content.execution : undefined;
  } catch {
    return undefined;
  }
}
