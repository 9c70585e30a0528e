import { StateError } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { optimisedErrors } from "./errors.ts";
import { members, present, sdkMetadata } from "./metadata.ts";
import type { Action, Answer, TaskRequest } from "./types.ts";

const errorOf = optimisedErrors({
  prefix: "Lambda",
  modelled: [
    "InvalidParameterValueException",
    "InvalidRequestContentException",
    "RecursiveInvocationException",
    "RequestTooLargeException",
    "ResourceConflictException",
    "ResourceNotFoundException",
    "ResourceNotReadyException",
    "SdkClientException",
    "ServiceException",
    "TooManyRequestsException",
  ],
  base: "AWSLambdaException",
  service: "AWSLambda",
  deniedStatus: 403,
});

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html */
export const invoke: Action = {
  patterns: ["request", "waitForTaskToken"],
  required: ["FunctionName"],
  optional: ["ClientContext", "InvocationType", "LogType", "Payload", "Qualifier"],
  errorOf,
  async start(request) {
    const { Payload, ...rest } = members(request.arguments);
    const input = Payload === undefined ? rest : { ...rest, Payload: JSON.stringify(Payload) };
    const answer = await callFunction(request, input);
    const { output } = answer;
    return {
      ...present({ ExecutedVersion: output.ExecutedVersion, LogResult: output.LogResult }),
      Payload: payloadOf(output.Payload),
      ...sdkMetadata(answer, "application/json"),
      StatusCode: output.StatusCode ?? 200,
    };
  },
};

/** A Task whose resource is the function's ARN: the result is the payload itself. */
export function directInvoke(functionArn: string): Action {
  return {
    patterns: ["request"],
    errorOf,
    async start(request) {
      const input = { FunctionName: functionArn, Payload: JSON.stringify(request.arguments) };
      return payloadOf((await callFunction(request, input)).output.Payload);
    },
  };
}

async function callFunction(request: TaskRequest, input: JsonObject): Promise<Answer> {
  const answer = await request.call("lambda", "Invoke", input, "Lambda", { function_name: input.FunctionName });
  if (answer.output.FunctionError) throw functionError(String(answer.output.Payload ?? ""));
  return answer;
}

/** The function's own error: its type is the error's name, its whole payload the cause. */
function functionError(payload: string): StateError {
  const value = payloadOf(payload);
  const type = isObject(value) && typeof value.errorType === "string" ? value.errorType : "Lambda.Unknown";
  return new StateError(type, payload);
}

function payloadOf(text: unknown): Json {
  if (typeof text !== "string" || text === "") return {};
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
