import { TemplateError } from "../kernel/errors.ts";
import type { ResourceDeclaration } from "./document.ts";
import { attributePath, type Place, substitutions } from "./intrinsics.ts";

type ConditionOf = (name: string) => boolean;

/**
 * The resources in the order in which they must be made: each after everything that it refers to or depends on,
 * otherwise as the template lists them.
 * @throws TemplateError naming the chain when resources depend on one another in a circle
 */
export function orderResources(
  resources: Readonly<Record<string, ResourceDeclaration>>,
  condition: ConditionOf,
): string[] {
  const ordered: string[] = [];
  const done = new Set<string>();
  const visit = (logicalId: string, chain: readonly string[]): void => {
    const resource = resources[logicalId];
    if (done.has(logicalId) || !resource) return;
    if (chain.includes(logicalId)) {
      const circle = [...chain.slice(chain.indexOf(logicalId)), logicalId].join(" → ");
      throw new TemplateError(logicalId, "Properties", `circular dependency: ${circle}`);
    }
    for (const next of dependenciesOf(logicalId, resource, condition)) visit(next, [...chain, logicalId]);
    done.add(logicalId);
    ordered.push(logicalId);
  };
  for (const logicalId of Object.keys(resources)) visit(logicalId, []);
  return ordered;
}

function dependenciesOf(logicalId: string, resource: ResourceDeclaration, condition: ConditionOf): Set<string> {
  const found = new Set<string>([resource.DependsOn ?? []].flat());
  collect(resource.Properties, { logicalId, path: "Properties" }, condition, found);
  return found;
}

function collect(value: unknown, place: Place, condition: ConditionOf, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, place, condition, found);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === "Ref" && typeof member === "string") found.add(member);
    else if (key === "Fn::GetAtt") found.add(attributePath(member, place)[0]);
    else if (key === "Fn::If" && Array.isArray(member) && member.length === 3)
      collect(condition(String(member[0])) ? member[1] : member[2], place, condition, found);
    else {
      if (key === "Fn::Sub") collectSub(member, found);
      collect(member, place, condition, found);
    }
  }
}

function collectSub(argument: unknown, found: Set<string>): void {
  const template = Array.isArray(argument) ? argument[0] : argument;
  if (typeof template !== "string") return;
  for (const name of substitutions(template)) found.add(name.split(".", 1)[0] ?? name);
}
