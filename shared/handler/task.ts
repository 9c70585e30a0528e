import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { z } from "zod";
import type { TaskContract } from "../contracts/task.ts";
import { readEnv } from "../env.ts";
import { log, metrics, tracer } from "../observability.ts";
import { withScope } from "../scope.ts";
import { type LambdaHandler, withStack } from "./stack.ts";

type TaskInput = { lane?: unknown; metadata: { correlationId: string; lane?: unknown }; data: unknown };

/**
 * Wraps one task of a state machine: input checked, log lines and trace carry the change's ids. The Lambda service
 * continues the state machine's trace by itself, so no segment of our own is needed.
 */
export function taskHandler<Input extends z.ZodType<TaskInput>, Output extends z.ZodType>(
  { input }: Pick<TaskContract<Input, Output>, "input" | "output">,
  work: (input: z.infer<Input>) => Promise<z.infer<Output>>,
): LambdaHandler<z.infer<Output>> {
  return withStack(input, (task) => {
    const scope = { correlationId: task.metadata.correlationId, ...customerOf(task.data), ...laneOf(task) };
    annotate({ ...scope, lane: undefined, connector: connectorName(), version: versionOf(task.data) });
    return withScope(scope, async () => {
      const output = await work(task);
      log().info("Task done");
      metrics.addMetric("TasksDone", MetricUnit.Count, 1);
      return output;
    });
  });
}

function customerOf(data: unknown): { customerId?: string } {
  const { customerId, customer } = data as { customerId?: unknown; customer?: { customerId?: unknown } };
  const id = customerId ?? customer?.customerId;
  return typeof id === "string" ? { customerId: id } : {};
}

/** The lane that the run itself is on, such as that of a retry, or the one of its event. */
function laneOf({ lane, metadata }: { lane?: unknown; metadata: { lane?: unknown } }): { lane?: "bulk" } {
  return lane === "bulk" || metadata.lane === "bulk" ? { lane: "bulk" } : {};
}

function versionOf(data: unknown): string | undefined {
  const { version } = data as { version?: unknown };
  return typeof version === "string" ? version : undefined;
}

/** `billing` of the service name `billing/upsert-customer`. */
function connectorName(): string | undefined {
  const { POWERTOOLS_SERVICE_NAME } = readEnv({ POWERTOOLS_SERVICE_NAME: z.string().optional() });
  return POWERTOOLS_SERVICE_NAME?.split("/")[0];
}

function annotate(annotations: Readonly<Record<string, string | undefined>>): void {
  for (const [key, value] of Object.entries(annotations)) if (value !== undefined) tracer.putAnnotation(key, value);
}
