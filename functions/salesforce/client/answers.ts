import type { z } from "zod";
import { ContractError } from "#shared/errors.ts";

/**
 * An answer of Salesforce in its agreed shape.
 * @param what completes "Salesforce did not answer with …"
 * @throws ContractError without any of the answer's content
 */
export function readAnswer<S extends z.ZodType>(schema: S, answer: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(answer);
  if (!result.success) throw unexpected(what);
  return result.data;
}

export function unexpected(what: string): ContractError {
  return new ContractError("BAD_ANSWER", `Salesforce did not answer with ${what}; check the connection's loginUrl.`);
}
