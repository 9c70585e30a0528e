import { awsWords } from "./aws-errors.ts";
import { networkCodeOf, strip } from "./bare-error.ts";
import { tracer } from "./observability.ts";
import { currentScope } from "./scope.ts";

type Next = (args: unknown) => Promise<unknown>;

/** The part of every AWS SDK client that its times are set on. */
interface TimedHost {
  readonly config: { readonly requestHandler: object };
}

/** The part of every AWS SDK client that middleware needs; the SDK's own type has four parameters we do not care about. */
interface MiddlewareHost extends TimedHost {
  readonly middlewareStack: { add(middleware: never, options: never): void };
}

const CONNECTION_TIMEOUT_MS = 1_000;
/** Time for one attempt at an AWS call with its answer; the SDK itself would wait without end. */
export const AWS_TIMEOUT_MS = 3_000;
/** Attempts that the SDK makes by itself. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
export const AWS_ATTEMPTS = 3;

/** Ends every attempt of a client at a call after `timeoutMs`. */
export function withTimeouts<C extends TimedHost>(client: C, timeoutMs = AWS_TIMEOUT_MS): C {
  const times = { connectionTimeout: CONNECTION_TIMEOUT_MS, requestTimeout: timeoutMs, throwOnRequestTimeout: true };
  const handler = client.config.requestHandler as { updateHttpClientConfig(key: string, value: unknown): void };
  for (const [key, value] of Object.entries(times)) handler.updateHttpClientConfig(key, value);
  return client;
}

/** What AWS says of a call may quote its input; behind X-Ray's own step, which would tell it. */
const leaveOutWords = (next: Next) => async (args: unknown) => {
  try {
    return await next(args);
  } catch (error) {
    if (error instanceof Error) strip(error, networkCodeOf(error) || awsWords(error.name, error.message));
    throw error;
  }
};

/**
 * Prepares an AWS client for the fleet: no attempt at a call takes longer than `timeoutMs`, its calls become subsegments,
 * and every call made for a change carries that change's trace header instead of the invocation's.
 */
export function awsClient<C extends MiddlewareHost>(client: C, timeoutMs = AWS_TIMEOUT_MS): C {
  const traced = tracer.captureAWSv3Client(withTimeouts(client, timeoutMs));
  const changeTraceHeader = (next: Next) => (args: { request: { headers?: Record<string, string> } }) => {
    const header = currentScope()?.traceHeader;
    if (header && args.request.headers) args.request.headers["X-Amzn-Trace-Id"] = header;
    return next(args);
  };
  // Low priority: behind the SDK's own step that copies the invocation's header.
  const position = { step: "build", priority: "low", name: "changeTraceHeader" };
  traced.middlewareStack.add(changeTraceHeader as never, position as never);
  traced.middlewareStack.add(leaveOutWords as never, { ...position, name: "leaveOutWords" } as never);
  return traced;
}
