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
    },
    {
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queuepolicy.html
      type: "AWS::SQS::QueuePolicy",
      properties: ["PolicyDocument", "Queues"],
      create: (resource) => createPolicy(registry, resource),
    },
  ];
}

function createQueue(registry: QueueRegistry, { logicalId, stackName, properties }: TemplateResource) {
  const fifo = FIFO.find((name) => properties[name] !== undefined && String(properties[name]) !== "false");
  if (fifo || String(properties.QueueName).endsWith(".fifo"))
    throw new TemplateError(
      logicalId,
      fifo ?? "QueueName",
      "the twin has standard queues only; make it a standard queue",
    );
  const name = properties.QueueName ?? physicalName(stackName, logicalId, 80);
  const attributes = Object.fromEntries(
    ATTRIBUTES.filter((attribute) => properties[attribute] !== undefined).map((attribute) => [
      attribute,
      text(properties[attribute]),
    ]),
  );
  const tags = Object.fromEntries(
    (properties.Tags ?? []).map(({ Key, Value }: Record<string, string>) => [Key, Value]),
  );
  const queue = inTemplate(logicalId, "Properties", () => registry.define(name, attributes, tags));
  const url = registry.url(queue);
  return { ref: url, attributes: { Arn: queue.arn, QueueName: queue.name, QueueUrl: url } };
}

function createPolicy(registry: QueueRegistry, { logicalId, stackName, properties }: TemplateResource) {
  const { PolicyDocument, Queues } = properties;
  if (!PolicyDocument) throw new TemplateError(logicalId, "PolicyDocument", "is missing");
  if (!Array.isArray(Queues) || Queues.length === 0)
    throw new TemplateError(logicalId, "Queues", "must list at least one queue URL");
  inTemplate(logicalId, "Queues", () => {
    for (const url of Queues) registry.setAttributes(registry.byUrl(url), { Policy: text(PolicyDocument) });
  });
  const id = physicalName(stackName, logicalId);
  return { ref: id, attributes: { Id: id } };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
}
