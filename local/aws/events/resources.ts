import { inTemplate, TemplateError } from "../kernel/errors.ts";
import { physicalName } from "../kernel/names.ts";
import type { PolicyStatement, ResourceProvider, TemplateResource } from "../kernel/service.ts";
import { defineArchive } from "./archives.ts";
import { defineBus } from "./buses.ts";
import { validation } from "./errors.ts";
import type { Bus, Rule } from "./model.ts";
import { defineRule, putTargets } from "./rules.ts";
import { busName, DEFAULT_BUS, ruleArn, type Store } from "./store.ts";

/** The CloudFormation resource types of EventBridge. @param changed is told of every rule that was made */
export function eventResources(store: Store, changed: (rule: Rule) => void): ResourceProvider[] {
  return [
    {
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbus.html
      type: "AWS::Events::EventBus",
      // The key, the log settings and the dead-letter queue (for events that cannot be decrypted) have no effect here.
      properties: [
        "Name",
        "EventSourceName",
        "Description",
        "Policy",
        "Tags",
        "KmsKeyIdentifier",
        "LogConfig",
        "DeadLetterConfig",
      ],
      create: (resource) => createBus(store, resource),
      taken: ({ properties }) => store.buses.get(properties.Name)?.name,
      delete({ ref }) {
        if (store.rulesOf(ref).length > 0) throw validation("Event bus can't be deleted since it has rules.");
        store.buses.delete(ref);
      },
    },
    {
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html
      type: "AWS::Events::EventBusPolicy",
      properties: ["EventBusName", "StatementId", "Statement"],
      create: (resource) => createBusPolicy(store, resource),
      delete: ({ properties: { EventBusName = DEFAULT_BUS, StatementId } }) => {
        const bus = store.buses.get(busName(EventBusName));
        if (bus?.policy) bus.policy = { ...bus.policy, Statement: statementsBut(bus, StatementId) };
      },
    },
    {
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
      type: "AWS::Events::Rule",
      properties: [
        "Name",
        "Description",
        "EventBusName",
        "EventPattern",
        "ScheduleExpression",
        "State",
        "Targets",
        "RoleArn",
        "Tags",
      ],
      create: (resource) => createRule(store, changed, resource),
      taken: (resource) =>
        store.rules.get(ruleArn(ruleName(resource), busName(resource.properties.EventBusName)))?.name,
      delete({ attributes }) {
        const rule = store.rules.get(String(attributes.Arn));
        if (!rule) return;
        store.rules.delete(rule.arn);
        store.scheduledSince.delete(rule.arn);
        changed(rule);
      },
    },
    {
      // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-archive.html
      type: "AWS::Events::Archive",
      properties: ["ArchiveName", "Description", "EventPattern", "RetentionDays", "SourceArn", "KmsKeyIdentifier"],
      create: (resource) => createArchive(store, resource),
      taken: (resource) => store.archives.get(archiveName(resource))?.name,
      delete: ({ ref }) => void store.archives.delete(ref),
    },
  ];
}

function createBus(store: Store, { logicalId, properties, before }: TemplateResource) {
  if (!properties.Name) throw new TemplateError(logicalId, "Name", "is missing");
  const policy = before && store.buses.get(properties.Name)?.policy;
  const bus = inTemplate(logicalId, "Name", () => defineBus(store, properties as never));
  if (policy) bus.policy = policy;
  bus.fromTemplate = true;
  if (properties.Policy) bus.policy = parsed(properties.Policy) as never;
  return { ref: bus.name, attributes: { Arn: bus.arn, Name: bus.name, Policy: JSON.stringify(bus.policy ?? {}) } };
}

function createBusPolicy(store: Store, { logicalId, properties }: TemplateResource) {
  const { EventBusName = DEFAULT_BUS, StatementId, Statement } = properties;
  if (!StatementId) throw new TemplateError(logicalId, "StatementId", "is missing");
  if (!Statement) throw new TemplateError(logicalId, "Statement", "is missing");
  const bus = inTemplate(logicalId, "EventBusName", () => store.bus(EventBusName));
  const added = { ...(parsed(Statement) as PolicyStatement), Sid: StatementId };
  bus.policy = { Version: "2012-10-17", Statement: [...statementsBut(bus, StatementId), added] };
  return { ref: `${bus.name}|${StatementId}`, attributes: {} };
}

function statementsBut({ policy }: Bus, id: string): PolicyStatement[] {
  return ([policy?.Statement ?? []].flat() as PolicyStatement[]).filter(({ Sid }) => Sid !== id);
}

function ruleName(resource: TemplateResource): string {
  return resource.properties.Name ?? physicalName(resource);
}

function archiveName(resource: TemplateResource): string {
  return resource.properties.ArchiveName ?? physicalName(resource, 48);
}

function createRule(store: Store, changed: (rule: Rule) => void, resource: TemplateResource) {
  const { logicalId, properties } = resource;
  const { EventPattern, Targets = [] } = properties;
  const rule = inTemplate(logicalId, "Properties", () =>
    defineRule(store, {
      ...properties,
      Name: ruleName(resource),
      ...(EventPattern === undefined ? {} : { EventPattern: text(EventPattern) }),
    }),
  );
  rule.fromTemplate = true;
  rule.targets.clear();
  inTemplate(logicalId, "Targets", () => putTargets(rule, Targets.map(normalised)));
  changed(rule);
  const ref = rule.busName === DEFAULT_BUS ? rule.name : `${rule.busName}|${rule.name}`;
  return { ref, attributes: { Arn: rule.arn } };
}

/** CloudFormation takes numbers as text too. */
function normalised(target: Record<string, unknown>) {
  if (!target.RetryPolicy) return target as never;
  const policy = Object.entries(target.RetryPolicy).map(([name, value]) => [name, Number(value)]);
  return { ...target, RetryPolicy: Object.fromEntries(policy) } as never;
}

function createArchive(store: Store, resource: TemplateResource) {
  const { logicalId, properties } = resource;
  const { SourceArn, EventPattern, RetentionDays, Description } = properties;
  if (!SourceArn) throw new TemplateError(logicalId, "SourceArn", "is missing");
  const archive = inTemplate(logicalId, "Properties", () =>
    defineArchive(store, {
      ArchiveName: archiveName(resource),
      EventSourceArn: SourceArn,
      ...(EventPattern === undefined ? {} : { EventPattern: text(EventPattern) }),
      ...(RetentionDays === undefined ? {} : { RetentionDays: Number(RetentionDays) }),
      ...(Description === undefined ? {} : { Description }),
    }),
  );
  return { ref: archive.name, attributes: { Arn: archive.arn, ArchiveName: archive.name } };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parsed(value: unknown): unknown {
  return typeof value === "string" ? JSON.parse(value) : value;
}
