import { z } from "zod";
import { InvalidInputError } from "./errors.ts";
import { describeIssues } from "./issues.ts";

/**
 * Reads the function's environment through one schema.
 * @throws InvalidInputError naming every variable that is missing or malformed
 */
export function readEnv<Shape extends z.ZodRawShape>(shape: Shape, env = process.env): z.infer<z.ZodObject<Shape>> {
  const result = z.object(shape).safeParse(env);
  if (result.success) return result.data;
  throw new InvalidInputError(
    "BAD_ENVIRONMENT",
    `The function's environment is wrong: ${describeIssues(result.error.issues)}`,
  );
}
