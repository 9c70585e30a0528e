import { againstSchemas, awsSchemas } from "./aws-schemas.ts";
import { overLimits } from "./limits.ts";
import { againstStatesLanguage } from "./machines.ts";
import { againstReferences } from "./references.ts";
import type { Template } from "./resolve.ts";

/**
 * Everything in a compiled template that AWS would refuse in the middle of a deploy.
 * @returns a sentence each, with the logical id, the property and what to do
 */
export async function refusalsOf(template: Template): Promise<string[]> {
  const schemas = await awsSchemas();
  return [
    ...againstSchemas(template.Resources, schemas),
    ...againstReferences(template, schemas),
    ...overLimits(template),
    ...againstStatesLanguage(template.Resources),
  ];
}
