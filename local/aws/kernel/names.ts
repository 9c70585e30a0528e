import { createHash, randomBytes } from "node:crypto";

/** The account and Region that the twin plays. */
export const ACCOUNT = "123456789012";
export const REGION = "us-east-1";

/** `arn:aws:<service>:<region>:<account>:<resource>` in the twin's own account. */
export function arn(service: string, resource: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;
}

/** The part of an ARN after the account: `stateMachine:name`, `event-bus/name`, `queue-name`. */
export function arnResource(value: string): string {
  return value.split(":").slice(5).join(":");
}

/** A string of `length` lower-case hexadecimal digits. */
export function hex(length: number): string {
  return randomBytes(Math.ceil(length / 2))
    .toString("hex")
    .slice(0, length);
}

/** What the name of a resource is made of. */
export interface Named {
  readonly stackName: string;
  readonly logicalId: string;
  /** Tells a resource from those that had its logical id before; absent for those of the boot. */
  readonly generation?: string;
}

/**
 * The name of a resource whose template names none: stack, logical id and a suffix, as CloudFormation builds it.
 * The suffix is derived, so that the template of the boot finds its own resources again after a restart.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
 */
export function physicalName({ stackName, logicalId, generation }: Named, maxLength = 64): string {
  const digest = createHash("sha256")
    .update([stackName, logicalId, generation].filter(Boolean).join("/"))
    .digest("hex");
  const suffix = digest.slice(0, 12).toUpperCase();
  return `${`${stackName}-${logicalId}`.slice(0, maxLength - suffix.length - 1)}-${suffix}`;
}
