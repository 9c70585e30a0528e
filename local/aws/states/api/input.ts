import { AwsError } from "../../kernel/errors.ts";
import { type Json, MAX_DATA_BYTES } from "../json.ts";

const BAD_NAME = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u;
const MAX_NAME = 80;

/** @throws AwsError `ValidationException` when a member is missing or is not a string */
export function requiredString(input: Readonly<Record<string, unknown>>, member: string): string {
  const value = input[member];
  if (typeof value === "string" && value !== "") return value;
  const shown = value === undefined ? "null" : JSON.stringify(value);
  throw invalid(`Value ${shown} at '${member}' failed to satisfy constraint: Member must not be null`);
}

export function invalid(problem: string): AwsError {
  return new AwsError("ValidationException", `1 validation error detected: ${problem}`);
}

/** Names of state machines and executions. @throws AwsError `InvalidName` */
export function checkName(name: string): string {
  if (name.length === 0 || name.length > MAX_NAME || BAD_NAME.test(name))
    throw new AwsError("InvalidName", `Invalid Name: '${name}'`);
  return name;
}

/** @throws AwsError `InvalidExecutionInput`, `ValidationException` when it is above 256 KiB */
export function checkExecutionInput(text: string): string {
  if (Buffer.byteLength(text) > MAX_DATA_BYTES)
    throw invalid(
      `Value at 'input' failed to satisfy constraint: Member must have length less than or equal to ${MAX_DATA_BYTES}`,
    );
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new AwsError("InvalidExecutionInput", `Invalid State Machine Execution Input: '${(cause as Error).message}'`);
  }
  return text;
}

/** @throws AwsError `InvalidOutput` */
export function checkTaskOutput(text: string): Json {
  if (Buffer.byteLength(text) > MAX_DATA_BYTES)
    throw new AwsError("InvalidOutput", `Invalid Output: 'The output is larger than ${MAX_DATA_BYTES} bytes'`);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new AwsError("InvalidOutput", `Invalid Output: '${(cause as Error).message}'`);
  }
}

/** A page of a list. `nextToken` is the position of the next page. @throws AwsError `InvalidToken` */
export function page<T>(
  items: readonly T[],
  { maxResults, nextToken }: { readonly maxResults?: number; readonly nextToken?: string },
): { items: readonly T[]; nextToken?: string } {
  const size = maxResults ? Math.min(maxResults, 1000) : 100;
  const from = nextToken === undefined ? 0 : Number(Buffer.from(nextToken, "base64").toString());
  if (!Number.isInteger(from) || from < 0 || (nextToken !== undefined && from === 0))
    throw new AwsError("InvalidToken", "Invalid Token: 'Invalid token'");
  const next = from + size;
  return {
    items: items.slice(from, next),
    ...(next < items.length ? { nextToken: Buffer.from(String(next)).toString("base64") } : {}),
  };
}

/** Epoch seconds, as the JSON protocols write times. */
export function seconds(ms: number): number {
  return ms / 1000;
}
