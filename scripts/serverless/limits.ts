import { MOST } from "./names.ts";
import { type Json, propertiesOf, type Resources, resolve } from "./resolve.ts";

/** Names that AWS takes, by type and property: most characters, and which. */
const NAMES: Readonly<Record<string, { property: string; most: number; pattern: RegExp }>> = {
  "AWS::Lambda::Function": { property: "FunctionName", most: MOST.function, pattern: /^[\w-]+$/ },
  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
  "AWS::IAM::Role": { property: "RoleName", most: 64, pattern: /^[\w+=,.@-]+$/ },
  "AWS::SQS::Queue": { property: "QueueName", most: MOST.queue, pattern: /^[\w-]+$/ },
  "AWS::Events::Rule": { property: "Name", most: MOST.rule, pattern: /^[\w.-]+$/ },
  // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html
  "AWS::Events::EventBus": { property: "Name", most: 256, pattern: /^[/\w.-]+$/ },
  // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html
  "AWS::Events::Archive": { property: "ArchiveName", most: 48, pattern: /^[\w.-]+$/ },
  // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
  "AWS::DynamoDB::Table": { property: "TableName", most: 255, pattern: /^[\w.-]{3,}$/ },
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
  "AWS::StepFunctions::StateMachine": { property: "StateMachineName", most: 80, pattern: /^[\w-]+$/ },
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  "AWS::CloudWatch::Alarm": { property: "AlarmName", most: 255, pattern: /./ },
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
  "AWS::CloudWatch::Dashboard": { property: "DashboardName", most: 255, pattern: /^[\w-]+$/ },
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
  "AWS::Logs::LogGroup": { property: "LogGroupName", most: 512, pattern: /^[\w./#-]+$/ },
  // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
  "AWS::SecretsManager::Secret": { property: "Name", most: 512, pattern: /^[\w/+=.@-]+$/ },
};

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const MOST_RESOURCES = 500;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html */
const MOST_OF_QUEUE_POLICY = 8_192;
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const MOST_OF_ROLE = 10_240;
/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MOST_OF_ENVIRONMENT = 4_096;
/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const MOST_RULES = 300;
const MOST_TARGETS = 5;

/**
 * Everything in a template that AWS would refuse by its size: a sentence each, with the logical id, the property and what
 * to do. Sizes are those in the region and partition with the longest names.
 */
export function overLimits(resources: Resources): string[] {
  const count = Object.keys(resources).length;
  const whole =
    count > MOST_RESOURCES
      ? [
          `The template has ${count} resources, ${MOST_RESOURCES} are allowed: deploy some organisations as another stage.`,
        ]
      : [];
  return [...whole, ...crowdedBuses(resources), ...Object.keys(resources).flatMap((id) => overIn(resources, id))];
}

function overIn(resources: Resources, id: string): string[] {
  const { Type = "" } = resources[id] ?? {};
  const properties = propertiesOf(resources, id);
  const over = (property: string, size: number, most: number, what: string) =>
    size > most
      ? [`${id}.${property} has ${size} ${what}, ${most} are allowed: shorten it, or give it fewer parts.`]
      : [];
  const sizeOf = (value: Json) => JSON.stringify(resolve(value, resources) ?? {}).length;
  const known = NAMES[Type];
  const name = known && properties[known.property] !== undefined && resolve(properties[known.property], resources);
  const named =
    typeof name === "string" && known
      ? [
          ...over(known.property, name.length, known.most, "characters"),
          ...(known.pattern.test(name)
            ? []
            : [`${id}.${known.property} is '${name}', which is no name for AWS: use letters, digits and hyphens.`]),
        ]
      : [];
  switch (Type) {
    case "AWS::SQS::QueuePolicy":
      return [...named, ...over("PolicyDocument", sizeOf(properties.PolicyDocument), MOST_OF_QUEUE_POLICY, "bytes")];
    case "AWS::IAM::Role": {
      const documents = (properties.Policies ?? []).map((policy: Json) => sizeOf(policy.PolicyDocument));
      const size = documents.reduce((sum: number, one: number) => sum + one, 0);
      return [...named, ...over("Policies", size, MOST_OF_ROLE, "characters")];
    }
    case "AWS::Lambda::Function":
      return [
        ...named,
        ...over("Environment", sizeOf(properties.Environment?.Variables), MOST_OF_ENVIRONMENT, "bytes"),
      ];
    case "AWS::Events::Rule":
      return [...named, ...over("Targets", (properties.Targets ?? []).length, MOST_TARGETS, "targets")];
    default:
      return named;
  }
}

function crowdedBuses(resources: Resources): string[] {
  const rules = Object.keys(resources).filter((id) => resources[id]?.Type === "AWS::Events::Rule");
  const buses = Map.groupBy(rules, (id) => JSON.stringify(propertiesOf(resources, id).EventBusName ?? "default"));
  return [...buses]
    .filter(([, { length }]) => length > MOST_RULES)
    .map(([bus, { length }]) => `The bus ${bus} has ${length} rules, ${MOST_RULES} are allowed: ask AWS for more.`);
}
