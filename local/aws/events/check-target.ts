import { constraint, validation } from "./errors.ts";
import { checkInput } from "./input.ts";
import type { Target } from "./model.ts";
import { targetKind } from "./targets.ts";

/** Every member of a target that the twin understands. */
const MEMBERS: ReadonlySet<string> = new Set([
  "Id",
  "Arn",
  "RoleArn",
  "Input",
  "InputPath",
  "InputTransformer",
  "SqsParameters",
  "DeadLetterConfig",
  "RetryPolicy",
]);
const ID = /^[.\-_A-Za-z0-9]{1,64}$/;

/**
 * Checks one target of a rule.
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
 * @param index its place in the call, from 0
 * @throws AwsError `ValidationException`
 */
export function checkTarget(target: Target, index: number): void {
  const { Id, Arn, RoleArn, DeadLetterConfig, RetryPolicy } = target;
  if (!ID.test(Id ?? ""))
    throw constraint(
      Id,
      `targets.${index + 1}.member.id`,
      String.raw`Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`,
    );
  for (const member of Object.keys(target))
    if (!MEMBERS.has(member)) throw validation(`The twin does not know the member ${member} of target ${Id}.`);
  if (!/^arn:[^:]+:[^:]+:/.test(Arn ?? ""))
    throw validation(`Parameter ${Arn} is not valid. Reason: Provided Arn is not in correct format.`);
  const kind = targetKind(Arn);
  if (!kind)
    throw validation(
      `The twin does not deliver to ${Arn} (target ${Id}); use a queue, function, state machine or event bus.`,
    );
  if (kind.needsRole && !RoleArn) throw validation(`RoleArn is required for target ${Arn}.`);
  checkInput(target);
  const queue = DeadLetterConfig?.Arn;
  if (queue !== undefined && !(/^arn:aws:sqs:/.test(queue) && !queue.endsWith(".fifo")))
    throw validation(`DeadLetterConfig of target ${Id} must name a standard SQS queue by its ARN.`);
  checkRange(index, "maximumRetryAttempts", RetryPolicy?.MaximumRetryAttempts, 0, 185);
  checkRange(index, "maximumEventAgeInSeconds", RetryPolicy?.MaximumEventAgeInSeconds, 60, 86_400);
}

function checkRange(index: number, member: string, value: number | undefined, low: number, high: number): void {
  const at = `targets.${index + 1}.member.retryPolicy.${member}`;
  if (value === undefined) return;
  if (!Number.isInteger(value) || value < low)
    throw constraint(value, at, `Member must have value greater than or equal to ${low}`);
  if (value > high) throw constraint(value, at, `Member must have value less than or equal to ${high}`);
}
