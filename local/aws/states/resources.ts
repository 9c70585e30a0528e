import { createHash } from "node:crypto";
import { AwsError, TemplateError } from "../kernel/errors.ts";
import type { Provisioned, ResourceProvider, TemplateResource } from "../kernel/service.ts";
import { createMachine, type MachineInput, updateMachine } from "./api/machines.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { type Machine, machineArn } from "./machines.ts";
import type { StatesContext } from "./service.ts";

/** CloudFormation types of Step Functions. */
export function stateMachineProviders(context: StatesContext): ResourceProvider[] {
  return [
    stateMachineProvider(context),
    refused("AWS::StepFunctions::StateMachineVersion", "versions"),
    refused("AWS::StepFunctions::StateMachineAlias", "aliases"),
  ];
}

function refused(type: string, what: string): ResourceProvider {
  return {
    type,
    properties: [],
    create: ({ logicalId }) => {
      throw new TemplateError(logicalId, "Type", `the local twin has no ${what} of state machines`);
    },
    delete: () => undefined,
  };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-stepfunctions-statemachine.html */
function stateMachineProvider(context: StatesContext): ResourceProvider {
  return {
    type: "AWS::StepFunctions::StateMachine",
    properties: [
      "Definition",
      "DefinitionString",
      "DefinitionSubstitutions",
      "LoggingConfiguration",
      "RoleArn",
      "StateMachineName",
      "StateMachineType",
      "Tags",
      "TracingConfiguration",
    ],
    create: (resource) => provision(context, resource),
    taken: (resource) => context.machines.find(machineArn(nameOf(resource)))?.name,
    // Running executions keep the machine that they began with.
    delete: ({ ref }) => context.machines.delete(ref),
  };
}

function provision(context: StatesContext, resource: TemplateResource): Provisioned {
  const { properties, logicalId } = resource;
  const name = nameOf(resource);
  const input: MachineInput = {
    name,
    definition: definitionText(resource),
    roleArn: properties.RoleArn,
    type: properties.StateMachineType ?? "STANDARD",
    loggingConfiguration: configuration(resource, "LoggingConfiguration", LOGGING) ?? {},
    tracingConfiguration: configuration(resource, "TracingConfiguration", TRACING) ?? {},
    tags: (properties.Tags ?? []).map(({ Key, Value }: { Key: string; Value: string }) => ({ key: Key, value: Value })),
  };
  try {
    const machine = createOrUpdate(context, input);
    const attributes = { Arn: machine.arn, Name: machine.name, StateMachineRevisionId: machine.revisionId };
    return { ref: machine.arn, attributes };
  } catch (cause) {
    if (cause instanceof AwsError) throw new TemplateError(logicalId, "Properties", cause.message);
    throw cause;
  }
}

/** A machine that a snapshot brought back becomes what the template says now. */
function createOrUpdate(context: StatesContext, input: MachineInput): Machine {
  const { machines } = context;
  const known = machines.find(machineArn(String(input.name)));
  if (!known) return createMachine(context, input);
  if (known.type !== input.type) {
    // The type cannot be changed, so CloudFormation replaces the machine.
    machines.delete(known.arn);
    return createMachine(context, input);
  }
  const tags = machines.tags(known.arn);
  tags.clear();
  for (const { key, value } of input.tags ?? []) tags.set(key, value);
  return updateMachine(context, known, input);
}

/** Of a machine without a name, the same at every boot, so that restored executions find it. */
function nameOf({ logicalId, stackName, generation, properties }: TemplateResource): string {
  if (properties.StateMachineName) return properties.StateMachineName;
  const source = [stackName, logicalId, generation].filter(Boolean).join("/");
  return `${logicalId.slice(0, 67)}-${createHash("sha256").update(source).digest("hex").slice(0, 12)}`;
}

function definitionText({ logicalId, properties }: TemplateResource): string {
  const { Definition: object, DefinitionString: text, DefinitionSubstitutions: given = {} } = properties;
  if ((object === undefined) === (text === undefined))
    throw new TemplateError(
      logicalId,
      "Definition",
      "give either Definition or DefinitionString (DefinitionS3Location is not supported)",
    );
  if (!isObject(given)) throw new TemplateError(logicalId, "DefinitionSubstitutions", "expected an object");
  const substitute = (value: string) =>
    value.replace(/\$\{([\w.-]+)\}/g, (placeholder, key: string) => {
      if (Object.hasOwn(given, key)) return String(given[key]);
      throw new TemplateError(
        logicalId,
        "DefinitionSubstitutions",
        `there is no value for the placeholder ${placeholder}`,
      );
    });
  return typeof text === "string" ? substitute(text) : JSON.stringify(substituteAll(object as Json, substitute));
}

function substituteAll(value: Json, substitute: (text: string) => string): Json {
  if (typeof value === "string") return substitute(value);
  if (Array.isArray(value)) return value.map((item) => substituteAll(item, substitute));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [substitute(name), substituteAll(member, substitute)]),
  );
}

/** A configuration's known members, with what stands below them; anything else would be ignored, so it is refused. */
interface Members {
  readonly [name: string]: Members | true;
}

const TRACING: Members = { Enabled: true };
const LOGGING: Members = {
  Level: true,
  IncludeExecutionData: true,
  Destinations: { CloudWatchLogsLogGroup: { LogGroupArn: true } },
};

function configuration({ logicalId, properties }: TemplateResource, name: string, members: Members): Json | undefined {
  const value = properties[name];
  return value === undefined ? undefined : camelCased(logicalId, name, value, members);
}

/** The API's form of a configuration: names that begin with a small letter, booleans that are booleans. */
function camelCased(logicalId: string, path: string, value: Json, members: Members | true): Json {
  if (members === true) return value === "true" ? true : value === "false" ? false : value;
  if (Array.isArray(value))
    return value.map((item, index) => camelCased(logicalId, `${path}[${index}]`, item, members));
  if (!isObject(value)) throw new TemplateError(logicalId, path, "expected an object");
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    const known = Object.hasOwn(members, name) ? members[name] : undefined;
    if (!known) throw new TemplateError(logicalId, `${path}.${name}`, "this property is not known");
    result[name.charAt(0).toLowerCase() + name.slice(1)] = camelCased(logicalId, `${path}.${name}`, member, known);
  }
  return result;
}
