import { tracer } from "./observability.ts";
import { currentScope } from "./scope.ts";

type Next = (args: unknown) => Promise<unknown>;

/** The part of every AWS SDK client that middleware needs; the SDK's own type has four parameters we do not care about. */
interface MiddlewareHost {
  readonly middlewareStack: { add(middleware: never, options: never): void };
}

/**
 * Prepares an AWS client for the fleet: its calls become subsegments, and every call made for a change carries that
 * change's trace header instead of the invocation's.
 */
export function awsClient<C extends MiddlewareHost>(client: C): C {
  const traced = tracer.captureAWSv3Client(client);
  const changeTraceHeader = (next: Next) => (args: { request: { headers?: Record<string, string> } }) => {
    const header = currentScope()?.traceHeader;
    if (header && args.request.headers) args.request.headers["X-Amzn-Trace-Id"] = header;
    return next(args);
  };
  // Low priority: behind the SDK's own step that copies the invocation's header.
  const position = { step: "build", priority: "low", name: "changeTraceHeader" };
  traced.middlewareStack.add(changeTraceHeader as never, position as never);
  return traced;
}
