import type { Role } from "../../local/aws/iam/identities.ts";
import type { Activity } from "../../local/aws/kernel/kernel.ts";
import { arnResource } from "../../local/aws/kernel/names.ts";
import type { PolicyDocument, PolicyStatement } from "../../local/aws/kernel/service.ts";
import { secretArn } from "../../local/aws/secretsmanager/store.ts";
import type { TestFleet } from "../support/fleet.ts";
import { ALWAYS, type Armed, type Place } from "./armed.ts";
import type { Action, Hop } from "./hops.ts";

/** Takes a permission away, as a bad deploy does, and gives it back. */
export async function permissionTrouble(
  fleet: TestFleet,
  hop: Exclude<Hop, { kind: "endpoint" }>,
  place: Place,
): Promise<Armed> {
  let hits = 0;
  const note = ({ service, operation, principal, resource, error }: Activity) => {
    if (!/AccessDenied/.test(error ?? "") || service !== place.service) return;
    if (place.operations.includes(operation) && place.when(principal, resource ?? "")) hits += 1;
  };
  fleet.kernel.on("activity", note);
  const giveBack = await takeAway(fleet, hop, () => {
    hits += 1;
  });
  return {
    hits: () => hits,
    most: ALWAYS,
    async clear() {
      await giveBack();
      fleet.kernel.off("activity", note);
    },
  };
}

async function takeAway(
  fleet: TestFleet,
  hop: Exclude<Hop, { kind: "endpoint" }>,
  noteHit: () => void,
): Promise<() => Promise<void>> {
  if (hop.kind === "delivery") return withoutQueuePolicy(fleet, fleet.ref(hop.queue));
  if (hop.kind === "mapping") {
    const queue = String(fleet.twin.resources.get(hop.queue)?.attributes.Arn);
    const giveBack = withoutActions(fleet, hop.role, ["sqs:ReceiveMessage"], (place) => place === queue);
    return async () => {
      giveBack();
      if (await enableMapping(fleet, hop)) noteHit();
    };
  }
  if (hop.kind === "action") {
    const giveBack = withoutActions(fleet, hop.role, [hop.action.name], placesOf(fleet, hop.action));
    return async () => giveBack();
  }
  throw new Error(`Nobody has a permission for ${hop.id}.`);
}

/** Tells the ARNs of an action's resource, in a policy as in a call, from others. */
export function placesOf(fleet: TestFleet, { resource, suffix }: Action): (place: string) => boolean {
  const whole = arnIn(fleet, resource);
  const machine = arnResource(whole).replace(/^stateMachine:/, "");
  return (place) =>
    suffix === ":*" ? place.includes(`:execution:${machine}`) : place === whole + suffix || isSecretOf(place, whole);
}

/** The ARN of a resource by its logical id, of a secret by its name. */
export function arnIn(fleet: TestFleet, id: string): string {
  if (id.includes("/")) return secretArn(id);
  return String(fleet.twin.resources.get(id)?.attributes.Arn ?? fleet.ref(id));
}

/** Whether a pattern of secrets holds this one. */
function isSecretOf(pattern: string, secret: string): boolean {
  return /:secret:.*[*?]$/.test(pattern) && secret.startsWith(pattern.replace(/\*$|-\?{6}$/, ""));
}

/** Policies of queues that are gone, and how many faults want them to be. */
const gone = new Map<string, { readonly policy: string; count: number }>();

/** The queue without its policy, until all who wanted that give it back. */
export async function withoutQueuePolicy(fleet: TestFleet, QueueUrl: string): Promise<() => Promise<void>> {
  const setPolicy = (Policy: string) => fleet.aws("sqs", "SetQueueAttributes", { QueueUrl, Attributes: { Policy } });
  const { Attributes } = await fleet.aws("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["Policy"] });
  const lack = gone.get(QueueUrl) ?? { policy: String(Attributes.Policy), count: 0 };
  lack.count += 1;
  gone.set(QueueUrl, lack);
  await setPolicy("");
  return async () => {
    lack.count -= 1;
    if (lack.count > 0) return;
    gone.delete(QueueUrl);
    await setPolicy(lack.policy);
  };
}

/** What roles lack of their inline policies. */
const lacks = new WeakMap<Role, { readonly whole: ReadonlyMap<string, PolicyDocument>; readonly of: Set<Lack> }>();
type Lack = (action: string, place: string) => boolean;

/** The role without some actions on one resource, until what is returned is called. */
export function withoutActions(
  fleet: TestFleet,
  roleId: string,
  actions: readonly string[],
  isIt: (place: string) => boolean,
): () => void {
  const { roles } = fleet.twin.identities;
  const role = roles.get(String(fleet.twin.resources.get(roleId)?.attributes.Arn));
  if (!role) throw new Error(`There is no role ${roleId}.`);
  const known = lacks.get(role) ?? { whole: new Map(role.inline), of: new Set<Lack>() };
  lacks.set(role, known);
  const lack: Lack = (action, place) => actions.includes(action) && isIt(place);
  if (![...known.whole.values()].some((document) => pairsOf(document).some(([action, place]) => lack(action, place))))
    throw new Error(`${roleId} has no ${actions.join(", ")} there.`);
  const apply = () => {
    for (const [name, document] of known.whole) role.inline.set(name, reduced(document, [...known.of]));
  };
  known.of.add(lack);
  apply();
  return () => {
    known.of.delete(lack);
    apply();
  };
}

function reduced(document: PolicyDocument, missing: readonly Lack[]): PolicyDocument {
  const Statement = [document.Statement].flat().flatMap((statement) =>
    pairsOfStatement(statement)
      .filter(([action, place]) => !missing.some((lack) => lack(action, place)))
      .map(([Action, Resource]) => ({ ...statement, Action, Resource })),
  );
  return missing.length > 0 ? { ...document, Statement } : document;
}

const pairsOf = ({ Statement }: PolicyDocument) => [Statement].flat().flatMap(pairsOfStatement);

/** Each action with each resource. */
function pairsOfStatement({ Action, Resource }: PolicyStatement): [action: string, place: string][] {
  const places = [Resource ?? []].flat();
  return [Action ?? []].flat().flatMap((action) => places.map((place): [string, string] => [action, place]));
}

/** Lambda switches a mapping off that may not read its queue; whoever gives the permission back switches it on. */
export async function enableMapping(fleet: TestFleet, { queue }: { readonly queue: string }): Promise<boolean> {
  const EventSourceArn = String(fleet.twin.resources.get(queue)?.attributes.Arn);
  const { EventSourceMappings } = await fleet.aws("lambda", "ListEventSourceMappings", { EventSourceArn });
  const [mapping] = EventSourceMappings as { UUID: string; State: string }[];
  if (mapping?.State !== "Disabled") return false;
  await fleet.aws("lambda", "UpdateEventSourceMapping", { UUID: mapping.UUID, Enabled: true });
  return true;
}
