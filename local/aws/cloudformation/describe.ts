import { parseTemplate } from "./input.ts";
import type { StackEvent, StackRecord, Submission } from "./stacks.ts";

/** A moment as CloudFormation writes it. @param at epoch milliseconds */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

export function parametersTold({ parameters }: Submission) {
  return Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }));
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html */
export function describeStack(record: StackRecord) {
  const { submission, updatedAt, stack } = record;
  return {
    StackId: record.id,
    StackName: record.name,
    CreationTime: isoTime(record.createdAt),
    LastUpdatedTime: updatedAt === undefined ? undefined : isoTime(updatedAt),
    StackStatus: record.status,
    StackStatusReason: record.reason,
    DisableRollback: false,
    EnableTerminationProtection: record.isProtected,
    NotificationARNs: [],
    Parameters: submission ? parametersTold(submission) : [],
    Capabilities: submission?.capabilities ?? [],
    Tags: submission?.tags ?? [],
    Outputs: stack && submission ? outputsTold(stack.outputs, stack.exports, submission) : [],
    RollbackConfiguration: {},
    DriftInformation: { StackDriftStatus: "NOT_CHECKED" },
  };
}

function outputsTold(
  outputs: Readonly<Record<string, unknown>>,
  exports: Readonly<Record<string, unknown>>,
  { template }: Submission,
) {
  const declared = parseTemplate(template).Outputs ?? {};
  return Object.entries(outputs).map(([OutputKey, OutputValue]) => ({
    OutputKey,
    OutputValue,
    Description: declared[OutputKey]?.Description,
    ExportName: declared[OutputKey]?.Export
      ? Object.keys(exports).find((name) => exports[name] === OutputValue)
      : undefined,
  }));
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html */
export function describeEvent({ id, name }: StackRecord, event: StackEvent) {
  return {
    StackId: id,
    StackName: name,
    EventId: event.id,
    LogicalResourceId: event.logicalId,
    PhysicalResourceId: event.ref,
    ResourceType: event.type,
    Timestamp: isoTime(event.at),
    ResourceStatus: event.status,
    ResourceStatusReason: event.reason,
  };
}

/** The resources of a stack, each with its newest status. */
export function describeResources(record: StackRecord) {
  const newest = new Map(record.events.map((event) => [event.logicalId, event]));
  return [...(record.stack?.resources.values() ?? [])].map(({ logicalId, ref, type }) => {
    const event = newest.get(logicalId);
    const at = isoTime(event?.at ?? record.createdAt);
    return {
      StackId: record.id,
      StackName: record.name,
      LogicalResourceId: logicalId,
      PhysicalResourceId: ref,
      ResourceType: type,
      ResourceStatus: event?.status ?? "CREATE_COMPLETE",
      Timestamp: at,
      LastUpdatedTimestamp: at,
    };
  });
}
