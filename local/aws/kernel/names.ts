import { randomBytes } from "node:crypto";

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
