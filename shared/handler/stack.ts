import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import { parser } from "@aws-lambda-powertools/parser/middleware";
import { captureLambdaHandler } from "@aws-lambda-powertools/tracer/middleware";
import middy from "@middy/core";
import type { Context } from "aws-lambda";
import type { z } from "zod";
import { bareCopy } from "../bare-error.ts";
import { ContractError, FleetError } from "../errors.ts";
import { describeIssues } from "../issues.ts";
import { lazy } from "../lazy.ts";
import { logger, metrics, tracer } from "../observability.ts";
import { codedMessage } from "../parked/plain-words.ts";
import { bareCrashes } from "./crashes.ts";

/** What the parser hands over: the typed input, or what was wrong with it. */
type Parsed<T> = { success: true; data: T } | { success: false; error: Error & { cause?: unknown } };

/** A Lambda handler, as the runtime calls it. */
export type LambdaHandler<Output> = (event: unknown, context: Context) => Promise<Output>;

const guard = lazy(() => bareCrashes(process));

/** The one middleware stack. Every function is wrapped by it, and by it alone. */
export function withStack<S extends z.ZodType, Output>(
  input: S,
  work: (input: z.infer<S>, context: Context) => Promise<Output>,
): LambdaHandler<Output> {
  return (
    middy(async (parsed: Parsed<z.infer<S>>, context: Context) => {
      guard();
      try {
        return await work(accept(parsed), context);
      } catch (error) {
        // Told apart from a crash: whoever called decides about an error with a name, and no alarm is due.
        if (!(error instanceof FleetError)) throw bareCopy(error);
        metrics.addMetric("RunsFailed", MetricUnit.Count, 1);
        error.message = codedMessage(error);
        throw error;
      }
    })
      // Outermost, so that its subsegment also covers the time of the others. Responses may hold personal data.
      .use(captureLambdaHandler(tracer, { captureResponse: false }))
      .use(injectLambdaContext(logger, { resetKeys: true }))
      .use(logMetrics(metrics, { captureColdStartMetric: true }))
      // Innermost: what it refuses is logged, traced and counted like any other failure.
      .use(parser({ schema: input, safeParse: true })) as unknown as LambdaHandler<Output>
  );
}

function accept<T>(parsed: Parsed<T>): T {
  if (parsed.success) return parsed.data;
  throw new ContractError("BAD_INPUT", `The input does not fit: ${describeIssues(parsed.error.cause)}`);
}
