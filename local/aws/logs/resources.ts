import { TemplateError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { physicalName } from "../kernel/names.ts";
import type { ResourceProvider, TemplateResource } from "../kernel/service.ts";
import type { MetricFilter } from "./metrics.ts";
import { parseFilterPattern } from "./pattern.ts";
import type { LogStore } from "./store.ts";

const TRANSFORMATION = ["MetricName", "MetricNamespace", "MetricValue", "DefaultValue", "Unit"];

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html */
export function logGroupProvider(kernel: Kernel, store: LogStore): ResourceProvider {
  return {
    type: "AWS::Logs::LogGroup",
    properties: ["LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags", "DataProtectionPolicy"],
    create(resource) {
      const { properties } = resource;
      const name = groupName(resource);
      const group = store.groups.get(name) ?? store.createGroup(name, kernel.clock.now());
      if (properties.RetentionInDays) group.retentionInDays = Number(properties.RetentionInDays);
      else delete group.retentionInDays;
      return { ref: name, attributes: { Arn: `${group.arn}:*` } };
    },
    taken: (resource) => store.groups.get(groupName(resource))?.name,
    delete: ({ ref }) => void store.groups.delete(ref),
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-metricfilter.html */
export function metricFilterProvider(store: LogStore, filters: Map<string, readonly MetricFilter[]>): ResourceProvider {
  return {
    type: "AWS::Logs::MetricFilter",
    properties: ["FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"],
    create(resource) {
      const { logicalId, properties } = resource;
      const name = properties.FilterName ?? physicalName(resource, 512);
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
    delete: ({ ref }) => void filters.delete(ref),
  };
}

function groupName(resource: TemplateResource): string {
  return resource.properties.LogGroupName ?? physicalName(resource, 512);
}
