import { isObject, type Json, type JsonObject } from "../json.ts";
import { sdkError } from "./errors.ts";
import { members } from "./metadata.ts";
import type { Action } from "./types.ts";

interface SdkService {
  /** The twin's service. */
  readonly service: string;
  /** SDK service id as Step Functions writes it in error names. */
  readonly id: string;
  /** The API's members begin with a small letter; tasks write them with a capital one. */
  readonly camelCase?: boolean;
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html */
const SERVICES: Readonly<Record<string, SdkService>> = {
  cloudwatch: { service: "monitoring", id: "CloudWatch" },
  cloudwatchlogs: { service: "logs", id: "CloudWatchLogs", camelCase: true },
  dynamodb: { service: "dynamodb", id: "DynamoDb" },
  eventbridge: { service: "events", id: "EventBridge" },
  secretsmanager: { service: "secretsmanager", id: "SecretsManager" },
  sfn: { service: "states", id: "Sfn", camelCase: true },
  sqs: { service: "sqs", id: "Sqs" },
  ssm: { service: "ssm", id: "Ssm" },
  xray: { service: "xray", id: "XRay" },
};

/**
 * Any call of a service that the twin has.
 * @param knows whether the twin implements an operation
 * @returns the reason as a string when it cannot be run
 */
export function sdkAction(
  name: string,
  action: string,
  knows: (service: string, operation: string) => boolean,
): Action | string {
  const target = Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined;
  if (!target) return `the local twin has no AWS SDK integration with '${name}'`;
  const operation = action.charAt(0).toUpperCase() + action.slice(1);
  if (!knows(target.service, operation)) return `the local twin does not implement ${target.service}:${operation}`;
  return {
    patterns: ["request", "waitForTaskToken"],
    errorOf: (cause, requestId) => sdkError(cause, target.id, requestId),
    async start(request) {
      const input = members(request.arguments);
      const sent = target.camelCase ? (renamed(input, lower) as JsonObject) : input;
      const { output } = await request.call(target.service, operation, sent, target.id);
      return target.camelCase ? renamed(output ?? {}, upper) : (output ?? {});
    },
  };
}

/** The value with all member names changed, at any depth. */
function renamed(value: Json, change: (name: string) => string): Json {
  if (Array.isArray(value)) return value.map((item) => renamed(item, change));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [change(name), renamed(member, change)]));
}

const lower = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
const upper = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
