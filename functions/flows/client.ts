import { SFNClient, StartSyncExecutionCommand } from "@aws-sdk/client-sfn";
import { awsClient } from "#shared/aws.ts";
import { awsError } from "#shared/aws-errors.ts";
import { InvalidInputError, RateLimitedError } from "#shared/errors.ts";

/** How a run of an Express state machine ended. */
export interface RunResult {
  readonly executionArn: string;
  readonly status: "SUCCEEDED" | "FAILED" | "TIMED_OUT";
  readonly error?: string;
  readonly cause?: string;
  /** What a run that succeeded answers, JSON. */
  readonly output?: string;
}

/** Starts a run and waits for its end. */
export type RunWorkflow = (input: unknown) => Promise<RunResult>;

/** Longer than a run of customer-sync may take. It is asked for once: another attempt would outlive the function. */
export const RUN_TIMEOUT_MS = 112_000;

const REFUSED = new Set(["InvalidExecutionInput", "InvalidName"]);
const THROTTLED = new Set(["ThrottlingException", "TooManyRequestsException"]);

/**
 * Runs one Express state machine synchronously. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
 * Errors are those of the start: NotAuthorizedError, InvalidInputError (an input over 256 KiB among them),
 * RateLimitedError, TransientError. A run that started and failed is an answer, not an error.
 */
export function createWorkflow(
  stateMachineArn: string,
  client = awsClient(new SFNClient({ maxAttempts: 1 }), RUN_TIMEOUT_MS),
): RunWorkflow {
  return async (input) => {
    try {
      const answer = await client.send(
        new StartSyncExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
      );
      return {
        executionArn: answer.executionArn ?? "unknown",
        status: answer.status ?? "FAILED",
        ...(answer.error ? { error: answer.error } : {}),
        ...(answer.cause ? { cause: answer.cause } : {}),
        ...(answer.output ? { output: answer.output } : {}),
      };
    } catch (cause) {
      throw startError(cause);
    }
  };
}

function startError(cause: unknown): Error {
  const failed = awsError(cause, "Starting the workflow");
  if (REFUSED.has(failed.code)) return new InvalidInputError(failed.code, failed.message, { cause });
  if (THROTTLED.has(failed.code)) return new RateLimitedError(failed.code, failed.message, { cause });
  return failed;
}
