import { Interruption, StateError } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { optimisedErrors } from "./errors.ts";
import { asText, members, present, sdkMetadata } from "./metadata.ts";
import type { Action, TaskRequest } from "./types.ts";

const errorOf = optimisedErrors({
  prefix: "StepFunctions",
  modelled: [
    "ExecutionAlreadyExistsException",
    "ExecutionDoesNotExistException",
    "ExecutionLimitExceededException",
    "InvalidArnException",
    "InvalidExecutionInputException",
    "InvalidNameException",
    "SdkClientException",
    "StateMachineDeletingException",
    "StateMachineDoesNotExistException",
  ],
  base: "AWSStepFunctionsException",
  service: "AWSStepFunctions",
  deniedStatus: 400,
});

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html */
export const startExecution: Action = {
  patterns: ["request", "sync", "sync:2", "waitForTaskToken"],
  required: ["StateMachineArn"],
  optional: ["Input", "Name", "TraceHeader"],
  errorOf,
  async start(request) {
    const { Input, Name, StateMachineArn, TraceHeader } = members(request.arguments);
    const input = present({
      stateMachineArn: StateMachineArn,
      name: Name,
      input: Input === null ? undefined : asText(Input),
      traceHeader: TraceHeader,
    });
    const about = { state_machine_arn: StateMachineArn };
    const answer = await request.call("states", "StartExecution", input, "StepFunctions", about);
    return {
      ExecutionArn: answer.output.executionArn,
      ...sdkMetadata(answer, "application/x-amz-json-1.0"),
      StartDate: milliseconds(answer.output.startDate),
    };
  },
  async finish(request, started) {
    const executionArn = String(members(started).ExecutionArn);
    try {
      await request.ended(executionArn, request.signal);
    } catch (reason) {
      // A job that is no longer waited for is stopped; a restart of the twin only pauses the waiting.
      if (!(reason instanceof Interruption && reason.kind === "shutdown")) await stopChild(request, executionArn);
      throw reason;
    }
    const { output } = await request.call("states", "DescribeExecution", { executionArn }, "StepFunctions");
    const result = childResult(output, request.pattern === "sync:2");
    if (result.Status !== "SUCCEEDED") throw new StateError("States.TaskFailed", JSON.stringify(result));
    return result;
  },
};

async function stopChild(request: TaskRequest, executionArn: string): Promise<void> {
  try {
    await request.call("states", "StopExecution", { executionArn }, "StepFunctions");
  } catch {
    // Best effort, as on AWS: the role may lack the permission, or the child has ended meanwhile.
  }
}

const DATES = ["startDate", "stopDate", "redriveDate"];
const DOCUMENTS = ["input", "output"];

/** DescribeExecution with PascalCase members; `.sync:2` has its documents as JSON, `.sync` as text. */
function childResult(output: Readonly<Record<string, Json>>, parse: boolean): JsonObject {
  return Object.fromEntries(
    Object.entries(output).map(([name, value]) => [
      pascal(name),
      DATES.includes(name)
        ? milliseconds(value)
        : parse && DOCUMENTS.includes(name) && typeof value === "string"
          ? (JSON.parse(value) as Json)
          : isObject(value)
            ? Object.fromEntries(Object.entries(value).map(([key, member]) => [pascal(key), member]))
            : value,
    ]),
  );
}

/** Dates in results are epoch milliseconds (seen in published causes; the reference does not say). */
function milliseconds(seconds: Json): number {
  return Math.round(Number(seconds) * 1000);
}

function pascal(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
