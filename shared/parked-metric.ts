import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { fleetMetric } from "./observability.ts";

/** Counts a piece of work that now lies in the table of parked work; every place that parks calls it. */
export function countParked(): void {
  fleetMetric().addMetric("WorkParked", MetricUnit.Count, 1);
}

/** Counts messages that wait for a permission, a key or a setting, which only a person can give. */
export function countDenied(count: number): void {
  fleetMetric().addMetric("MessagesDenied", MetricUnit.Count, count);
}
