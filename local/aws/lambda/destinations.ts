import type { Kernel } from "../kernel/kernel.ts";
import { ACCOUNT, arnResource } from "../kernel/names.ts";
import type { Principal } from "../kernel/service.ts";
import type { AsyncEvent } from "./asynchronous.ts";
import { LATEST } from "./registry.ts";
import type { FunctionVersion } from "./types.ts";

/** Why an asynchronous invocation ended. */
export type Condition = "Success" | "RetriesExhausted" | "EventAgeExceeded" | "ZeroReservedConcurrency";

/** The last answer of the function, if it ran at all. */
export interface LastAnswer {
  /** JSON text. */
  readonly payload: string;
  readonly failed: boolean;
}

/** The body of a message to a destination, as documented. */
export interface InvocationRecord {
  readonly version: "1.0";
  readonly timestamp: string;
  readonly requestContext: {
    readonly requestId: string;
    readonly functionArn: string;
    readonly condition: Condition;
    readonly approximateInvokeCount: number;
  };
  readonly requestPayload: unknown;
  readonly responseContext?: object;
  readonly responsePayload?: unknown;
}

const SERVICES = ["sqs", "events", "lambda"];

/** Why the twin cannot send to this destination ARN; `undefined` when it can. */
export function destinationProblem(target: string): string | undefined {
  const service = target.split(":")[2];
  if (service && SERVICES.includes(service)) return undefined;
  return `the twin sends to queues, event buses and functions, not to '${target}'`;
}

/**
 * The invocation record for a destination.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
export function invocationRecord(
  event: AsyncEvent,
  condition: Condition,
  answer: LastAnswer | undefined,
  now: number,
): InvocationRecord {
  const answered = answer && {
    responseContext: {
      statusCode: 200,
      executedVersion: event.executedVersion,
      ...(answer.failed ? { functionError: "Unhandled" } : {}),
    },
    responsePayload: JSON.parse(answer.payload),
  };
  return {
    version: "1.0",
    timestamp: new Date(now).toISOString(),
    requestContext: {
      requestId: event.requestId,
      functionArn: qualified(event.functionArn),
      condition,
      approximateInvokeCount: event.attempts,
    },
    requestPayload: JSON.parse(event.payload),
    ...answered,
  };
}

/**
 * Sends an invocation record to a queue, an event bus or a function, as the function's role.
 * @throws AwsError whatever the receiving service answers
 */
export async function sendToDestination(
  kernel: Kernel,
  fn: FunctionVersion,
  target: string,
  event: AsyncEvent,
  record: InvocationRecord,
): Promise<void> {
  const context = { principal: principalOf(kernel, fn), traceHeader: event.traceHeader };
  const body = JSON.stringify(record);
  const service = target.split(":")[2];
  if (service === "sqs") await sendMessage(kernel, target, body, {}, context);
  else if (service === "lambda")
    await kernel.call("lambda", "Invoke", { FunctionName: target, InvocationType: "Event", Payload: body }, context);
  else {
    const result = record.requestContext.condition === "Success" ? "Success" : "Failure";
    await kernel.call("events", "PutEvents", { Entries: [busEntry(target, event, body, result)] }, context);
  }
}

/**
 * Sends the original event to the function's dead-letter queue.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
 */
export async function sendToDeadLetterQueue(
  kernel: Kernel,
  fn: FunctionVersion,
  queueArn: string,
  event: AsyncEvent,
  errorMessage: string,
): Promise<void> {
  const attribute = (DataType: string, StringValue: string) => ({ DataType, StringValue });
  const attributes = {
    RequestID: attribute("String", event.requestId),
    ErrorCode: attribute("Number", "200"),
    ErrorMessage: attribute("String", errorMessage.slice(0, 1024)),
  };
  const context = { principal: principalOf(kernel, fn), traceHeader: event.traceHeader };
  await sendMessage(kernel, queueArn, event.payload, attributes, context);
}

interface Context {
  readonly principal: Principal;
  readonly traceHeader: string;
}

async function sendMessage(
  kernel: Kernel,
  queueArn: string,
  body: string,
  attributes: object,
  context: Context,
): Promise<void> {
  const input = {
    QueueUrl: `${kernel.origin}/${ACCOUNT}/${arnResource(queueArn)}`,
    MessageBody: body,
    MessageAttributes: attributes,
    MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: context.traceHeader } },
  };
  await kernel.call("sqs", "SendMessage", input, context);
}

function busEntry(bus: string, event: AsyncEvent, detail: string, result: "Success" | "Failure"): object {
  return {
    EventBusName: bus,
    Source: "lambda",
    DetailType: `Lambda Function Invocation Result - ${result}`,
    Resources: [bus, qualified(event.functionArn)],
    Detail: detail,
    TraceHeader: event.traceHeader,
  };
}

function principalOf(kernel: Kernel, fn: FunctionVersion): Principal {
  return kernel.identities.assume(fn.role, "lambda.amazonaws.com", fn.name).principal;
}

/** `…:function:name` becomes `…:function:name:$LATEST`. */
function qualified(functionArn: string): string {
  return functionArn.split(":").length > 7 ? functionArn : `${functionArn}:${LATEST}`;
}
