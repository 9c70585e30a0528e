import { randomUUID } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import { arn } from "../kernel/names.ts";
import type { CallContext } from "../kernel/service.ts";
import type { Change } from "../template/index.ts";
import { isoTime, parametersTold } from "./describe.ts";
import { noSuchChangeSet, noSuchStack, validationError } from "./errors.ts";
import {
  type Input,
  importsOf,
  listOf,
  parametersOf,
  parseTemplate,
  refusing,
  requireCapabilities,
  templateText,
} from "./input.ts";
import { beginDeployment } from "./operations.ts";
import type { ChangeSet, StackRecord, Stacks, Submission } from "./stacks.ts";

const REVIEW = "REVIEW_IN_PROGRESS";
const NO_CHANGES =
  "The submitted information didn't contain changes. Submit different information to create a change set.";
/** Statuses from which a stack can be updated. */
const UPDATABLE = new Set([
  "CREATE_COMPLETE",
  "UPDATE_COMPLETE",
  "UPDATE_ROLLBACK_COMPLETE",
  "IMPORT_COMPLETE",
  "IMPORT_ROLLBACK_COMPLETE",
]);

/**
 * Works out what deploying a template would do. A new stack stands under review until the set is executed.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
 * @throws AwsError `ValidationError`, `AlreadyExistsException`, `InsufficientCapabilitiesException`
 */
export async function createChangeSet(stacks: Stacks, input: Input, { principal }: CallContext) {
  const { StackName = "", ChangeSetName: name = "" } = input;
  if (!/^[A-Za-z][-A-Za-z0-9]{0,127}$/.test(name))
    throw validationError(`Value '${name}' at 'changeSetName' must be a letter, then letters, digits and hyphens.`);
  const known = stackFor(stacks, input, name);
  const text = await templateText(stacks.kernel, input, principal);
  const source = parseTemplate(text);
  if (Object.keys(source.Resources ?? {}).length === 0)
    throw validationError("Template format error: At least one Resources member must be defined.");
  requireCapabilities(source, listOf(input.Capabilities));
  const submission: Submission = {
    template: text,
    parameters: parametersOf(input, known?.submission?.parameters ?? {}),
    tags: listOf(input.Tags),
    capabilities: listOf(input.Capabilities),
    ...(input.ChangeSetType === "IMPORT" ? { imports: importsOf(input) } : {}),
  };
  for (const logicalId of Object.keys(submission.imports ?? {}))
    if (!source.Resources?.[logicalId]?.DeletionPolicy)
      throw validationError(`Resources [${logicalId}] to import must have a DeletionPolicy attribute in the template.`);
  const record = known ?? stacks.begin(StackName, REVIEW);
  try {
    const changes = await refusing(() => stacks.changes(record, submission));
    if (submission.imports) refuseOtherChanges(changes ?? [], submission.imports);
    const set: ChangeSet = {
      ...submission,
      name,
      id: arn("cloudformation", `changeSet/${name}/${randomUUID()}`),
      createdAt: stacks.kernel.clock.now(),
      ...(changes ? { status: "CREATE_COMPLETE", changes } : { status: "FAILED", reason: NO_CHANGES, changes: [] }),
    };
    if (!known) stacks.enter(record, REVIEW, "User Initiated");
    record.changeSets.set(name, set);
    return { Id: set.id, StackId: record.id };
  } catch (cause) {
    if (!known) stacks.forget(record);
    throw cause;
  }
}

/** An import changes nothing else. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html */
function refuseOtherChanges(changes: readonly Change[], imports: Readonly<Record<string, string>>): void {
  const other = changes.filter(({ action, logicalId }) => action !== "Add" || !Object.hasOwn(imports, logicalId));
  if (other.length === 0) return;
  const ids = other.map(({ logicalId }) => logicalId).join(", ");
  throw validationError(`As part of the import operation, you cannot modify or add or remove resources: [${ids}].`);
}

/** The stack that a change set is for; absent: it makes one. */
function stackFor(stacks: Stacks, input: Input, name: string): StackRecord | undefined {
  const { StackName = "", ChangeSetType = "UPDATE" } = input;
  const record = stacks.find(StackName);
  if (record?.changeSets.has(name))
    throw new AwsError(
      "AlreadyExistsException",
      `ChangeSet ${name} cannot be created due to a mismatch with existing attribute Name`,
    );
  if (ChangeSetType === "CREATE") {
    if (!record || record.status === REVIEW) return record;
    throw validationError(
      `Stack [${StackName}] already exists and cannot be created again with the changeSet [${name}].`,
    );
  }
  if (ChangeSetType !== "UPDATE" && ChangeSetType !== "IMPORT")
    throw validationError(`The twin does not support the change set type ${ChangeSetType}.`);
  if (!record) throw noSuchStack(StackName);
  if (!UPDATABLE.has(record.status))
    throw validationError(`Stack:${record.id} is in ${record.status} state and can not be updated.`);
  return record;
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html */
export function describeChangeSet(stacks: Stacks, input: Input) {
  const { record, set } = setOf(stacks, input);
  return {
    ChangeSetName: set.name,
    ChangeSetId: set.id,
    StackId: record.id,
    StackName: record.name,
    Parameters: parametersTold(set),
    CreationTime: isoTime(set.createdAt),
    ExecutionStatus: set.status === "FAILED" ? "UNAVAILABLE" : "AVAILABLE",
    Status: set.status,
    StatusReason: set.reason,
    Capabilities: set.capabilities,
    Tags: set.tags,
    Changes: set.changes.map(described),
  };
}

function described({ action, logicalId, type, ref, changed, replacing }: Change) {
  const Details = changed.map((Name) => ({
    Target: { Attribute: "Properties", Name, RequiresRecreation: replacing.includes(Name) ? "Always" : "Never" },
    Evaluation: "Static",
    ChangeSource: "DirectModification",
  }));
  return {
    Type: "Resource",
    ResourceChange: {
      Action: action,
      LogicalResourceId: logicalId,
      PhysicalResourceId: ref,
      ResourceType: type,
      ...(action === "Modify"
        ? { Replacement: replacing.length > 0 ? "True" : "False", Scope: ["Properties"], Details }
        : {}),
    },
  };
}

/** @throws AwsError `InvalidChangeSetStatus` */
export function executeChangeSet(stacks: Stacks, input: Input): void {
  const { record, set } = setOf(stacks, input);
  if (set.status === "FAILED" || (record.status !== REVIEW && !UPDATABLE.has(record.status)))
    throw new AwsError(
      "InvalidChangeSetStatus",
      `ChangeSet [${set.id}] cannot be executed in its current status of [${set.status}]`,
    );
  // The others were worked out for a stack that is about to change.
  record.changeSets.clear();
  beginDeployment(stacks, record, set);
}

/** Deleting what is not there is no failure. */
export function deleteChangeSet(stacks: Stacks, { ChangeSetName = "", StackName }: Input): void {
  for (const record of StackName ? [stacks.find(StackName)] : stacks.all())
    for (const set of record?.changeSets.values() ?? [])
      if (set.name === ChangeSetName || set.id === ChangeSetName) record?.changeSets.delete(set.name);
}

function setOf(stacks: Stacks, { ChangeSetName = "", StackName }: Input): { record: StackRecord; set: ChangeSet } {
  const records = StackName ? [stacks.get(StackName)] : stacks.all();
  for (const record of records)
    for (const set of record.changeSets.values())
      if (set.name === ChangeSetName || set.id === ChangeSetName) return { record, set };
  throw noSuchChangeSet(ChangeSetName);
}
