import { TemplateError } from "../kernel/errors.ts";

/** A resource as a template writes it, before any intrinsic is evaluated. */
export interface ResourceDeclaration {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: string | readonly string[];
  readonly Condition?: string;
  readonly DeletionPolicy?: KeepPolicy;
  readonly UpdateReplacePolicy?: KeepPolicy;
}

/** What becomes of a resource that a stack does without. */
export type KeepPolicy = "Delete" | "Retain" | "RetainExceptOnCreate";

const KEEP_POLICIES: readonly unknown[] = ["Delete", "Retain", "RetainExceptOnCreate"] satisfies KeepPolicy[];

export interface ParameterDeclaration {
  readonly Type: string;
  readonly Default?: unknown;
  readonly AllowedValues?: readonly unknown[];
  readonly AllowedPattern?: string;
  readonly MinLength?: number;
  readonly MaxLength?: number;
  readonly MinValue?: number;
  readonly MaxValue?: number;
  readonly ConstraintDescription?: string;
}

export interface OutputDeclaration {
  readonly Value: unknown;
  readonly Condition?: string;
  readonly Export?: { readonly Name: unknown };
}

/** A CloudFormation template. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html */
export interface TemplateDocument {
  readonly Parameters: Readonly<Record<string, ParameterDeclaration>>;
  readonly Mappings: Readonly<Record<string, unknown>>;
  readonly Conditions: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, ResourceDeclaration>>;
  readonly Outputs: Readonly<Record<string, OutputDeclaration>>;
}

const SECTIONS = ["Parameters", "Mappings", "Conditions", "Resources", "Outputs"] as const;
const WITHOUT_EFFECT = new Set(["AWSTemplateFormatVersion", "Description", "Metadata"]);
const RESOURCE_MEMBERS = new Set([
  ...["Type", "Properties", "DependsOn", "Condition"],
  ...["DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "Metadata"],
]);

/**
 * Checks the shape of a template.
 * @throws TemplateError for a section or resource member that the twin does not know
 */
export function readTemplate(source: unknown): TemplateDocument {
  const root = asObject(source, "(template)", "(root)");
  for (const section of Object.keys(root))
    if (!(SECTIONS as readonly string[]).includes(section) && !WITHOUT_EFFECT.has(section))
      throw new TemplateError("(template)", section, "the twin does not support this section");
  const parts = SECTIONS.map((section) => [section, asObject(root[section] ?? {}, "(template)", section)] as const);
  const template = Object.fromEntries(parts) as unknown as TemplateDocument;
  for (const [logicalId, resource] of Object.entries(template.Resources)) checkResource(logicalId, resource);
  return template;
}

function checkResource(logicalId: string, resource: ResourceDeclaration): void {
  for (const member of Object.keys(asObject(resource, logicalId, "(resource)")))
    if (!RESOURCE_MEMBERS.has(member))
      throw new TemplateError(logicalId, member, "the twin does not support this resource attribute");
  for (const member of ["DeletionPolicy", "UpdateReplacePolicy"] as const)
    if (resource[member] !== undefined && !KEEP_POLICIES.includes(resource[member]))
      throw new TemplateError(logicalId, member, `must be one of ${KEEP_POLICIES.join(", ")}`);
  if (typeof resource.Type !== "string") throw new TemplateError(logicalId, "Type", "must be a string");
  if (resource.Properties !== undefined) asObject(resource.Properties, logicalId, "Properties");
}

/** @throws TemplateError when `value` is not a JSON object */
export function asObject(value: unknown, logicalId: string, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TemplateError(logicalId, path, "must be an object");
}
