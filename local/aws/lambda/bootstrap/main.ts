/**
 * Entry point of a function's process: loads the handler, then runs one invocation after the other.
 * It imports nothing but Node and its own folder, so that a cold start costs the function's own bundle only.
 */
import dns from "node:dns";
import { flushCompileCache, syncBuiltinESMExports } from "node:module";
import { shiftClock, trueNow } from "./clock.ts";
import { logError, logFor, markEnd, patchConsole } from "./console.ts";
import { RuntimeError, toPayload } from "./errors.ts";
import { type Handler, loadHandler } from "./handler.ts";
import type { ClockMessage, InvokeMessage, ProcessMessage } from "./protocol.ts";

const NEVER_SETTLED =
  "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled.";

const send = process.send?.bind(process);
const channel = process.channel;
if (!send || !channel) throw new Error("bootstrap/main.ts runs only as a child of the twin.");

/** How the invocation under way ends; absent between invocations. */
let finish: ((answer: ProcessMessage) => void) | undefined;
let initialised = false;
let warm = false;

hideTheTwin();
resolveSyncHosts();
patchConsole();
process.on("disconnect", () => process.exit(0));
// Ctrl+C reaches the whole process group; the twin ends its processes itself.
process.on("SIGINT", () => undefined);
process.on("uncaughtException", (error) => die("Uncaught Exception", error, 129));
process.on("unhandledRejection", (reason) => {
  const cause = reason instanceof Error ? reason : undefined;
  const error = new RuntimeError("Runtime.UnhandledPromiseRejection", String(reason), cause);
  die("Unhandled Promise Rejection", error, 128);
});
process.on("beforeExit", () => finish?.(failure(new RuntimeError("Runtime.NodeJsExit", NEVER_SETTLED))));
await start();

async function start(): Promise<void> {
  let handler: Handler;
  try {
    handler = await loadHandler(process.env.LAMBDA_TASK_ROOT ?? "", process.env._HANDLER ?? "");
  } catch (error) {
    logError("Uncaught Exception", error);
    markEnd();
    send?.({ kind: "init-error", error: toPayload(error) } satisfies ProcessMessage, () => process.exit(1));
    return;
  }
  initialised = true;
  process.on("message", (message: InvokeMessage | ClockMessage) => {
    if ("clockOffset" in message) shiftClock(message.clockOffset);
    else void invoke(handler, message);
  });
  markEnd();
  send?.({ kind: "ready" } satisfies ProcessMessage);
}

async function invoke(handler: Handler, message: InvokeMessage): Promise<void> {
  logFor(message.requestId);
  process.env._X_AMZN_TRACE_ID = message.traceId;
  // Without our own handle, an event loop that runs empty shows a promise that will never settle.
  channel?.unref();
  const answer = await new Promise<ProcessMessage>((resolve) => {
    finish = resolve;
    run(handler, message).then(resolve);
  });
  finish = undefined;
  channel?.ref();
  markEnd();
  send?.(answer);
  if (!warm) setImmediate(flushCompileCache);
  warm = true;
}

async function run(handler: Handler, message: InvokeMessage): Promise<ProcessMessage> {
  try {
    const value = await handler(JSON.parse(message.payload), contextOf(message));
    return { kind: "result", payload: stringify(value) };
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): ProcessMessage {
  logError("Invoke Error", error);
  return { kind: "error", error: toPayload(error) };
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    throw new RuntimeError("Runtime.JSONStringifyError", "Unable to stringify response body", error as Error);
  }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf(message: InvokeMessage): object {
  const env = process.env;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: message.functionArn,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: message.requestId,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    ...(message.clientContext ? { clientContext: JSON.parse(message.clientContext) } : {}),
    getRemainingTimeInMillis: () => message.deadline - trueNow(),
  };
}

function die(title: string, error: Error, status: number): void {
  logError(title, error);
  markEnd();
  const kind = initialised ? "fatal" : "init-error";
  send?.({ kind, error: toPayload(error) } satisfies ProcessMessage, () => process.exit(status));
}

/** Takes away what a function on AWS would not see. */
function hideTheTwin(): void {
  delete process.env.NODE_COMPILE_CACHE;
  Object.assign(process, { send: undefined, disconnect: undefined });
}

/** The SDK prefixes `sync-` to the host of StartSyncExecution; on a laptop that name must still be this machine. */
function resolveSyncHosts(): void {
  const lookup = dns.lookup;
  const wrapped = (hostname: string, ...rest: unknown[]) => {
    const host = hostname === "sync-127.0.0.1" || hostname === "sync-localhost" ? "127.0.0.1" : hostname;
    return Reflect.apply(lookup, dns, [host, ...rest]);
  };
  dns.lookup = Object.assign(wrapped, { __promisify__: lookup.__promisify__ }) as typeof dns.lookup;
  syncBuiltinESMExports();
}
