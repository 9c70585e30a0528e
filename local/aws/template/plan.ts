import { isDeepStrictEqual } from "node:util";
import { TemplateError } from "../kernel/errors.ts";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { MadeResource, ResourceProvider } from "../kernel/service.ts";
import { orderResources } from "./dependencies.ts";
import { type KeepPolicy, type ResourceDeclaration, readTemplate, type TemplateDocument } from "./document.ts";
import { evaluate, type Scope } from "./intrinsics.ts";
import { resolveParameters } from "./parameters.ts";
import { changedProperties, replacing } from "./replacement.ts";
import {
  createScope,
  evaluateOutputs,
  placeholder,
  type Seen,
  type Surroundings,
  stackArn,
  type Told,
} from "./scope.ts";

/** One resource of a stack, made. */
export interface StackResource extends MadeResource {
  /** The properties before dynamic references were looked up: what an update compares. */
  readonly declared: Readonly<Record<string, unknown>>;
  readonly deletionPolicy: KeepPolicy;
  readonly replacePolicy: KeepPolicy;
}

/** What a deployed template left behind. */
export interface Stack extends Told {
  readonly name: string;
  /** By logical id, each after those that it refers to. */
  readonly resources: ReadonlyMap<string, StackResource>;
  /** Names that the template imports. */
  readonly imports: ReadonlySet<string>;
}

export interface DeployOptions {
  /** Name of the stack, `AWS::StackName`. */
  readonly stackName: string;
  readonly stackId?: string;
  /** Folder of the packaged artifacts; absent: they are in the bucket that the template names. */
  readonly artifacts?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Values that `Fn::ImportValue` finds. */
  readonly imports?: Readonly<Record<string, unknown>>;
}

/** A template that was looked at as a whole, before anything is made of it. */
export interface Plan {
  readonly options: DeployOptions;
  readonly providers: ReadonlyMap<string, ResourceProvider>;
  /** The resources whose condition holds, each after those that it refers to. */
  readonly wanted: ReadonlyMap<string, ResourceDeclaration>;
  readonly imports: ReadonlySet<string>;
  scope(made: ReadonlyMap<string, Seen>): Scope;
  outputs(made: ReadonlyMap<string, Seen>): Told;
}

/** One difference between a stack and a template. */
export interface Change {
  readonly action: "Add" | "Modify" | "Remove";
  readonly logicalId: string;
  readonly type: string;
  readonly ref?: string;
  /** Names of the properties that differ, and of those that make another resource. */
  readonly changed: readonly string[];
  readonly replacing: readonly string[];
}

/**
 * Reads a template and holds it against what the twin reproduces, so that a bad one leaves no half of itself behind.
 * @throws TemplateError naming logical id and property path
 */
export async function planStack(kernel: Kernel, source: unknown, options: DeployOptions): Promise<Plan> {
  const template = readTemplate(source);
  const providers = providersOf(kernel);
  const parameters = await resolveParameters(template.Parameters, options.parameters ?? {}, async (name) => {
    const input = { Name: name, WithDecryption: true };
    return (await kernel.call("ssm", "GetParameter", input, { principal: ADMINISTRATOR })).Parameter.Value;
  });
  const { stackName, stackId = stackArn(stackName), imports = {} } = options;
  const imported = new Set<string>();
  const surroundings: Surroundings = { stackName, stackId, imports, onImport: (name) => imported.add(name) };
  const scope = (made: ReadonlyMap<string, Seen>) => createScope(template, parameters, made, surroundings);
  const conditions = scope(new Map());
  const holds = (name: string, logicalId = name, path = "Conditions") =>
    conditions.condition(name, { logicalId, path });
  const wanted = Object.fromEntries(
    Object.entries(template.Resources).filter(
      ([logicalId, { Condition }]) => !Condition || holds(Condition, logicalId, "Condition"),
    ),
  );
  for (const [logicalId, declaration] of Object.entries(wanted)) check(template, providers, logicalId, declaration);
  const order = orderResources(wanted, (name) => holds(name));
  return {
    options,
    providers,
    wanted: new Map(order.map((logicalId) => [logicalId, wanted[logicalId] as ResourceDeclaration])),
    imports: imported,
    scope,
    outputs: (made) => evaluateOutputs(template, scope(made)),
  };
}

export function providersOf(kernel: Kernel): Map<string, ResourceProvider> {
  return new Map(kernel.services().flatMap(({ resources = [] }) => resources.map((p) => [p.type, p] as const)));
}

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

/** The properties of a resource with every intrinsic function evaluated. */
export function declaredOf(logicalId: string, { Properties = {} }: ResourceDeclaration, scope: Scope) {
  return evaluate(Properties, scope, { logicalId, path: "Properties" }) as Record<string, unknown>;
}

/** What deploying the plan over a stack would do; what is not known before is taken for changed. */
export function changesOf(plan: Plan, former: Stack | undefined): { changes: Change[]; outputsDiffer: boolean } {
  const seen = new Map<string, Seen>();
  const changes: Change[] = [];
  for (const [logicalId, declaration] of plan.wanted) {
    const before = former?.resources.get(logicalId);
    const type = declaration.Type;
    const declared = declaredOf(logicalId, declaration, plan.scope(seen));
    const changed = before ? changedProperties(before.declared, declared) : [];
    const names = replacing(type, changed);
    const stays = before && names.length === 0;
    seen.set(logicalId, stays ? before : { type, ref: placeholder(logicalId), attributes: {}, isPlanned: true });
    if (!before) changes.push({ action: "Add", logicalId, type, changed: [], replacing: [] });
    else if (changed.length > 0)
      changes.push({ action: "Modify", logicalId, type, ref: before.ref, changed, replacing: names });
  }
  for (const { logicalId, type, ref } of former?.resources.values() ?? [])
    if (!plan.wanted.has(logicalId))
      changes.push({ action: "Remove", logicalId, type, ref, changed: [], replacing: [] });
  const { outputs, exports } = plan.outputs(seen);
  const outputsDiffer = !isDeepStrictEqual([outputs, exports], [former?.outputs ?? {}, former?.exports ?? {}]);
  return { changes, outputsDiffer };
}
