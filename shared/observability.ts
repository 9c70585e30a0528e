import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { Tracer } from "@aws-lambda-powertools/tracer";
import { currentScope } from "./scope.ts";

/** One logger, tracer and metrics store per function; the service name comes from POWERTOOLS_SERVICE_NAME. */
export const logger = new Logger();
export const tracer = new Tracer();
export const metrics = new Metrics({ namespace: "ConnectorFleet" });

/** The logger with the running change's ids on every line. Ids only: personal data never goes to a log. */
export function log(): Logger {
  const scope = currentScope();
  if (!scope) return logger;
  const traceId = scope.traceHeader?.match(/Root=([^;]+)/)?.[1];
  const child = logger.createChild();
  child.appendKeys({
    correlationId: scope.correlationId,
    ...(scope.customerId ? { customerId: scope.customerId } : {}),
    ...(traceId ? { traceId } : {}),
  });
  return child;
}
