import { randomUUID } from "node:crypto";
import { Deployment, providersOf, reasonOf, removeResources, type Stack } from "../template/index.ts";
import type { StackRecord, Stacks, Submission } from "./stacks.ts";

const ASKED_FOR = "User Initiated";
const ROLLBACK = { CREATE: "ROLLBACK", UPDATE: "UPDATE_ROLLBACK", IMPORT: "IMPORT_ROLLBACK" } as const;

/** Begins to bring a stack to what a submission says; `record.work` ends when it is done, one way or the other. */
export function beginDeployment(stacks: Stacks, record: StackRecord, submission: Submission): void {
  const verb = submission.imports ? "IMPORT" : record.stack ? "UPDATE" : "CREATE";
  if (record.stack) record.updatedAt = stacks.kernel.clock.now();
  stacks.enter(record, `${verb}_IN_PROGRESS`, ASKED_FOR);
  record.work = runDeployment(stacks, record, submission, verb);
}

async function runDeployment(
  stacks: Stacks,
  record: StackRecord,
  submission: Submission,
  verb: keyof typeof ROLLBACK,
): Promise<void> {
  let deployment: Deployment | undefined;
  try {
    const plan = await stacks.plan(record, submission);
    deployment = new Deployment(stacks.kernel, plan, {
      ...(record.stack ? { former: record.stack } : {}),
      generation: randomUUID(),
      ...(submission.imports ? { adopts: submission.imports } : {}),
      tell: (event) => stacks.tell(record, event),
    });
    const stack = await deployment.run();
    refuseExports(stacks, record, stack);
    if (verb === "UPDATE") stacks.enter(record, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
    // Before the cleaning up, so that whoever asks meanwhile is told of what there is now.
    Object.assign(record, { stack, submission });
    await deployment.cleanUp();
    stacks.enter(record, `${verb}_COMPLETE`);
  } catch (cause) {
    await rollBack(stacks, record, deployment, ROLLBACK[verb], reasonOf(cause));
  }
}

async function rollBack(
  stacks: Stacks,
  record: StackRecord,
  deployment: Deployment | undefined,
  status: string,
  reason: string,
): Promise<void> {
  stacks.enter(record, `${status}_IN_PROGRESS`, reason);
  try {
    await deployment?.undo();
    if (record.stack) stacks.enter(record, `${status}_COMPLETE_CLEANUP_IN_PROGRESS`);
    const left = (await deployment?.takeBack()) ?? [];
    const failed = !record.stack && left.length > 0;
    stacks.enter(record, failed ? `${status}_FAILED` : `${status}_COMPLETE`, failed ? undeleted(left) : undefined);
  } catch (cause) {
    stacks.enter(record, `${status}_FAILED`, reasonOf(cause));
  }
}

/** Begins to delete a stack; what its policies keep stays. */
export function beginDeletion(stacks: Stacks, record: StackRecord): void {
  stacks.enter(record, "DELETE_IN_PROGRESS", ASKED_FOR);
  record.work = runDeletion(stacks, record);
}

async function runDeletion(stacks: Stacks, record: StackRecord): Promise<void> {
  const { stack } = record;
  const resources = [...(stack?.resources.values() ?? [])].reverse();
  try {
    if (stack) refuseExports(stacks, record, { ...stack, exports: {} });
    const removals = resources.map((resource) => ({ resource, policy: resource.deletionPolicy }));
    const failed = await removeResources(providersOf(stacks.kernel), removals, (event) => stacks.tell(record, event));
    if (failed.length > 0) {
      const left = new Map(failed.toReversed().map((resource) => [resource.logicalId, resource]));
      if (stack) record.stack = { ...stack, resources: left };
      stacks.enter(record, "DELETE_FAILED", undeleted(failed));
      return;
    }
    stacks.enter(record, "DELETE_COMPLETE");
    stacks.forget(record);
  } catch (cause) {
    stacks.enter(record, "DELETE_FAILED", reasonOf(cause));
  }
}

function undeleted(resources: readonly { readonly logicalId: string }[]): string {
  return `The following resource(s) failed to delete: [${resources.map(({ logicalId }) => logicalId).join(", ")}].`;
}

/** @throws Error when a name would be exported twice, or another stack would lose what it imports */
function refuseExports(stacks: Stacks, record: StackRecord, next: Stack): void {
  const others = stacks.exports(record);
  for (const name of Object.keys(next.exports))
    if (Object.hasOwn(others, name)) throw new Error(`Export with name ${name} is already exported by another stack.`);
  for (const [name, value] of Object.entries(record.stack?.exports ?? {})) {
    if (Object.hasOwn(next.exports, name) && next.exports[name] === value) continue;
    const [importer] = stacks.importersOf(name);
    if (importer) throw new Error(`Export ${name} cannot be updated or deleted as it is in use by ${importer}.`);
  }
}
