import { DEFAULT_PROVIDERS } from "@aws-lambda-powertools/parameters/base";
import { getSecret, SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { z } from "zod";
import { withTimeouts } from "./aws.ts";
import { awsWords } from "./aws-errors.ts";
import { networkCodeOf } from "./bare-error.ts";
import { NotAuthorizedError, TransientError } from "./errors.ts";

const MAX_AGE_SECONDS = 300;
/** There is none, or it is scheduled for deletion. */
const MISSING: ReadonlySet<string> = new Set(["ResourceNotFoundException", "InvalidRequestException"]);

/** Reads a secret's text by name or ARN, from a cache that is `maxAge` seconds old at most. */
export type ReadSecret = (secretId: string, options: { maxAge: number; forceFetch: boolean }) => Promise<unknown>;

/**
 * Reads a connection: one secret that holds a system's endpoint and credentials together. Cached for five minutes, so a
 * rotated secret is picked up without a deploy; `forceFetch` skips the cache after the target refused the credentials.
 * `readSecret` stands in for Secrets Manager with the function's own credentials.
 * @throws NotAuthorizedError when the function may not read the secret, it does not exist, or it does not have the shape of
 * `schema`: a person stores it anew, and no record is to blame. Its content is never part of the message
 */
export async function readConnection<S extends z.ZodType>(
  secretId: string,
  schema: S,
  options: { forceFetch?: boolean; readSecret?: ReadSecret | undefined } = {},
): Promise<z.infer<S>> {
  const value = await fetchSecret(secretId, options.forceFetch ?? false, options.readSecret ?? readInTime);
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    throw new NotAuthorizedError("BAD_CONNECTION", `Secret ${secretId} is not JSON; write it as one JSON object.`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issues = closest(result.error.issues);
  const problems = issues.map((issue) => `${issue.path.join(".") || "(root)"}: ${issue.code}`).join("; ");
  throw new NotAuthorizedError("BAD_CONNECTION", `Secret ${secretId} does not have the expected members: ${problems}`);
}

/** Powertools makes a client that waits without end, unless there is one. */
const readInTime: ReadSecret = (secretId, options) => {
  DEFAULT_PROVIDERS.secrets ??= new SecretsProvider({ awsSdkV3Client: withTimeouts(new SecretsManagerClient({})) });
  return getSecret(secretId, options);
};

async function fetchSecret(secretId: string, forceFetch: boolean, readSecret: ReadSecret): Promise<string> {
  try {
    const value = await readSecret(secretId, { maxAge: MAX_AGE_SECONDS, forceFetch });
    if (typeof value === "string" && value !== "") return value;
  } catch (cause) {
    const root = rootCause(cause);
    const words = networkCodeOf(cause) || awsWords(root.name, root.message);
    if (root.name === "AccessDeniedException")
      throw new NotAuthorizedError("SECRET_DENIED", `May not read secret ${secretId}: ${words}`, { cause });
    if (!MISSING.has(root.name))
      throw new TransientError("SECRET_UNAVAILABLE", `Could not read secret ${secretId}: ${words}`, { cause });
  }
  throw new NotAuthorizedError(
    "SECRET_MISSING",
    `Secret ${secretId} has no value; 'npx fleet connect' stores the connection.`,
  );
}

/** Of a union, the problems of the alternative that lacks least. */
function closest(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_union") return [issue];
    const [fewest] = issue.errors.toSorted((a, b) => a.length - b.length);
    return fewest ? closest(fewest) : [issue];
  });
}

function rootCause(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  return error.cause instanceof Error ? rootCause(error.cause) : error;
}
