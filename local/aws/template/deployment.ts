import { TemplateError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { MadeResource, ResourceProvider, TemplateResource } from "../kernel/service.ts";
import type { KeepPolicy, ResourceDeclaration } from "./document.ts";
import { resolveDynamic } from "./dynamic.ts";
import { declaredOf, type Plan, type Stack, type StackResource } from "./plan.ts";
import { changedProperties, replacing } from "./replacement.ts";

type Verb = "CREATE" | "UPDATE" | "IMPORT" | "DELETE";

/** What happens to a resource, in the words of CloudFormation. */
export interface ResourceEvent {
  readonly logicalId: string;
  readonly type: string;
  /** The physical id, once there is one. */
  readonly ref?: string;
  readonly status: `${Verb}_${"IN_PROGRESS" | "COMPLETE" | "FAILED"}` | "DELETE_SKIPPED";
  readonly reason?: string;
}

export type Tell = (event: ResourceEvent) => void;

export interface DeploymentOptions {
  /** The stack as it is; absent: there is none yet. */
  readonly former?: Stack;
  /** Tells the resources that this deployment makes from those of their logical ids before. */
  readonly generation?: string;
  /** Every resource that is there already is taken over, as a boot on kept state does; or those of these names alone. */
  readonly adopts?: true | Readonly<Record<string, string>>;
  readonly tell?: Tell;
}

type Step =
  | { readonly kind: "created" | "replaced"; readonly made: StackResource }
  | { readonly kind: "updated"; readonly before: StackResource };

/** Brings a stack to what a template says, and back again when that fails. */
export class Deployment {
  readonly #kernel: Kernel;
  readonly #plan: Plan;
  readonly #options: DeploymentOptions;
  readonly #tell: Tell;
  readonly #made = new Map<string, StackResource>();
  readonly #steps: Step[] = [];

  constructor(kernel: Kernel, plan: Plan, options: DeploymentOptions) {
    this.#kernel = kernel;
    this.#plan = plan;
    this.#options = options;
    this.#tell = options.tell ?? (() => undefined);
  }

  /**
   * Makes what is new, changes in place what can be, makes the rest anew beside the old, each after what it refers to.
   * @throws TemplateError, or whatever the service answered; what was done until then stays done
   */
  async run(): Promise<Stack> {
    const { wanted, options, imports } = this.#plan;
    for (const [logicalId, declaration] of wanted)
      this.#made.set(logicalId, await this.#settle(logicalId, declaration));
    return { name: options.stackName, resources: this.#made, imports, ...this.#plan.outputs(this.#made) };
  }

  /** Deletes what the new stack does without, in the opposite order of its making. @returns what could not be deleted */
  cleanUp(): Promise<StackResource[]> {
    const old = [...(this.#options.former?.resources.values() ?? [])].reverse();
    const gone = old.filter(({ logicalId, ref }) => this.#made.get(logicalId)?.ref !== ref);
    return removeResources(
      this.#plan.providers,
      gone.map((resource) => ({
        resource,
        policy: this.#made.has(resource.logicalId) ? resource.replacePolicy : resource.deletionPolicy,
      })),
      this.#tell,
    );
  }

  /** Gives what was changed its former properties again. @throws whatever the service answers */
  async undo(): Promise<void> {
    for (const step of this.#steps) {
      if (step.kind !== "updated") continue;
      const { logicalId, properties } = step.before;
      const now = this.#made.get(logicalId)?.properties ?? properties;
      this.#say("UPDATE_IN_PROGRESS", step.before);
      await this.#provider(step.before.type).create({ ...step.before, before: now });
      this.#say("UPDATE_COMPLETE", step.before);
    }
  }

  /** Deletes what was made, after `undo`. @returns what could not be deleted */
  takeBack(): Promise<StackResource[]> {
    const made = this.#steps.flatMap((step) => (step.kind === "updated" ? [] : [step.made])).reverse();
    const policyOf = ({ deletionPolicy }: StackResource): KeepPolicy =>
      deletionPolicy === "Retain" ? "Retain" : "Delete";
    const removals = made.map((resource) => ({ resource, policy: policyOf(resource) }));
    return removeResources(this.#plan.providers, removals, this.#tell);
  }

  async #settle(logicalId: string, declaration: ResourceDeclaration): Promise<StackResource> {
    const { Type: type, DeletionPolicy = "Delete", UpdateReplacePolicy = "Delete" } = declaration;
    const policies = { deletionPolicy: DeletionPolicy, replacePolicy: UpdateReplacePolicy };
    const before = this.#options.former?.resources.get(logicalId);
    const declared = declaredOf(logicalId, declaration, this.#plan.scope(this.#made));
    if (before && before.type !== type)
      throw new TemplateError(logicalId, "Type", `is ${before.type} in the stack; give the new resource another name`);
    const changed = before ? changedProperties(before.declared, declared) : [];
    if (before && changed.length === 0) return { ...before, ...policies };
    const isUpdate = before !== undefined && replacing(type, changed).length === 0;
    const imported = this.#importOf(logicalId);
    const verb = before ? "UPDATE" : imported === undefined ? "CREATE" : "IMPORT";
    this.#say(`${verb}_IN_PROGRESS`, { logicalId, type, ...(isUpdate ? { ref: before.ref } : {}) });
    try {
      const resource = await this.#resource(logicalId, type, declared, isUpdate ? before : undefined);
      if (isUpdate) this.#steps.push({ kind: "updated", before });
      else if (this.#options.adopts !== true) await this.#refuseTaken(resource, before, imported);
      const provisioned = await this.#provider(type).create(resource);
      const { before: _before, ...kept } = resource;
      const made: StackResource = { ...kept, ...provisioned, declared, ...policies };
      if (!isUpdate && imported === undefined) this.#steps.push({ kind: before ? "replaced" : "created", made });
      this.#say(`${verb}_COMPLETE`, made);
      return made;
    } catch (cause) {
      this.#say(`${verb}_FAILED`, { logicalId, type }, reasonOf(cause));
      throw cause;
    }
  }

  async #resource(
    logicalId: string,
    type: string,
    declared: Record<string, unknown>,
    before: StackResource | undefined,
  ): Promise<TemplateResource> {
    const { stackName, artifacts } = this.#plan.options;
    const generation = before ? before.generation : this.#options.generation;
    const resolved = await resolveDynamic(this.#kernel, declared, { logicalId, path: "Properties" });
    return {
      logicalId,
      type,
      properties: resolved as Record<string, unknown>,
      stackName,
      ...(artifacts === undefined ? {} : { artifacts }),
      ...(generation === undefined ? {} : { generation }),
      ...(before ? { before: before.properties } : {}),
    };
  }

  #importOf(logicalId: string): string | undefined {
    const { adopts } = this.#options;
    return typeof adopts === "object" ? adopts[logicalId] : undefined;
  }

  /** A name that is taken stops the deployment, unless it is the one to take over. */
  async #refuseTaken(
    resource: TemplateResource,
    before: StackResource | undefined,
    imported: string | undefined,
  ): Promise<void> {
    const { type, logicalId } = resource;
    const name = await this.#provider(type).taken?.(resource);
    if (imported !== undefined && name !== imported)
      throw new Error(
        `Resource of type '${type}' with identifier '${imported}' was not found. (HandlerErrorCode: NotFound)`,
      );
    if (imported !== undefined) return;
    if (name === undefined) return;
    throw new Error(
      before
        ? `CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename ${logicalId} and update the stack again.`
        : `Resource of type '${type}' with identifier '${name}' already exists. (HandlerErrorCode: AlreadyExists)`,
    );
  }

  #provider(type: string): ResourceProvider {
    return this.#plan.providers.get(type) as ResourceProvider;
  }

  #say(
    status: ResourceEvent["status"],
    { logicalId, type, ref }: Pick<MadeResource, "logicalId" | "type"> & { readonly ref?: string },
    reason?: string,
  ): void {
    this.#tell({ logicalId, type, status, ...(ref ? { ref } : {}), ...(reason ? { reason } : {}) });
  }
}

/** A resource to remove, unless its policy keeps it. */
export interface Removal {
  readonly resource: StackResource;
  readonly policy: KeepPolicy;
}

/** Removes resources in the order given; one that fails does not keep the others. @returns those that failed */
export async function removeResources(
  providers: ReadonlyMap<string, ResourceProvider>,
  removals: readonly Removal[],
  tell: Tell,
): Promise<StackResource[]> {
  const failed: StackResource[] = [];
  for (const { resource, policy } of removals) {
    const { logicalId, type, ref } = resource;
    const about = { logicalId, type, ref };
    if (policy !== "Delete") {
      tell({ ...about, status: "DELETE_SKIPPED" });
      continue;
    }
    tell({ ...about, status: "DELETE_IN_PROGRESS" });
    try {
      await providers.get(type)?.delete(resource);
      tell({ ...about, status: "DELETE_COMPLETE" });
    } catch (cause) {
      failed.push(resource);
      tell({ ...about, status: "DELETE_FAILED", reason: reasonOf(cause) });
    }
  }
  return failed;
}

/** Why something failed, in a sentence. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
