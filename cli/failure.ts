import { UNTOLD } from "#shared/bare-error.ts";
import { UsageError } from "./usage.ts";

interface Failure extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
}

const LOCAL = "start the local fleet with 'npm start'";
const EXPIRED = new Set(["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"]);
const UNKNOWN_KEY = new Set(["UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"]);

/**
 * What went wrong as one sentence that says what to do, and the exit code that goes with it.
 * @param command as it was called, such as `fleet parked`; its help explains wrong usage
 */
export function describeFailure(error: unknown, command = "fleet"): { sentence: string; exitCode: 1 | 2 } {
  const { message, code } = error as Failure;
  const usage = error instanceof UsageError || code?.startsWith("ERR_PARSE_ARGS");
  if (usage) return { sentence: `${message}; see '${command} --help'`, exitCode: 2 };
  const causes = causesOf(error);
  const advice = causes.map((cause) => adviceFor(cause, causes[0] ?? cause)).find((sentence) => sentence !== undefined);
  return { sentence: advice ?? (message || code || String(error)), exitCode: 1 };
}

function adviceFor(error: Failure, outermost: Failure): string | undefined {
  const { name, message, code } = error;
  if (/Region is missing/i.test(message))
    return `no AWS region is set: give AWS_REGION, or AWS_PROFILE with a profile that has one, or ${LOCAL}`;
  if (name === "CredentialsProviderError" || /Could not load credentials/i.test(message))
    return `there are no AWS credentials that work${inBrackets(message)}: sign in, choose a profile with AWS_PROFILE, or ${LOCAL}`;
  if (EXPIRED.has(name)) return "the AWS credentials have expired: sign in again";
  if (UNKNOWN_KEY.has(name)) return `AWS does not know these credentials${inBrackets(message)}: sign in again`;
  if (code === "ECONNREFUSED" && error.port)
    return `nothing answers at ${error.address}:${error.port}: ${LOCAL}, or unset AWS_ENDPOINT_URL`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `there is no such address${inBrackets(message)}: check the network, AWS_REGION and AWS_ENDPOINT_URL`;
  if (name === "ResourceNotFoundException")
    return `${firstLine(outermost.message)}: is the fleet deployed with this stage? give another with --stage`;
  return undefined;
}

/** The error and everything behind it; a connection that fails hides the reasons in a list. */
function causesOf(error: unknown): Failure[] {
  if (!(error instanceof Error)) return [];
  const inner = error instanceof AggregateError ? error.errors : [];
  return [error, ...inner.flatMap(causesOf), ...causesOf(error.cause)];
}

function inBrackets(message: string): string {
  return message === UNTOLD ? "" : ` (${firstLine(message)})`;
}

function firstLine(text: string): string {
  return text.split("\n")[0]?.replace(/[.:]?\s*$/, "") ?? "";
}
