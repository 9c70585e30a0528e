import type { Provisioned, ResourceProvider, TemplateResource } from "../../kernel/service.ts";
import { Properties } from "../properties.ts";
import type { Registry } from "../registry.ts";
import { mappingArn } from "./mapping.ts";
import type { Mappings } from "./mappings.ts";

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html */
export function mappingProvider(registry: Registry, mappings: Mappings): ResourceProvider {
  return {
    type: "AWS::Lambda::EventSourceMapping",
    properties: [
      "BatchSize",
      "Enabled",
      "EventSourceArn",
      "FilterCriteria",
      "FunctionName",
      "FunctionResponseTypes",
      "MaximumBatchingWindowInSeconds",
      "ScalingConfig",
      "MetricsConfig",
      "Tags",
    ],
    create: (resource) => createMapping(registry, mappings, resource),
    delete: ({ ref }) => mappings.delete(ref),
  };
}

async function createMapping(registry: Registry, mappings: Mappings, resource: TemplateResource): Promise<Provisioned> {
  const properties = Properties.of(resource);
  const queueArn = properties.text("EventSourceArn");
  if (queueArn.split(":")[2] !== "sqs")
    properties.fail("EventSourceArn", `the twin reads queues only, not '${queueArn}'`);
  const target = properties.within("FunctionName", () => registry.resolve(properties.text("FunctionName")));
  const types = properties.texts("FunctionResponseTypes");
  const unknown = types.find((type) => type !== "ReportBatchItemFailures");
  if (unknown) properties.fail("FunctionResponseTypes", `Lambda knows no '${unknown}'`);
  const maximumConcurrency = properties
    .object("ScalingConfig", ["MaximumConcurrency"])
    .integer("MaximumConcurrency", 2, 1000);
  const config = {
    queueArn,
    functionArn: target.arn,
    batchSize: properties.integer("BatchSize", 1, 10_000) ?? 10,
    window: properties.integer("MaximumBatchingWindowInSeconds", 0, 300) ?? 0,
    reportsItemFailures: types.length > 0,
    filters: readFilters(properties),
    ...(maximumConcurrency === undefined ? {} : { maximumConcurrency }),
  };
  const enabled = properties.boolean("Enabled", true);
  const { uuid } = await properties.awaitWithin("EventSourceArn", () =>
    mappings.create(resource.logicalId, config, enabled),
  );
  return { ref: uuid, attributes: { Id: uuid, EventSourceMappingArn: mappingArn(uuid) } };
}

function readFilters(properties: Properties): readonly string[] {
  const criteria = properties.object("FilterCriteria", ["Filters"]);
  return criteria.list("Filters").map((filter) => {
    const unknown = filter.names().find((member) => member !== "Pattern");
    return unknown ? filter.fail(unknown, "Lambda knows only Pattern") : filter.text("Pattern");
  });
}
