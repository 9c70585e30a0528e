import { z } from "zod";
import { NotAuthorizedError } from "./errors.ts";
import { describeIssues } from "./issues.ts";

/**
 * Reads the function's environment through one schema.
 * @throws NotAuthorizedError naming every variable that is missing or malformed: no record is at fault, a person has to
 * mend the deployment
 */
export function readEnv<Shape extends z.ZodRawShape>(shape: Shape, env = process.env): z.infer<z.ZodObject<Shape>> {
  const result = z.object(shape).safeParse(env);
  if (result.success) return result.data;
  throw new NotAuthorizedError(
    "BAD_ENVIRONMENT",
    `The function's environment is wrong: ${describeIssues(result.error.issues)}`,
  );
}
