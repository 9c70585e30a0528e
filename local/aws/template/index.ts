import type { Kernel } from "../kernel/kernel.ts";
import { Deployment } from "./deployment.ts";
import { type DeployOptions, planStack, type Stack } from "./plan.ts";

export { Deployment, type ResourceEvent, reasonOf, removeResources } from "./deployment.ts";
export {
  type Change,
  changesOf,
  type DeployOptions,
  type Plan,
  planStack,
  providersOf,
  type Stack,
  type StackResource,
} from "./plan.ts";
export { stackArn } from "./scope.ts";

/**
 * Makes every resource of a CloudFormation template, in dependency order, through the services of the kernel. What is
 * there already is taken over.
 * @throws TemplateError naming logical id and property path for whatever the twin does not reproduce
 */
export async function deploy(kernel: Kernel, source: unknown, options: DeployOptions): Promise<Stack> {
  return new Deployment(kernel, await planStack(kernel, source, options), { adopts: true }).run();
}
