import { TemplateError } from "../kernel/errors.ts";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import { ACCOUNT, arn, REGION } from "../kernel/names.ts";
import type { Provisioned, ResourceProvider } from "../kernel/service.ts";
import { orderResources } from "./dependencies.ts";
import { type ResourceDeclaration, readTemplate, type TemplateDocument } from "./document.ts";
import { resolveDynamic } from "./dynamic.ts";
import { evaluate, NO_VALUE, type Place, type Scope } from "./intrinsics.ts";
import { resolveParameters } from "./parameters.ts";

/** One resource of the stack, made. */
export interface StackResource extends Provisioned {
  readonly type: string;
}

/** What a deployed template left behind. */
export interface Stack {
  readonly name: string;
  readonly resources: ReadonlyMap<string, StackResource>;
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Exported outputs by export name. */
  readonly exports: Readonly<Record<string, unknown>>;
}

export interface DeployOptions {
  /** Name of the stack, `AWS::StackName`. */
  readonly stackName: string;
  /** Folder of the packaged artifacts. */
  readonly artifacts: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Values that `Fn::ImportValue` finds. */
  readonly imports?: Readonly<Record<string, unknown>>;
}

/**
 * Makes every resource of a CloudFormation template, in dependency order, through the services of the kernel.
 * @throws TemplateError naming logical id and property path for whatever the twin does not reproduce
 */
export async function deploy(kernel: Kernel, source: unknown, options: DeployOptions): Promise<Stack> {
  const template = readTemplate(source);
  const providers = providersOf(kernel);
  const parameters = await resolveParameters(template.Parameters, options.parameters ?? {}, async (name) => {
    const input = { Name: name, WithDecryption: true };
    return (await kernel.call("ssm", "GetParameter", input, { principal: ADMINISTRATOR })).Parameter.Value;
  });
  const made = new Map<string, StackResource>();
  const scope = createScope(template, parameters, made, options);
  const wanted = Object.fromEntries(
    Object.entries(template.Resources).filter(
      ([logicalId, { Condition }]) => !Condition || scope.condition(Condition, { logicalId, path: "Condition" }),
    ),
  );
  for (const [logicalId, declaration] of Object.entries(wanted)) check(template, providers, logicalId, declaration);
  const conditionOf = (name: string) => scope.condition(name, { logicalId: name, path: "Conditions" });
  for (const logicalId of orderResources(wanted, conditionOf)) {
    const declaration = template.Resources[logicalId] as ResourceDeclaration;
    const provider = providers.get(declaration.Type) as ResourceProvider;
    made.set(logicalId, await make(kernel, provider, logicalId, declaration, scope, options));
  }
  return { name: options.stackName, resources: made, ...evaluateOutputs(template, scope) };
}

function providersOf(kernel: Kernel): Map<string, ResourceProvider> {
  return new Map(kernel.services().flatMap(({ resources = [] }) => resources.map((p) => [p.type, p] as const)));
}

/** Every resource is looked at before the first is made, so that a bad template leaves no half of itself behind. */
function check(
  template: TemplateDocument,
  providers: ReadonlyMap<string, ResourceProvider>,
  logicalId: string,
  { Type, Properties = {}, DependsOn = [] }: ResourceDeclaration,
): void {
  const provider = providers.get(Type);
  if (!provider) throw new TemplateError(logicalId, "Type", `the twin does not support ${Type}`);
  for (const property of Object.keys(Properties))
    if (!provider.properties.includes(property))
      throw new TemplateError(logicalId, `Properties.${property}`, `the twin does not support this of ${Type}`);
  for (const other of [DependsOn].flat())
    if (!Object.hasOwn(template.Resources, other))
      throw new TemplateError(logicalId, "DependsOn", `the template has no resource '${other}'`);
}

async function make(
  kernel: Kernel,
  provider: ResourceProvider,
  logicalId: string,
  declaration: ResourceDeclaration,
  scope: Scope,
  { stackName, artifacts }: DeployOptions,
): Promise<StackResource> {
  const place = { logicalId, path: "Properties" };
  const evaluated = await resolveDynamic(kernel, evaluate(declaration.Properties ?? {}, scope, place), place);
  const properties = evaluated as Record<string, unknown>;
  const provisioned = await provider.create({ logicalId, type: declaration.Type, properties, stackName, artifacts });
  return { ...provisioned, type: declaration.Type };
}

function createScope(
  template: TemplateDocument,
  parameters: ReadonlyMap<string, unknown>,
  made: ReadonlyMap<string, StackResource>,
  options: DeployOptions,
): Scope {
  const pseudo = pseudoParameters(options.stackName);
  const underWay = new Set<string>();
  const fail = (place: Place, problem: string): never => {
    throw new TemplateError(place.logicalId, place.path, problem);
  };
  const resource = (name: string, place: Place): StackResource =>
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
      const { attributes, type } = resource(logicalId, place);
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
      const found = (template.Mappings as Record<string, Record<string, Record<string, unknown>>>)[map]?.[top]?.[
        second
      ];
      return found ?? fail(place, `the mappings have no ${map}.${top}.${second}`);
    },
    importValue: (name, place) =>
      options.imports && Object.hasOwn(options.imports, name)
        ? options.imports[name]
        : fail(place, `no stack exports '${name}'; give it to the twin as an import`),
  };
  return scope;
}

function pseudoParameters(stackName: string): Readonly<Record<string, unknown>> {
  return {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": stackName,
    "AWS::StackId": arn("cloudformation", `stack/${stackName}/00000000-0000-0000-0000-000000000000`),
    "AWS::NotificationARNs": [],
    "AWS::NoValue": NO_VALUE,
  };
}

function evaluateOutputs(template: TemplateDocument, scope: Scope): Pick<Stack, "outputs" | "exports"> {
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
