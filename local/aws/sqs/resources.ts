import { inTemplate, TemplateError } from "../kernel/errors.ts";
import { physicalName } from "../kernel/names.ts";
import type { ResourceProvider, TemplateResource } from "../kernel/service.ts";
import type { QueueRegistry } from "./registry.ts";

/** Queue properties that are queue attributes of the same name. */
const ATTRIBUTES = [
  "DelaySeconds",
  "KmsDataKeyReusePeriodSeconds",
  "KmsMasterKeyId",
  "MaximumMessageSize",
  "MessageRetentionPeriod",
  "ReceiveMessageWaitTimeSeconds",
  "RedriveAllowPolicy",
  "RedrivePolicy",
  "SqsManagedSseEnabled",
  "VisibilityTimeout",
] as const;
const FIFO = ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"] as const;

/** The CloudFormation resource types of SQS. */
export function queueResources(registry: QueueRegistry): ResourceProvider[] {
  return [
    {
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
      type: "AWS::SQS::Queue",
      properties: ["QueueName", "Tags", ...ATTRIBUTES, ...FIFO],
      create: (resource) => createQueue(registry, resource),
      taken: (resource) => registry.byName(queueName(resource))?.name,
      delete: ({ ref }) => {
        const queue = registry.byName(ref.split("/").at(-1) ?? "");
        if (queue) registry.delete(queue);
      },
    },
    {
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queuepolicy.html
      type: "AWS::SQS::QueuePolicy",
      properties: ["PolicyDocument", "Queues"],
      create: (resource) => createPolicy(registry, resource),
      delete: ({ properties }) => takePolicies(registry, properties.Queues),
    },
  ];
}

function queueName(resource: TemplateResource): string {
  return resource.properties.QueueName ?? physicalName(resource, 80);
}

function createQueue(registry: QueueRegistry, resource: TemplateResource) {
  const { logicalId, properties, before } = resource;
  const fifo = FIFO.find((name) => properties[name] !== undefined && String(properties[name]) !== "false");
  if (fifo || String(properties.QueueName).endsWith(".fifo"))
    throw new TemplateError(
      logicalId,
      fifo ?? "QueueName",
      "the twin has standard queues only; make it a standard queue",
    );
  const name = queueName(resource);
  const attributes = Object.fromEntries(
    ATTRIBUTES.filter((attribute) => properties[attribute] !== undefined).map((attribute) => [
      attribute,
      text(properties[attribute]),
    ]),
  );
  const policy = before && registry.byName(name)?.attributes.get("Policy");
  const tags = Object.fromEntries(
    (properties.Tags ?? []).map(({ Key, Value }: Record<string, string>) => [Key, Value]),
  );
  const queue = inTemplate(logicalId, "Properties", () =>
    registry.define(name, { ...attributes, ...(policy ? { Policy: policy } : {}) }, tags),
  );
  const url = registry.url(queue);
  return { ref: url, attributes: { Arn: queue.arn, QueueName: queue.name, QueueUrl: url } };
}

function createPolicy(registry: QueueRegistry, resource: TemplateResource) {
  const { logicalId, properties, before } = resource;
  const { PolicyDocument, Queues } = properties;
  if (!PolicyDocument) throw new TemplateError(logicalId, "PolicyDocument", "is missing");
  if (!Array.isArray(Queues) || Queues.length === 0)
    throw new TemplateError(logicalId, "Queues", "must list at least one queue URL");
  takePolicies(registry, before?.Queues ?? []);
  inTemplate(logicalId, "Queues", () => {
    for (const url of Queues) registry.setAttributes(registry.byUrl(url), { Policy: text(PolicyDocument) });
  });
  const id = physicalName(resource);
  return { ref: id, attributes: { Id: id } };
}

function takePolicies(registry: QueueRegistry, urls: readonly string[]): void {
  for (const url of urls) {
    const queue = registry.byName(url.split("/").at(-1) ?? "");
    if (queue) registry.setAttributes(queue, { Policy: "" });
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
}
