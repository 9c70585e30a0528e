import { AwsError } from "../../kernel/errors.ts";
import type { Operation } from "../../kernel/service.ts";
import type { MachineType } from "../definition/types.ts";
import { validateDefinition } from "../definition/validate.ts";
import { type Machine, machineArn } from "../machines.ts";
import type { StatesContext } from "../service.ts";
import { checkName, invalid, page, requiredString, seconds } from "./input.ts";
import { recordOf } from "./records.ts";
import { checkDefinition, loggingOf, problemWith, refuseUnsupported, tracingOf } from "./settings.ts";

/** Operations on state machines. https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html */
export function machineOperations(context: StatesContext): Record<string, Operation> {
  const { machines, executions } = context;
  const onMachine = (operation: string, input: { readonly stateMachineArn?: string }) => [
    { action: `states:${operation}`, resource: input.stateMachineArn ?? "*" },
  ];
  return {
    CreateStateMachine: {
      access: (input) => [{ action: "states:CreateStateMachine", resource: machineArn(input.name ?? "*") }],
      run: (input) => {
        const machine = createMachine(context, input);
        return { stateMachineArn: machine.arn, creationDate: seconds(machine.creationDate) };
      },
    },
    UpdateStateMachine: {
      access: (input) => onMachine("UpdateStateMachine", input),
      run: (input) => {
        const machine = updateMachine(context, machines.get(requiredString(input, "stateMachineArn")), input);
        return { updateDate: seconds(machine.updateDate), revisionId: machine.revisionId };
      },
    },
    DeleteStateMachine: {
      access: (input) => onMachine("DeleteStateMachine", input),
      run: async (input) => {
        const machine = machines.find(requiredString(input, "stateMachineArn"));
        if (machine) {
          machines.delete(machine.arn);
          await executions.abortAll(machine);
        }
        return {};
      },
    },
    DescribeStateMachine: {
      access: (input) => onMachine("DescribeStateMachine", input),
      run: (input) => {
        const machine = machines.get(requiredString(input, "stateMachineArn"));
        const { type, creationDate } = machine;
        return { ...description(machine), status: "ACTIVE", type, creationDate: seconds(creationDate) };
      },
    },
    DescribeStateMachineForExecution: {
      access: (input) => [{ action: "states:DescribeStateMachineForExecution", resource: input.executionArn ?? "*" }],
      run: (input) => {
        const { machine, mapRunArn } = recordOf(context, requiredString(input, "executionArn"));
        const { name } = machine;
        return {
          ...description(machine),
          updateDate: seconds(machine.updateDate),
          ...(mapRunArn === undefined ? {} : { mapRunArn, label: name.slice(name.indexOf("/") + 1) }),
        };
      },
    },
    ListStateMachines: {
      access: () => [{ action: "states:ListStateMachines", resource: "*" }],
      run: (input) => {
        const { items, nextToken } = page(machines.all(), input);
        const stateMachines = items.map(({ arn, name, type, creationDate }) => ({
          stateMachineArn: arn,
          name,
          type,
          creationDate: seconds(creationDate),
        }));
        return { stateMachines, ...(nextToken ? { nextToken } : {}) };
      },
    },
    ValidateStateMachineDefinition: {
      access: () => [{ action: "states:ValidateStateMachineDefinition", resource: "*" }],
      run: (input) => validate(context, input),
    },
  };
}

export interface MachineInput {
  readonly name?: string;
  readonly definition?: string;
  readonly roleArn?: string;
  readonly type?: MachineType;
  readonly loggingConfiguration?: unknown;
  readonly tracingConfiguration?: unknown;
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
  readonly [member: string]: unknown;
}

/**
 * Creates a state machine; the same call again gives the same machine.
 * @throws AwsError `InvalidName`, `InvalidDefinition`, `InvalidLoggingConfiguration`, `StateMachineAlreadyExists`
 */
export function createMachine(context: StatesContext, input: MachineInput): Machine {
  const { machines, kernel } = context;
  const name = checkName(requiredString(input, "name"));
  const { type = "STANDARD" } = input;
  if (type !== "STANDARD" && type !== "EXPRESS")
    throw invalid(
      `Value '${type}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]`,
    );
  refuseUnsupported(input);
  const definition = requiredString(input, "definition");
  const roleArn = requiredString(input, "roleArn");
  const settings = {
    definition,
    parsed: checkDefinition(context, definition, type, roleArn),
    roleArn,
    logging: loggingOf(input.loggingConfiguration),
    tracing: tracingOf(input.tracingConfiguration),
  };
  const known = machines.find(machineArn(name));
  if (known && !sameMachine(known, { ...settings, type }))
    throw new AwsError("StateMachineAlreadyExists", `State Machine Already Exists: '${known.arn}'`);
  const machine = known ?? machines.create(name, type, settings, kernel.clock.now());
  for (const { key, value } of input.tags ?? []) machines.tags(machine.arn).set(key, value);
  return machine;
}

/**
 * Changes what is given; running executions keep the revision they began with.
 * @throws AwsError `MissingRequiredParameter`, `InvalidDefinition`, `InvalidLoggingConfiguration`
 */
export function updateMachine(context: StatesContext, machine: Machine, input: MachineInput): Machine {
  refuseUnsupported(input);
  const { definition, roleArn, loggingConfiguration, tracingConfiguration } = input;
  if ([definition, roleArn, loggingConfiguration, tracingConfiguration].every((member) => member === undefined))
    throw new AwsError(
      "MissingRequiredParameter",
      "Either the definition, the role ARN, the LoggingConfiguration, the EncryptionConfiguration or the TracingConfiguration must be specified",
    );
  const changes = {
    ...(definition === undefined
      ? {}
      : { definition, parsed: checkDefinition(context, definition, machine.type, roleArn ?? machine.roleArn) }),
    ...(roleArn === undefined ? {} : { roleArn }),
    ...(loggingConfiguration === undefined ? {} : { logging: loggingOf(loggingConfiguration) }),
    ...(tracingConfiguration === undefined ? {} : { tracing: tracingOf(tracingConfiguration) }),
  };
  return context.machines.update(machine, changes, context.kernel.clock.now());
}

function sameMachine(known: Machine, given: Pick<Machine, "definition" | "type" | "logging" | "tracing">): boolean {
  const identity = ({ definition, type, logging, tracing }: typeof given) =>
    JSON.stringify([definition, type, logging, tracing]);
  return identity(known) === identity(given);
}

function description({ arn, name, definition, roleArn, logging, tracing, parsed, revisionId }: Machine) {
  return {
    stateMachineArn: arn,
    name,
    definition,
    roleArn,
    loggingConfiguration: logging,
    tracingConfiguration: tracing,
    revisionId,
    ...(parsed.Comment === undefined ? {} : { description: parsed.Comment }),
  };
}

function validate(
  context: StatesContext,
  input: { definition?: string; type?: MachineType; severity?: "ERROR" | "WARNING"; maxResults?: number },
) {
  const { type = "STANDARD", severity = "ERROR", maxResults } = input;
  if (typeof input.definition !== "string")
    throw invalid("Value null at 'definition' failed to satisfy constraint: Member must not be null");
  const resourceProblem = problemWith(context);
  const { diagnostics, definition } = validateDefinition(input.definition, { type, resourceProblem });
  const wanted = diagnostics.filter((diagnostic) => severity === "WARNING" || diagnostic.severity === "ERROR");
  const limit = maxResults ? Math.min(maxResults, 100) : 100;
  return {
    result: definition ? "OK" : "FAIL",
    diagnostics: wanted.slice(0, limit),
    truncated: wanted.length > limit,
  };
}
