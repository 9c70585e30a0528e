import { TemplateError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { physicalName } from "../kernel/names.ts";
import type { ResourceProvider, Service } from "../kernel/service.ts";
import { alarmOperations } from "./alarm-operations.ts";
import { type Alarm, alarmProvider, compositeAlarmProvider } from "./alarms.ts";
import { metricOperations } from "./metric-operations.ts";
import { MetricStore } from "./metrics.ts";
import { Watch } from "./watch.ts";

/**
 * CloudWatch metrics, alarms and dashboards. Periods pass as fast as the kernel's clock says.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/Welcome.html
 */
export function createMonitoring(kernel: Kernel): Service {
  const metrics = new MetricStore(kernel.clock);
  const alarms = new Map<string, Alarm>();
  const watch = new Watch(kernel, metrics, alarms);
  return {
    name: "monitoring",
    wire: { kind: "json", version: "1.0", targetPrefix: "GraniteServiceVersion20100801." },
    operations: { ...metricOperations(kernel, metrics, watch), ...alarmOperations(alarms, watch) },
    resources: [alarmProvider(alarms), compositeAlarmProvider(alarms), dashboardProvider()],
    start: () => watch.start(),
    stop: () => watch.stop(),
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-dashboard.html */
function dashboardProvider(): ResourceProvider {
  return {
    type: "AWS::CloudWatch::Dashboard",
    properties: ["DashboardName", "DashboardBody"],
    create(resource) {
      const { logicalId, properties } = resource;
      try {
        const body: unknown = JSON.parse(properties.DashboardBody);
        if (!Array.isArray((body as { widgets?: unknown }).widgets)) throw new Error("it has no list of widgets");
      } catch (cause) {
        throw new TemplateError(logicalId, "Properties.DashboardBody", `is no dashboard: ${(cause as Error).message}`);
      }
      return { ref: properties.DashboardName ?? physicalName(resource, 255), attributes: {} };
    },
    delete: () => undefined,
  };
}
