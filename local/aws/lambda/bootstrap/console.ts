import { format } from "node:util";
import { toLogged } from "./errors.ts";
import { END, FRAME, LOG } from "./protocol.ts";

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
type Level = (typeof LEVELS)[number];

const METHODS: Readonly<Record<string, Level>> = {
  trace: "TRACE",
  debug: "DEBUG",
  log: "INFO",
  info: "INFO",
  warn: "WARN",
  error: "ERROR",
};

/** Kept from before any user code ran, so that a handler that replaces `write` cannot break the frames. */
const write = process.stdout.write.bind(process.stdout);
let requestId: string | undefined;

/** Names the invocation that the next lines belong to. */
export function logFor(id: string): void {
  requestId = id;
}

/** Marks the end of everything that the current invocation printed. */
export function markEnd(): void {
  write(`${FRAME}${END}${process.resourceUsage().maxRSS}\n`);
}

/** Logs an error in the runtime's own words, such as `Invoke Error`. */
export function logError(title: string, thrown: unknown): void {
  const json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
  if (json) emit("ERROR", [thrown]);
  else emit("ERROR", [title, JSON.stringify(toLogged(thrown))]);
}

/** Sends the methods of `console` to the log, in the runtime's text or JSON format. */
export function patchConsole(): void {
  const least = LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL as Level | undefined) ?? "TRACE");
  for (const [method, level] of Object.entries(METHODS)) {
    const log = LEVELS.indexOf(level) < least ? () => undefined : (...values: unknown[]) => emit(level, values);
    Object.assign(console, { [method]: log });
  }
}

function emit(level: Level, values: readonly unknown[]): void {
  const now = new Date();
  const json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
  const text = json ? toJson(now, level, values) : `${now.toISOString()}\t${requestId}\t${level}\t${format(...values)}`;
  write(`${FRAME}${LOG}${now.getTime()} ${JSON.stringify(text)}\n`);
}

function toJson(at: Date, level: Level, values: readonly unknown[]): string {
  const head = { timestamp: at.toISOString(), level, ...(requestId ? { requestId } : {}) };
  const message = values.length === 1 ? values[0] : format(...values);
  try {
    return JSON.stringify({ ...head, message: message instanceof Error ? toLogged(message) : message });
  } catch {
    // A value with cycles is no JSON: log it as Node prints it.
    return JSON.stringify({ ...head, message: format(message) });
  }
}
