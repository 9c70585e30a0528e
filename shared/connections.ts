import { getSecret } from "@aws-lambda-powertools/parameters/secrets";
import type { z } from "zod";
import { ContractError, NotAuthorizedError, TransientError } from "./errors.ts";

const MAX_AGE_SECONDS = 300;

/**
 * Reads a connection: one secret that holds a system's endpoint and credentials together. Cached for five minutes, so a
 * rotated secret is picked up without a deploy; `forceFetch` skips the cache after the target refused the credentials.
 * @throws NotAuthorizedError when the function may not read the secret or it does not exist
 * @throws ContractError when the secret does not have the shape of `schema`; its content is never part of the message
 */
export async function readConnection<S extends z.ZodType>(
  secretId: string,
  schema: S,
  options: { forceFetch?: boolean } = {},
): Promise<z.infer<S>> {
  const value = await fetchSecret(secretId, options.forceFetch ?? false);
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    throw new ContractError("BAD_CONNECTION", `Secret ${secretId} is not JSON; write it as one JSON object.`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "(root)"}: ${issue.code}`).join("; ");
  throw new ContractError("BAD_CONNECTION", `Secret ${secretId} does not have the expected members: ${problems}`);
}

async function fetchSecret(secretId: string, forceFetch: boolean): Promise<string> {
  try {
    const value = await getSecret(secretId, { maxAge: MAX_AGE_SECONDS, forceFetch });
    if (typeof value === "string" && value !== "") return value;
  } catch (cause) {
    const root = rootCause(cause);
    if (root.name === "AccessDeniedException")
      throw new NotAuthorizedError("SECRET_DENIED", `May not read secret ${secretId}: ${root.message}`, { cause });
    if (root.name !== "ResourceNotFoundException")
      throw new TransientError("SECRET_UNAVAILABLE", `Could not read secret ${secretId}: ${root.message}`, { cause });
  }
  throw new NotAuthorizedError("SECRET_MISSING", `Secret ${secretId} has no value; store the connection there first.`);
}

function rootCause(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  return error.cause instanceof Error ? rootCause(error.cause) : error;
}
