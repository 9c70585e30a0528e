import type { RestRoute, Wire, WireRequest, WireResponse } from "../kernel/service.ts";

const FUNCTIONS = "/2015-03-31/functions";
const MAPPINGS = "/2015-03-31/event-source-mappings";

interface InvokeOutput {
  readonly StatusCode: number;
  readonly ExecutedVersion?: string;
  readonly FunctionError?: string;
  readonly Payload: string;
  readonly LogResult?: string;
}

function invokeInput({ query, headers, body }: WireRequest, params: Readonly<Record<string, string>>): unknown {
  const qualifier = query.get("Qualifier");
  const type = headers["x-amz-invocation-type"];
  const logType = headers["x-amz-log-type"];
  const client = headers["x-amz-client-context"];
  return {
    FunctionName: params.FunctionName,
    Payload: body.toString("utf8"),
    ...(qualifier ? { Qualifier: qualifier } : {}),
    ...(type ? { InvocationType: type } : {}),
    ...(logType ? { LogType: logType } : {}),
    ...(client ? { ClientContext: client } : {}),
  };
}

function invokeOutput(output: unknown): WireResponse {
  const { StatusCode, ExecutedVersion, FunctionError, LogResult, Payload } = output as InvokeOutput;
  return {
    status: StatusCode,
    headers: {
      "content-type": "application/json",
      ...(ExecutedVersion ? { "x-amz-executed-version": ExecutedVersion } : {}),
      ...(FunctionError ? { "x-amz-function-error": FunctionError } : {}),
      ...(LogResult ? { "x-amz-log-result": LogResult } : {}),
    },
    body: Payload,
  };
}

const NO_CONTENT = (): WireResponse => ({ status: 204 });
const ACCEPTED = (output: unknown): WireResponse => ({
  status: 202,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(output),
});

const ROUTES: readonly RestRoute[] = [
  {
    method: "POST",
    path: `${FUNCTIONS}/:FunctionName/invocations`,
    operation: "Invoke",
    input: invokeInput,
    output: invokeOutput,
  },
  { method: "GET", path: FUNCTIONS, operation: "ListFunctions" },
  { method: "GET", path: `${FUNCTIONS}/:FunctionName`, operation: "GetFunction" },
  { method: "GET", path: `${FUNCTIONS}/:FunctionName/configuration`, operation: "GetFunctionConfiguration" },
  { method: "GET", path: `${FUNCTIONS}/:FunctionName/policy`, operation: "GetPolicy" },
  {
    method: "GET",
    path: "/2019-09-25/functions/:FunctionName/event-invoke-config",
    operation: "GetFunctionEventInvokeConfig",
  },
  { method: "PUT", path: "/2017-10-31/functions/:FunctionName/concurrency", operation: "PutFunctionConcurrency" },
  {
    method: "DELETE",
    path: "/2017-10-31/functions/:FunctionName/concurrency",
    operation: "DeleteFunctionConcurrency",
    output: NO_CONTENT,
  },
  { method: "GET", path: MAPPINGS, operation: "ListEventSourceMappings" },
  { method: "GET", path: `${MAPPINGS}/:UUID`, operation: "GetEventSourceMapping" },
  { method: "PUT", path: `${MAPPINGS}/:UUID`, operation: "UpdateEventSourceMapping", output: ACCEPTED },
];

/** The REST paths of the Lambda API. https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html */
export const WIRE: Wire = { kind: "rest", routes: ROUTES };
