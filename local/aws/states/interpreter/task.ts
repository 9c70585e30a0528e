import { randomUUID } from "node:crypto";
import { AwsError } from "../../kernel/errors.ts";
import { REGION } from "../../kernel/names.ts";
import type { TaskState } from "../definition/types.ts";
import { dataLimitExceeded, StateError } from "../errors.ts";
import type { Action, Answer, Integration, TaskRequest } from "../integrations/types.ts";
import { isObject, type Json, type JsonObject, jsonBytes, MAX_DATA_BYTES } from "../json.ts";
import { withTimeout } from "../timers.ts";
import { TaskTimeout } from "../tokens.ts";
import { exceptionCause, type Span } from "../tracing.ts";
import { checkSize, type Outcome } from "./frame.ts";
import { TaskEvents, type TaskLimits } from "./task-events.ts";
import type { Visit } from "./visit.ts";

/** One attempt of a Task. https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html */
export async function runTask(visit: Visit<TaskState>): Promise<Outcome> {
  const { state, position } = visit;
  const { run } = visit.frame;
  const integration = resolved(visit);
  if (integration.pattern === "waitForTaskToken")
    visit.token = position.submitted?.token ?? run.tokens.create(run.executionArn);
  const args = state.Arguments === undefined ? visit.input : await visit.evaluate(state.Arguments, "Arguments");
  checkArguments(args, integration);
  const limits = await evaluateLimits(visit);
  const events = new TaskEvents(visit, integration);
  if (!position.submitted) events.scheduled(checkSize(args, visit.name), limits);
  const result = await attempt(visit, integration, args, limits, events);
  return visit.complete(result, { result });
}

async function attempt(
  visit: Visit<TaskState>,
  integration: Integration,
  args: Json,
  limits: TaskLimits,
  events: TaskEvents,
): Promise<Json> {
  try {
    const result = await withTimeout(
      (signal) => work(visit, integration, requestFor(visit, integration, args, signal), limits, events),
      limits.timeoutInSeconds === undefined ? undefined : limits.timeoutInSeconds * 1000,
      () => new TaskTimeout("task"),
      visit.frame.signal,
    );
    if (jsonBytes(result) > MAX_DATA_BYTES) throw dataLimitExceeded(integration.subject);
    events.succeeded(result);
    return result;
  } catch (cause) {
    if (cause instanceof StateError) events.failed(cause);
    throw cause;
  }
}

/** Makes the call and, for `.sync` and callbacks, waits for what comes of it. */
async function work(
  { position, frame, token }: Visit<TaskState>,
  integration: Integration,
  request: TaskRequest,
  limits: TaskLimits,
  events: TaskEvents,
): Promise<Json> {
  const { signal } = request;
  const heartbeat = limits.heartbeatInSeconds;
  // Heartbeats belong to callbacks: nothing else can send one. The token counts before the call that carries it ends.
  const answer = token && frame.run.tokens.wait(token, signal, heartbeat === undefined ? undefined : heartbeat * 1000);
  if (answer) answer.catch(() => undefined);
  if (!position.submitted) {
    const output = await integration.start(request);
    if (integration.pattern === "request" || signal.aborted) return output;
    events.submitted(output);
    position.submitted = { output, ...(token ? { token } : {}) };
  }
  if (answer) return answer;
  return (integration as Required<Action>).finish(request, position.submitted.output);
}

function requestFor(visit: Visit<TaskState>, integration: Integration, args: Json, signal: AbortSignal): TaskRequest {
  const { run } = visit.frame;
  return {
    arguments: args,
    pattern: integration.pattern,
    executionArn: run.executionArn,
    machineArn: run.machineArn,
    signal,
    ended: (executionArn, waiting) => run.ended(executionArn, waiting),
    call: (service, operation, input, subsegment, about) =>
      callService(visit, integration, { service, operation, input }, subsegment, about),
  };
}

async function callService(
  visit: Visit<TaskState>,
  integration: Integration,
  { service, operation, input }: { service: string; operation: string; input: JsonObject },
  subsegment: string,
  about: Readonly<Record<string, unknown>> = {},
): Promise<Answer> {
  const { kernel, principal } = visit.frame.run;
  const requestId = randomUUID();
  const aws = { operation, region: REGION, request_id: requestId, ...about };
  const span = visit.span?.child(subsegment, { namespace: "aws", aws });
  const traceHeader = span?.header();
  try {
    const context = { principal: principal(), requestId, ...(traceHeader ? { traceHeader } : {}) };
    const output = await kernel.call(service, operation, input, context);
    span?.close({ http: { response: { status: 200 } } });
    return { output, requestId, traceHeader };
  } catch (cause) {
    closeFailed(span, cause);
    throw integration.errorOf(cause, requestId);
  }
}

function closeFailed(span: Span | undefined, cause: unknown): void {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const status = cause instanceof AwsError ? cause.status : 500;
  span?.close({
    ...(status >= 500 ? { fault: true } : { error: true }),
    ...(status === 429 ? { throttle: true } : {}),
    http: { response: { status } },
    cause: exceptionCause(error.name, error.message),
  });
}

function resolved({ frame, state }: Visit<TaskState>): Integration {
  const integration = frame.run.resolve(state.Resource);
  // The definition was checked when it was created; a resource can only be lost with the twin's own services.
  if (typeof integration === "string") throw new StateError("States.Runtime", `${state.Resource}: ${integration}`);
  return integration;
}

function checkArguments(args: Json, { required, optional, resource }: Integration): void {
  if (!required) return;
  const given = isObject(args) ? Object.keys(args) : [];
  const missing = required.filter((name) => !given.includes(name));
  const unknown = optional ? given.filter((name) => !required.includes(name) && !optional.includes(name)) : [];
  if (missing.length > 0)
    throw new StateError(
      "States.Runtime",
      `The Arguments of '${resource}' lack the required field(s) ${missing.join(", ")}`,
    );
  if (unknown.length > 0)
    throw new StateError(
      "States.Runtime",
      `The Arguments of '${resource}' have the unsupported field(s) ${unknown.join(", ")}`,
    );
}

async function evaluateLimits(visit: Visit<TaskState>): Promise<TaskLimits> {
  const { TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat } = visit.state;
  const timeoutInSeconds =
    timeout === undefined ? undefined : await visit.evaluateInteger(timeout, "TimeoutSeconds", 1);
  const heartbeatInSeconds =
    heartbeat === undefined ? undefined : await visit.evaluateInteger(heartbeat, "HeartbeatSeconds", 1);
  if (timeoutInSeconds !== undefined && heartbeatInSeconds !== undefined && heartbeatInSeconds >= timeoutInSeconds)
    throw visit.fieldFailed(
      "HeartbeatSeconds",
      "The HeartbeatSeconds field must be smaller than the TimeoutSeconds field",
    );
  return {
    ...(timeoutInSeconds === undefined ? {} : { timeoutInSeconds }),
    ...(heartbeatInSeconds === undefined ? {} : { heartbeatInSeconds }),
  };
}
