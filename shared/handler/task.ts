import { z } from "zod";
import type { EventContract } from "../contracts/event.ts";
import { metadataSchema } from "../contracts/metadata.ts";
import { log, tracer } from "../observability.ts";
import { withScope } from "../scope.ts";
import { type LambdaHandler, withStack } from "./stack.ts";

/** A fleet event as the state machine hands it to a task: its type, who and when, and its data. */
export function taskInputOf<T extends string, Data extends z.ZodType>(type: T, data: Data) {
  return z.looseObject({ type: z.literal(type), metadata: metadataSchema, data });
}

/** As `taskInputOf`, straight from a contract. */
export function eventInputOf<C extends EventContract>(contract: C) {
  return taskInputOf(contract.type as C["type"], contract.detail.shape.data as C["detail"]["shape"]["data"]);
}

type TaskInput = { metadata: { correlationId: string }; data: unknown };

/**
 * Wraps one task of a state machine: input checked, log lines and trace carry the change's ids. The Lambda service
 * continues the state machine's trace by itself, so no segment of our own is needed.
 */
export function taskHandler<S extends z.ZodType<TaskInput>, Output>(
  input: S,
  work: (input: z.infer<S>) => Promise<Output>,
): LambdaHandler<Output> {
  return withStack(input, (task) => {
    const scope = { correlationId: task.metadata.correlationId, ...customerOf(task.data) };
    for (const [key, value] of Object.entries(scope)) tracer.putAnnotation(key, value);
    return withScope(scope, async () => {
      const output = await work(task);
      log().info("Task done");
      return output;
    });
  });
}

function customerOf(data: unknown): { customerId?: string } {
  const { customerId, customer } = data as { customerId?: unknown; customer?: { customerId?: unknown } };
  const id = customerId ?? customer?.customerId;
  return typeof id === "string" ? { customerId: id } : {};
}
