import { isIP } from "node:net";
import { allowedWords, codeIn, nameIn, networkCodeIn, requestIdIn, type Sentence } from "./words.ts";

/** What is known of an answer without any data: may be the cause of an error as it is. */
export abstract class Facts {
  readonly requestId?: string | undefined;
}

/** Stands for a message that may hold data. */
export const UNTOLD = "its message is left out, as it may hold data";
const MAX_DEPTH = 5;
const SOURCE = "https://github.com/v8/v8/blob/main/src/common/message-template.h";

/** What the engine and the network say of themselves; any other message may quote what was worked on. */
const ENGINE_SENTENCES: readonly Sentence[] = [
  /^Cannot (?:read|set) properties of (?:undefined|null) \((?:reading|setting) '[\w$#]{1,60}'\)$/,
  /^[\w$.()]{1,80} is not (?:a function|a constructor|defined)$/,
  /^(?:undefined|null|object null|object|number|boolean) is not iterable\b/,
  /^(?:connect|read|write|getaddrinfo) E[A-Z]+(?: [\w.:-]+)?$/,
  /^(?:Region is missing|Could not load credentials from any providers)$/,
  /^Maximum call stack size exceeded$/,
  /^Converting circular structure to JSON/,
  /^(?:fetch failed|terminated|socket hang up|This operation was aborted|The operation was aborted due to timeout)$/,
].map((words) => ({ codes: [""], words, source: SOURCE }));

/** What a log may say of an error that is not ours: its code and the words that are known to hold no data. */
export function bareMessage(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const words = allowedWords(ENGINE_SENTENCES, "", message);
  return words || codeOf(code) || UNTOLD;
}

function codeOf(code: unknown): string | undefined {
  return networkCodeIn(code) || codeIn(code, [], nameIn(code, "")) || undefined;
}

/** The code of a failure of the network, such as `ECONNREFUSED`, however deep it lies; empty when there is none. */
export function networkCodeOf(error: unknown, depth = 0): string {
  if (depth > MAX_DEPTH || typeof error !== "object" || error === null) return "";
  const { code, cause, original, errors } = error as Record<string, unknown>;
  const inner = [cause, original, ...(Array.isArray(errors) ? errors : [])];
  return networkCodeIn(code) || (inner.map((one) => networkCodeOf(one, depth + 1)).find(Boolean) ?? "");
}

/**
 * A copy of an error that may be logged: its class, code, HTTP status, request id, the places it came through, and the
 * same of what is beneath it. Its message, body, headers, input and whatever else a vendor hung onto it stay behind.
 */
export function bareCopy(error: unknown, depth = 0): Facts | Error {
  if (error instanceof Facts) return error;
  const given = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const { status, statusCode, $metadata, errors } = given;
  const cause = given.cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  const { httpStatusCode, requestId } = ($metadata ?? {}) as Record<string, unknown>;
  const copy = new Error(bareMessage(given), {
    ...(cause === undefined || depth >= MAX_DEPTH ? {} : { cause: bareCopy(cause, depth + 1) }),
  });
  const facts = {
    name: nameIn(given.name),
    code: codeOf(given.code),
    status: [status, statusCode, httpStatusCode].find((one) => typeof one === "number"),
    requestId: requestIdIn(given.requestId) ?? requestIdIn(requestId),
    // Of a connection that was not made.
    address: isIP(String(given.address)) ? given.address : undefined,
    port: typeof given.port === "number" ? given.port : undefined,
  };
  for (const [name, value] of Object.entries(facts))
    if (value !== undefined) Object.defineProperty(copy, name, { value, enumerable: name !== "name", writable: true });
  copy.stack = [`${copy.name}: ${copy.message}`, ...framesOf(given)].join("\n");
  return copy;
}

/** Takes the words of an error that is not ours off it, for where it goes on as it is: the runtime's log, X-Ray. */
export function strip(error: Error, message = bareMessage(error)): void {
  const stack = [`${nameIn(error.name)}: ${message}`, ...framesOf(error)].join("\n");
  const cause = error.cause === undefined ? {} : { cause: bareCopy(error.cause) };
  for (const [name, value] of Object.entries({ message, stack, ...cause }))
    Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false });
}

/** The places of a stack, behind the message that it begins with. */
function framesOf({ stack, message }: { stack?: unknown; message?: unknown }): string[] {
  if (typeof stack !== "string") return [];
  const end = typeof message === "string" && message !== "" ? stack.indexOf(message) : 0;
  if (end < 0) return [];
  const rest = stack.slice(end + (end > 0 ? String(message).length : 0)).split("\n");
  return rest.filter((line) => /^ {4}at [\w$.<>#[\] ()/:@?=&%+~-]{1,300}:\d+:\d+\)?$/.test(line));
}
