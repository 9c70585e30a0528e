import { TemplateError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { physicalName } from "../kernel/names.ts";
import type { ResourceProvider } from "../kernel/service.ts";
import type { MetricFilter } from "./metrics.ts";
import { parseFilterPattern } from "./pattern.ts";
import type { LogStore } from "./store.ts";

const TRANSFORMATION = ["MetricName", "MetricNamespace", "MetricValue", "DefaultValue", "Unit"];

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html */
export function logGroupProvider(kernel: Kernel, store: LogStore): ResourceProvider {
  return {
    type: "AWS::Logs::LogGroup",
    properties: ["LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags", "DataProtectionPolicy"],
    create({ logicalId, properties, stackName }) {
      const name = properties.LogGroupName ?? physicalName(stackName, logicalId, 512);
      const group = store.groups.get(name) ?? store.createGroup(name, kernel.clock.now());
      if (properties.RetentionInDays) group.retentionInDays = Number(properties.RetentionInDays);
      return { ref: name, attributes: { Arn: `${group.arn}:*` } };
    },
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-metricfilter.html */
export function metricFilterProvider(store: LogStore, filters: Map<string, readonly MetricFilter[]>): ResourceProvider {
  return {
    type: "AWS::Logs::MetricFilter",
    properties: ["FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"],
    create({ logicalId, properties, stackName }) {
      const name = properties.FilterName ?? physicalName(stackName, logicalId, 512);
      const group = store.groups.get(properties.LogGroupName);
      if (!group) throw new TemplateError(logicalId, "Properties.LogGroupName", "there is no such log group");
      const transformations: Record<string, unknown>[] = properties.MetricTransformations ?? [];
      filters.set(
        name,
        transformations.map((transformation, index) => {
          const at = `Properties.MetricTransformations[${index}]`;
          for (const member of Object.keys(transformation))
            if (!TRANSFORMATION.includes(member))
              throw new TemplateError(logicalId, `${at}.${member}`, "the twin does not support this");
          const { MetricName, MetricNamespace, MetricValue, DefaultValue } = transformation;
          if (Number.isNaN(Number(MetricValue)))
            throw new TemplateError(logicalId, `${at}.MetricValue`, "the twin supports numbers only");
          return {
            logGroupName: group.name,
            matches: parseFilterPattern(properties.FilterPattern),
            namespace: String(MetricNamespace),
            name: String(MetricName),
            value: Number(MetricValue),
            ...(DefaultValue === undefined ? {} : { defaultValue: Number(DefaultValue) }),
          };
        }),
      );
      return { ref: name, attributes: {} };
    },
  };
}
