import type { z } from "zod";
import { ContractError, describeError } from "./errors.ts";
import { describeIssues } from "./issues.ts";
import { log } from "./observability.ts";

/**
 * A stored customer, or some of its attributes.
 * @throws ContractError `BAD_RECORD` naming the customer and the paths, never the values
 */
export function parseItem<S extends z.ZodType>(schema: S, item: Record<string, unknown>): z.infer<S> {
  const result = schema.safeParse(item);
  if (result.success) return result.data;
  const problems = describeIssues(result.error.issues);
  throw new ContractError(
    "BAD_RECORD",
    `The stored customer ${item.customerId} does not have the agreed shape: ${problems}`,
  );
}

/** The same among many others, which it must not keep waiting: none, with a line in the log, when it cannot be used. */
export function usableItem<S extends z.ZodType>(schema: S, item: Record<string, unknown>): z.infer<S>[] {
  try {
    return [parseItem(schema, item)];
  } catch (error) {
    log().error("A stored customer cannot be used and is left out", { error: describeError(error) });
    return [];
  }
}
