import { TemplateError } from "../kernel/errors.ts";
import { ACCOUNT, arn, REGION } from "../kernel/names.ts";
import type { Provisioned } from "../kernel/service.ts";
import type { TemplateDocument } from "./document.ts";
import { evaluate, NO_VALUE, type Place, type Scope } from "./intrinsics.ts";

/** A resource as intrinsic functions see it. */
export interface Seen extends Provisioned {
  readonly type: string;
  /** It is only going to be made: its attributes are placeholders. */
  readonly isPlanned?: boolean;
}

/** What surrounds a template. */
export interface Surroundings {
  readonly stackName: string;
  readonly stackId: string;
  /** Values that `Fn::ImportValue` finds. */
  readonly imports: Readonly<Record<string, unknown>>;
  /** Told of every name that the template imports. */
  onImport?(name: string): void;
}

/** The ARN of a stack. */
export function stackArn(stackName: string, uuid = "00000000-0000-0000-0000-000000000000"): string {
  return arn("cloudformation", `stack/${stackName}/${uuid}`);
}

/** What stands for a value that is not known before the resource is made. */
export function placeholder(logicalId: string, attribute = "Ref"): string {
  return `{{changeSet:KnownAfterApply:${logicalId}.${attribute}}}`;
}

/** @param made resources by logical id, as far as they are made */
export function createScope(
  template: TemplateDocument,
  parameters: ReadonlyMap<string, unknown>,
  made: ReadonlyMap<string, Seen>,
  surroundings: Surroundings,
): Scope {
  const pseudo = pseudoParameters(surroundings);
  const underWay = new Set<string>();
  const fail = (place: Place, problem: string): never => {
    throw new TemplateError(place.logicalId, place.path, problem);
  };
  const resource = (name: string, place: Place): Seen =>
    made.get(name) ??
    fail(
      place,
      Object.hasOwn(template.Resources, name)
        ? `refers to '${name}', whose condition is false`
        : `refers to '${name}', which the template does not declare`,
    );
  const scope: Scope = {
    ref: (name, place) =>
      Object.hasOwn(pseudo, name)
        ? pseudo[name]
        : parameters.has(name)
          ? parameters.get(name)
          : resource(name, place).ref,
    attribute: (logicalId, attribute, place) => {
      const { attributes, type, isPlanned } = resource(logicalId, place);
      if (isPlanned) return placeholder(logicalId, attribute);
      return Object.hasOwn(attributes, attribute)
        ? attributes[attribute]
        : fail(place, `the twin's ${type} has no attribute '${attribute}'`);
    },
    condition: (name, place) => {
      if (!Object.hasOwn(template.Conditions, name)) fail(place, `there is no condition '${name}'`);
      if (underWay.has(name)) fail(place, `the condition '${name}' refers to itself`);
      underWay.add(name);
      const value = evaluate(template.Conditions[name], scope, { logicalId: name, path: "Conditions" });
      underWay.delete(name);
      return value === true;
    },
    mapping: (map, top, second, place) => {
      const maps = template.Mappings as Record<string, Record<string, Record<string, unknown>>>;
      return maps[map]?.[top]?.[second] ?? fail(place, `the mappings have no ${map}.${top}.${second}`);
    },
    importValue: (name, place) => {
      surroundings.onImport?.(name);
      return Object.hasOwn(surroundings.imports, name)
        ? surroundings.imports[name]
        : fail(place, `no stack exports '${name}'; give it to the twin as an import`);
    },
  };
  return scope;
}

function pseudoParameters({ stackName, stackId }: Surroundings): Readonly<Record<string, unknown>> {
  return {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": stackName,
    "AWS::StackId": stackId,
    "AWS::NotificationARNs": [],
    "AWS::NoValue": NO_VALUE,
  };
}

/** What a template tells of itself, and what of that other stacks may import. */
export interface Told {
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Exported outputs by export name. */
  readonly exports: Readonly<Record<string, unknown>>;
}

export function evaluateOutputs(template: TemplateDocument, scope: Scope): Told {
  const outputs: Record<string, unknown> = {};
  const exports: Record<string, unknown> = {};
  for (const [name, { Value, Condition, Export }] of Object.entries(template.Outputs)) {
    const place = { logicalId: name, path: "Outputs" };
    if (Condition && !scope.condition(Condition, place)) continue;
    outputs[name] = evaluate(Value, scope, place);
    if (Export) exports[String(evaluate(Export.Name, scope, place))] = outputs[name];
  }
  return { outputs, exports };
}
