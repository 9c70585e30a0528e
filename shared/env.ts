import { z } from "zod";
import { InvalidInputError } from "./errors.ts";

/**
 * Reads the function's environment through one schema.
 * @throws InvalidInputError naming every variable that is missing or malformed
 */
export function readEnv<Shape extends z.ZodRawShape>(shape: Shape, env = process.env): z.infer<z.ZodObject<Shape>> {
  const result = z.object(shape).safeParse(env);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  throw new InvalidInputError("BAD_ENVIRONMENT", `The function's environment is wrong: ${problems}`);
}
