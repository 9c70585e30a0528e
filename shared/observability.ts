import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { Tracer } from "@aws-lambda-powertools/tracer";
import { z } from "zod";
import { readEnv } from "./env.ts";
import { currentScope, type Scope } from "./scope.ts";

// A stage has a namespace of its own: several may share an account.
const { POWERTOOLS_METRICS_NAMESPACE, STAGE } = readEnv({
  POWERTOOLS_METRICS_NAMESPACE: z.string().default("ConnectorFleet"),
  STAGE: z.string().default("local"),
});

/** One logger, tracer and metrics store per function; the service name comes from POWERTOOLS_SERVICE_NAME. */
export const logger = new Logger();
export const tracer = new Tracer();
export const metrics = new Metrics({ namespace: POWERTOOLS_METRICS_NAMESPACE });

/** For a metric of the fleet as a whole, whichever function tells it: written at once, under the service `fleet/<stage>`. */
export function fleetMetric(): Metrics {
  return new Metrics({ namespace: "ConnectorFleet", serviceName: `fleet/${STAGE}`, singleMetric: true });
}

/** The logger with the running change's ids on every line. Ids only: personal data never goes to a log. */
export function log(): Logger {
  const scope = currentScope();
  return scope ? logFor(scope) : logger;
}

/** A logger with a change's ids on every line. */
export function logFor({ correlationId, customerId, traceHeader }: Partial<Scope>): Logger {
  const traceId = traceHeader?.match(/Root=([^;]+)/)?.[1];
  const child = logger.createChild();
  child.appendKeys({
    ...(correlationId ? { correlationId } : {}),
    ...(customerId ? { customerId } : {}),
    ...(traceId ? { traceId } : {}),
  });
  return child;
}
