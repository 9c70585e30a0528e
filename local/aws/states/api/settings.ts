import { AwsError } from "../../kernel/errors.ts";
import { arn } from "../../kernel/names.ts";
import type { MachineDefinition, MachineType } from "../definition/types.ts";
import { invalidDefinitionMessage, validateDefinition } from "../definition/validate.ts";
import { isObject } from "../json.ts";
import type { LoggingConfiguration, LogLevel, TracingConfiguration } from "../machines.ts";
import type { StatesContext } from "../service.ts";

const LEVELS: readonly unknown[] = ["ALL", "ERROR", "FATAL", "OFF"];

/**
 * Parses and judges a definition.
 * @throws AwsError `InvalidDefinition` with all diagnostics; `AccessDeniedException` when `.sync` is used by a role
 * that may not make the rule that Step Functions needs for it
 */
export function checkDefinition(
  context: StatesContext,
  text: string,
  type: MachineType,
  roleArn: string,
): MachineDefinition {
  const { diagnostics, definition } = validateDefinition(text, { type, resourceProblem: problemWith(context) });
  if (!definition) throw new AwsError("InvalidDefinition", invalidDefinitionMessage(diagnostics));
  if (/"arn:aws:states:[^"]*\.sync(:2)?"/.test(text)) checkManagedRule(context, roleArn);
  return definition;
}

/** Says why a Task's resource cannot be run, naming it. */
export function problemWith({ resolve }: StatesContext): (resource: string) => string | undefined {
  return (resource) => {
    const resolved = resolve(resource);
    return typeof resolved === "string" ? `The resource '${resource}' cannot be run: ${resolved}` : undefined;
  };
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html#sync-async-iam-policies */
function checkManagedRule({ kernel }: StatesContext, roleArn: string): void {
  const { principal } = kernel.identities.assume(roleArn, "states.amazonaws.com", "StepFunctionsManagedRule");
  const resource = arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule");
  try {
    for (const action of ["events:PutTargets", "events:PutRule", "events:DescribeRule"])
      kernel.identities.authorize(principal, { action, resource });
  } catch (cause) {
    throw new AwsError("AccessDeniedException", `'${roleArn}' is not authorized to create managed-rule.`, { cause });
  }
}

/** @throws AwsError `InvalidLoggingConfiguration` */
export function loggingOf(value: unknown): LoggingConfiguration {
  const given = isObject(value) ? value : {};
  const { level = "OFF", includeExecutionData = false, destinations = [] } = given;
  const refuse = (problem: string) =>
    new AwsError("InvalidLoggingConfiguration", `Invalid Logging Configuration: ${problem}`);
  if (!LEVELS.includes(level)) throw refuse(`The level must be one of ${LEVELS.join(", ")}.`);
  if (!Array.isArray(destinations) || destinations.length > 1) throw refuse("There may be one destination.");
  if (level !== "OFF" && destinations.length === 0) throw refuse("Must specify exactly one Log Destination.");
  return {
    level: level as LogLevel,
    includeExecutionData: includeExecutionData === true,
    destinations: destinations.map((destination) => {
      const group = isObject(destination) ? destination.cloudWatchLogsLogGroup : undefined;
      const groupArn = isObject(group) ? group.logGroupArn : undefined;
      if (typeof groupArn !== "string" || !/^arn:aws:logs:[^:]+:\d+:log-group:[^:]+:\*$/.test(groupArn))
        throw refuse("The log group ARN must end with ':*'.");
      return { cloudWatchLogsLogGroup: { logGroupArn: groupArn } };
    }),
  };
}

export function tracingOf(value: unknown): TracingConfiguration {
  return { enabled: isObject(value) && value.enabled === true };
}

/** @throws AwsError `ValidationException` for members that the twin does not reproduce */
export function refuseUnsupported(input: Readonly<Record<string, unknown>>): void {
  const { encryptionConfiguration: encryption, publish } = input;
  if (publish) throw unsupported("publish", "it has no versions of state machines");
  if (isObject(encryption) && encryption.type !== "AWS_OWNED_KEY")
    throw unsupported("encryptionConfiguration", "it does not encrypt with your own keys");
}

function unsupported(member: string, why: string): AwsError {
  return new AwsError("ValidationException", `The local twin does not support '${member}': ${why}.`);
}
