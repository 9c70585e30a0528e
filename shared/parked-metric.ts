import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { z } from "zod";
import { readEnv } from "./env.ts";

/** Counts a piece of work that now lies in the table of parked work; every place that parks calls it. */
export function countParked(count = 1): void {
  countForFleet("WorkParked", count);
}

/** Counts a message that waits for a permission, a key or a setting, which only a person can give. */
export function countDenied(count = 1): void {
  countForFleet("MessagesDenied", count);
}

/**
 * Written at once, and whichever function counts: with the one dimension `service` = `fleet/<stage>` instead of the
 * function's own, so that one alarm (`resources/alarms.yml`) hears of all functions of a stage.
 */
function countForFleet(name: string, count: number): void {
  const { STAGE } = readEnv({ STAGE: z.string().default("local") });
  const metrics = new Metrics({ namespace: "ConnectorFleet", serviceName: `fleet/${STAGE}`, singleMetric: true });
  metrics.addMetric(name, MetricUnit.Count, count);
}
