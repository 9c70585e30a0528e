import type { PolicyDocument } from "../kernel/service.ts";
import { fifoUnsupported, invalidAttributeValue, invalidValue, unknownAttribute } from "./errors.ts";

/** Largest message, and largest batch, in bytes. */
export const MAXIMUM_MESSAGE_BYTES = 1_048_576;

/** Integer attributes: smallest and largest value, and the default (seconds, or bytes for the size). */
const INTEGERS: Readonly<Record<string, readonly [number, number, number]>> = {
  DelaySeconds: [0, 900, 0],
  MaximumMessageSize: [1024, MAXIMUM_MESSAGE_BYTES, MAXIMUM_MESSAGE_BYTES],
  MessageRetentionPeriod: [60, 1_209_600, 345_600],
  ReceiveMessageWaitTimeSeconds: [0, 20, 0],
  VisibilityTimeout: [0, 43_200, 30],
};
const FIFO_ONLY = new Set(["ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"]);
/** Attributes that an empty value takes away. */
const REMOVABLE = new Set(["Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"]);

const READ_ONLY = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesDelayed",
  "ApproximateNumberOfMessagesNotVisible",
  "CreatedTimestamp",
  "LastModifiedTimestamp",
  "QueueArn",
] as const;

/** Every name that GetQueueAttributes may be asked for. */
export const READABLE: ReadonlySet<string> = new Set([
  ...Object.keys(INTEGERS),
  ...FIFO_ONLY,
  ...REMOVABLE,
  ...READ_ONLY,
  "FifoQueue",
  "KmsDataKeyReusePeriodSeconds",
  "SqsManagedSseEnabled",
]);

/** The attributes of a new queue. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html */
export function defaultAttributes(): Map<string, string> {
  const defaults = new Map(Object.entries(INTEGERS).map(([name, [, , value]]) => [name, String(value)]));
  return defaults.set("SqsManagedSseEnabled", "true");
}

export interface RedrivePolicy {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
}

export interface RedriveAllowPolicy {
  readonly redrivePermission: "allowAll" | "denyAll" | "byQueue";
  readonly sourceQueueArns?: readonly string[];
}

/**
 * Lays `changes` over `current` after checking every one of them; nothing is changed when one is wrong.
 * @throws AwsError `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValueException`, `UnsupportedOperation`
 */
export function applyAttributes(
  current: ReadonlyMap<string, string>,
  changes: Readonly<Record<string, unknown>>,
): Map<string, string> {
  const next = new Map(current);
  for (const [name, given] of Object.entries(changes)) {
    const value = typeof given === "string" ? given : String(given);
    check(name, value);
    if (value === "" && REMOVABLE.has(name)) next.delete(name);
    else next.set(name, value);
  }
  return next;
}

function check(name: string, value: string): void {
  const range = INTEGERS[name];
  if (range) {
    checkInteger(name, value, range[0], range[1]);
    return;
  }
  if (name === "FifoQueue" && value === "true") throw fifoUnsupported();
  if (REMOVABLE.has(name) && value === "") return;
  if (name === "KmsMasterKeyId") return;
  if (name === "Policy") parseJson(name, value);
  else if (name === "RedrivePolicy") parseRedrivePolicy(value);
  else if (name === "RedriveAllowPolicy") parseRedriveAllowPolicy(value);
  else if (name === "KmsDataKeyReusePeriodSeconds") checkInteger(name, value, 60, 86_400);
  else if (name === "SqsManagedSseEnabled") {
    if (value !== "true" && value !== "false") throw invalidAttributeValue(name);
  } else throw unknownAttribute(name);
}

function checkInteger(name: string, value: string, low: number, high: number): void {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < low || number > high) throw invalidAttributeValue(name);
}

function parseJson(name: string, value: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Falls through to the one error for everything that is not a JSON object.
  }
  throw invalidAttributeValue(name);
}

/** @throws AwsError `InvalidParameterValueException` in the words of SQS */
export function parseRedrivePolicy(value: string): RedrivePolicy {
  const policy = parseJson("RedrivePolicy", value);
  const { deadLetterTargetArn, maxReceiveCount } = policy;
  if (typeof deadLetterTargetArn !== "string" || maxReceiveCount === undefined)
    throw invalidValue(
      value,
      "RedrivePolicy",
      "Redrive policy does not contain mandatory attribute: " +
        `${typeof deadLetterTargetArn === "string" ? "maxReceiveCount" : "deadLetterTargetArn"}.`,
    );
  const count = Number(maxReceiveCount);
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    throw invalidValue(
      value,
      "RedrivePolicy",
      `Invalid value for maxReceiveCount: ${String(maxReceiveCount)}, valid values are from 1 to 1000 both inclusive.`,
    );
  return { deadLetterTargetArn, maxReceiveCount: count };
}

/** @throws AwsError `InvalidParameterValueException` when the permission is none of the three */
export function parseRedriveAllowPolicy(value: string): RedriveAllowPolicy {
  const policy = parseJson("RedriveAllowPolicy", value);
  const { redrivePermission, sourceQueueArns } = policy;
  if (redrivePermission !== "allowAll" && redrivePermission !== "denyAll" && redrivePermission !== "byQueue")
    throw invalidValue(value, "RedriveAllowPolicy", "redrivePermission must be allowAll, denyAll or byQueue.");
  const arns = Array.isArray(sourceQueueArns) ? sourceQueueArns.map(String) : [];
  if ((redrivePermission === "byQueue") !== arns.length > 0 || arns.length > 10)
    throw invalidValue(value, "RedriveAllowPolicy", "byQueue, and only byQueue, names 1 to 10 sourceQueueArns.");
  return { redrivePermission, sourceQueueArns: arns };
}

/** The queue policy as IAM reads it. */
export function policyOf(attributes: ReadonlyMap<string, string>): PolicyDocument | undefined {
  const text = attributes.get("Policy");
  return text === undefined ? undefined : (JSON.parse(text) as PolicyDocument);
}
