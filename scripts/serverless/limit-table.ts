import { MOST } from "./names.ts";

/** What AWS takes at one place of a resource; texts, JSON and lists by their size, numbers by their value. */
export interface Limit {
  /** Below `Properties`, with `*` for every entry of a list. */
  readonly path: string;
  /** `bytes` and `characters` of a text, or of JSON; `entries` of a list; `value` of a number. */
  readonly of: "characters" | "bytes" | "entries" | "value";
  readonly least?: number;
  readonly most: number;
  /** Of a name: the characters that it may have. */
  readonly pattern?: RegExp;
  /** Of a text: the only ones that there are, where AWS's schemas do not say it. */
  readonly allowed?: readonly string[];
  readonly link: string;
}

const DOCS = "https://docs.aws.amazon.com";
const name = (path: string, most: number, pattern: RegExp, link: string, least = 1): Limit => {
  return { path, of: "characters", least, most, pattern, link: `${DOCS}/${link}` };
};
const text = (path: string, most: number, link: string): Limit => {
  return { path, of: "characters", most, link: `${DOCS}/${link}` };
};
const bytes = (path: string, most: number, link: string): Limit => {
  return { path, of: "bytes", most, link: `${DOCS}/${link}` };
};
const entries = (path: string, most: number, link: string): Limit => {
  return { path, of: "entries", most, link: `${DOCS}/${link}` };
};
const value = (path: string, least: number, most: number, link: string): Limit => {
  return { path, of: "value", least, most, link: `${DOCS}/${link}` };
};

const oneOf = (path: string, allowed: readonly string[], link: string): Limit => {
  return { path, of: "characters", most: 100, allowed, link: `${DOCS}/${link}` };
};

const LAMBDA = "lambda/latest/api/API_CreateFunction.html";
const LAMBDA_QUOTAS = "lambda/latest/dg/gettingstarted-limits.html";
const MAPPING = "lambda/latest/api/API_CreateEventSourceMapping.html";
const IAM_QUOTAS = "IAM/latest/UserGuide/reference_iam-quotas.html";
const SQS = "AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html";
const RULE = "eventbridge/latest/APIReference/API_PutRule.html";
const TARGET = "eventbridge/latest/APIReference/API_Target.html";
const RETRY = "eventbridge/latest/APIReference/API_RetryPolicy.html";
const EVENTS_QUOTAS = "eventbridge/latest/userguide/eb-quota.html";
const ARCHIVE = "eventbridge/latest/APIReference/API_CreateArchive.html";
const TABLE = "amazondynamodb/latest/APIReference/API_CreateTable.html";
const PROJECTION = "amazondynamodb/latest/APIReference/API_Projection.html";
const ALARM = "AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html";
const FORMATION_QUOTAS = "AWSCloudFormation/latest/UserGuide/cloudformation-limits.html";

const KEY_TYPES = ["HASH", "RANGE"];
const COMPARISONS = [
  "GreaterThanThreshold",
  "GreaterThanOrEqualToThreshold",
  "LessThanThreshold",
  "LessThanOrEqualToThreshold",
  "LessThanLowerOrGreaterThanUpperThreshold",
  "LessThanLowerThreshold",
  "GreaterThanUpperThreshold",
];

/** Limits of every type that has the property. */
export const OF_ALL: readonly Limit[] = [
  entries("Tags", 50, "tag-editor/latest/userguide/reference.html"),
  text("Tags.*.Key", 128, "tag-editor/latest/userguide/reference.html"),
  text("Tags.*.Value", 256, "tag-editor/latest/userguide/reference.html"),
];

/** Limits by type of resource: those that a template of a fleet can run into. */
export const LIMITS: Readonly<Record<string, readonly Limit[]>> = {
  "AWS::Lambda::Function": [
    name("FunctionName", MOST.function, /^[\w-]+$/, LAMBDA),
    text("Description", 256, LAMBDA),
    text("Handler", 128, LAMBDA),
    oneOf("Architectures.*", ["arm64", "x86_64"], LAMBDA),
    value("Timeout", 1, 900, LAMBDA_QUOTAS),
    value("MemorySize", 128, 10_240, LAMBDA_QUOTAS),
    value("EphemeralStorage.Size", 512, 10_240, LAMBDA_QUOTAS),
    entries("Layers", 5, LAMBDA_QUOTAS),
    bytes("Environment.Variables", 4_096, LAMBDA_QUOTAS),
  ],
  "AWS::Lambda::EventSourceMapping": [
    value("BatchSize", 1, 10_000, MAPPING),
    oneOf("FunctionResponseTypes.*", ["ReportBatchItemFailures"], MAPPING),
    value("MaximumBatchingWindowInSeconds", 0, 300, MAPPING),
    value("ScalingConfig.MaximumConcurrency", 2, 1_000, "lambda/latest/api/API_ScalingConfig.html"),
  ],
  "AWS::IAM::Role": [
    name("RoleName", 64, /^[\w+=,.@-]+$/, "IAM/latest/APIReference/API_CreateRole.html"),
    name("Policies.*.PolicyName", 128, /^[\w+=,.@-]+$/, "IAM/latest/APIReference/API_PutRolePolicy.html"),
    text("AssumeRolePolicyDocument", 2_048, IAM_QUOTAS),
    entries("ManagedPolicyArns", 10, IAM_QUOTAS),
  ],
  "AWS::SQS::Queue": [
    name("QueueName", MOST.queue, /^[\w-]+$/, SQS),
    value("DelaySeconds", 0, 900, SQS),
    value("MessageRetentionPeriod", 60, 1_209_600, SQS),
    value("ReceiveMessageWaitTimeSeconds", 0, 20, SQS),
    value("VisibilityTimeout", 0, 43_200, SQS),
    value("RedrivePolicy.maxReceiveCount", 1, 1_000, SQS),
  ],
  "AWS::SQS::QueuePolicy": [
    bytes("PolicyDocument", 8_192, "AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"),
  ],
  "AWS::Events::Rule": [
    name("Name", MOST.rule, /^[\w.-]+$/, RULE),
    text("Description", 512, RULE),
    text("ScheduleExpression", 256, RULE),
    text("EventPattern", 2_048, EVENTS_QUOTAS),
    entries("Targets", 5, EVENTS_QUOTAS),
    name("Targets.*.Id", 64, /^[\w.-]+$/, TARGET),
    text("Targets.*.Input", 8_192, TARGET),
    value("Targets.*.RetryPolicy.MaximumEventAgeInSeconds", 60, 86_400, RETRY),
    value("Targets.*.RetryPolicy.MaximumRetryAttempts", 0, 185, RETRY),
  ],
  "AWS::Events::EventBus": [
    name("Name", 256, /^[/\w.-]+$/, "eventbridge/latest/APIReference/API_CreateEventBus.html"),
    text("Description", 512, "eventbridge/latest/APIReference/API_CreateEventBus.html"),
  ],
  "AWS::Events::Archive": [
    name("ArchiveName", 48, /^[\w.-]+$/, ARCHIVE),
    text("Description", 512, ARCHIVE),
    text("EventPattern", 2_048, EVENTS_QUOTAS),
  ],
  "AWS::DynamoDB::Table": [
    name("TableName", 255, /^[\w.-]+$/, TABLE, 3),
    oneOf("BillingMode", ["PROVISIONED", "PAY_PER_REQUEST"], TABLE),
    oneOf("AttributeDefinitions.*.AttributeType", ["S", "N", "B"], TABLE),
    oneOf("KeySchema.*.KeyType", KEY_TYPES, TABLE),
    oneOf("GlobalSecondaryIndexes.*.KeySchema.*.KeyType", KEY_TYPES, TABLE),
    oneOf("GlobalSecondaryIndexes.*.Projection.ProjectionType", ["ALL", "KEYS_ONLY", "INCLUDE"], PROJECTION),
    entries("GlobalSecondaryIndexes", 20, "amazondynamodb/latest/developerguide/ServiceQuotas.html"),
    name("GlobalSecondaryIndexes.*.IndexName", 255, /^[\w.-]+$/, TABLE, 3),
    entries("GlobalSecondaryIndexes.*.Projection.NonKeyAttributes", 20, PROJECTION),
  ],
  "AWS::StepFunctions::StateMachine": [
    name("StateMachineName", 80, /^[\w-]+$/, "step-functions/latest/apireference/API_CreateStateMachine.html"),
    bytes("Definition", 1_048_576, "step-functions/latest/dg/service-quotas.html"),
    bytes("DefinitionString", 1_048_576, "step-functions/latest/dg/service-quotas.html"),
  ],
  "AWS::CloudWatch::Alarm": [
    name("AlarmName", 255, /./, ALARM),
    text("AlarmDescription", 1_024, ALARM),
    oneOf("Statistic", ["SampleCount", "Average", "Sum", "Minimum", "Maximum"], ALARM),
    oneOf("ComparisonOperator", COMPARISONS, ALARM),
    oneOf("TreatMissingData", ["breaching", "notBreaching", "ignore", "missing"], ALARM),
    name("Metrics.*.Id", 255, /^[a-z]\w*$/, "AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html"),
    entries("AlarmActions", 5, ALARM),
    entries("OKActions", 5, ALARM),
    entries("InsufficientDataActions", 5, ALARM),
    entries("Dimensions", 30, ALARM),
  ],
  "AWS::CloudWatch::Dashboard": [
    name("DashboardName", 255, /^[\w-]+$/, "AmazonCloudWatch/latest/APIReference/API_PutDashboard.html"),
  ],
  "AWS::Logs::LogGroup": [
    name("LogGroupName", 512, /^[\w./#-]+$/, "AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"),
  ],
  "AWS::SecretsManager::Secret": [
    name("Name", 512, /^[\w/+=.@-]+$/, "secretsmanager/latest/apireference/API_CreateSecret.html"),
    text("Description", 2_048, "secretsmanager/latest/apireference/API_CreateSecret.html"),
  ],
  "AWS::S3::Bucket": [
    name("BucketName", 63, /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/, "AmazonS3/latest/userguide/bucketnamingrules.html", 3),
    entries("LifecycleConfiguration.Rules", 1_000, "AmazonS3/latest/userguide/object-lifecycle-mgmt.html"),
  ],
};

/** Of a template as a whole. */
export const OF_TEMPLATE = {
  resources: 500,
  outputs: 200,
  /** Characters of a logical id, or of the name of an output. */
  name: 255,
  /** Bytes, from S3. */
  bytes: 1_000_000,
  link: `${DOCS}/${FORMATION_QUOTAS}`,
} as const;

/** Of several places together. */
export const TOGETHER = {
  /** Characters of all inline policies of a role. */
  inlinePolicies: { most: 10_240, link: `${DOCS}/${IAM_QUOTAS}` },
  rulesOfBus: { most: 300, link: `${DOCS}/${EVENTS_QUOTAS}` },
  /** Of all indexes of a table. */
  projected: { most: 100, link: `${DOCS}/${PROJECTION}` },
  /** Seconds that an alarm looks back: periods of an hour and more, and shorter ones. */
  lookBack: { longPeriods: 604_800, shortPeriods: 86_400, link: `${DOCS}/${ALARM}` },
  /** Messages of a batch that needs no window. */
  batchWithoutWindow: { most: 10, link: `${DOCS}/${MAPPING}` },
  visibility: `${DOCS}/lambda/latest/dg/services-sqs-configure.html`,
  keys: `${DOCS}/${TABLE}`,
  schedule: `${DOCS}/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html`,
} as const;
