import { isDeepStrictEqual } from "node:util";

type Properties = Readonly<Record<string, unknown>>;

/**
 * The properties of a type that cannot be changed: another value makes another resource. All else is changed in place.
 * From "Update requires: Replacement" of
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
 */
const REPLACED_BY: Readonly<Record<string, readonly string[] | "every">> = {
  "AWS::CloudWatch::Alarm": ["AlarmName"],
  "AWS::CloudWatch::CompositeAlarm": ["AlarmName"],
  "AWS::CloudWatch::Dashboard": ["DashboardName"],
  "AWS::DynamoDB::Table": ["TableName", "KeySchema", "ImportSourceSpecification", "LocalSecondaryIndexes"],
  "AWS::Events::Archive": ["ArchiveName", "SourceArn"],
  "AWS::Events::EventBus": ["Name"],
  "AWS::Events::EventBusPolicy": ["StatementId", "EventBusName"],
  "AWS::Events::Rule": ["Name", "EventBusName"],
  "AWS::IAM::ManagedPolicy": ["ManagedPolicyName", "Path", "Description"],
  "AWS::IAM::Policy": ["PolicyName"],
  "AWS::IAM::Role": ["RoleName", "Path"],
  "AWS::Lambda::Alias": ["Name", "FunctionName"],
  "AWS::Lambda::EventInvokeConfig": ["FunctionName", "Qualifier"],
  // The twin knows a mapping by its queue and function.
  "AWS::Lambda::EventSourceMapping": ["EventSourceArn", "FunctionName"],
  "AWS::Lambda::Function": ["FunctionName", "PackageType"],
  "AWS::Lambda::Permission": "every",
  "AWS::Lambda::Version": "every",
  "AWS::Logs::LogGroup": ["LogGroupName"],
  "AWS::Logs::MetricFilter": ["FilterName", "LogGroupName"],
  "AWS::S3::Bucket": ["BucketName"],
  "AWS::S3::BucketPolicy": ["Bucket"],
  "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
  "AWS::SQS::QueuePolicy": [],
  "AWS::SSM::Parameter": ["Name"],
  "AWS::SecretsManager::ResourcePolicy": ["SecretId"],
  "AWS::SecretsManager::Secret": ["Name"],
  "AWS::StepFunctions::StateMachine": ["StateMachineName", "StateMachineType"],
  "AWS::XRay::SamplingRule": "every",
};

/** Names of the properties that differ. */
export function changedProperties(before: Properties, after: Properties): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(before[name], after[name]));
}

/** Whether the table knows a type. */
export function isTold(type: string): boolean {
  return Object.hasOwn(REPLACED_BY, type);
}

/** Those of the changed properties that make another resource. A type that the table does not know is replaced. */
export function replacing(type: string, changed: readonly string[]): string[] {
  const fixed = REPLACED_BY[type] ?? "every";
  return changed.filter((name) => fixed === "every" || fixed.includes(name));
}
