import type { Json, Resources } from "../../scripts/serverless/resolve.ts";
import { ENDPOINTS, type Endpoint, type Walk } from "./targets.ts";

/** A place where work passes from one to the other, and may be stopped. */
export type Hop = { readonly id: string; readonly walk: Walk } & (
  | { readonly kind: "feed" }
  /** `rule` and `queue` are logical ids, like all the names here. */
  | { readonly kind: "delivery"; readonly rule: string; readonly queue: string }
  | { readonly kind: "mapping"; readonly queue: string; readonly worker: string; readonly role: string }
  | { readonly kind: "action"; readonly caller: string; readonly role: string; readonly action: Action }
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint }
);

/** What a role allows: one action on one resource, with whatever follows its ARN. */
export interface Action {
  /** Signing name and operation as IAM spells them: `dynamodb:UpdateItem`. */
  readonly name: string;
  /** Logical id, or the name of a secret. */
  readonly resource: string;
  readonly suffix: string;
}

/** What the platform does for a function on its own account, or what is no part of the work. */
const ASIDE = /^(logs|xray):|^sqs:(ReceiveMessage|DeleteMessage)$/;

/** Every hop of a packaged template, and those to the targets. */
export function hopsOf(resources: Resources): Hop[] {
  const all = (type: string) =>
    Object.entries(resources)
      .filter(([, { Type }]) => Type === type)
      .map(([id, { Properties }]) => [id, Properties] as const);
  const functions = all("AWS::Lambda::Function").map(([id, { FunctionName, Role }]) => ({
    id,
    name: shortName(FunctionName),
    role: idIn(Role),
  }));
  const machines = all("AWS::StepFunctions::StateMachine").map(([id, { StateMachineName, RoleArn }]) => ({
    id,
    name: shortName(StateMachineName),
    role: idIn(RoleArn),
  }));
  const mappings = all("AWS::Lambda::EventSourceMapping").map(([, { EventSourceArn, FunctionName }]) => ({
    queue: idIn(EventSourceArn),
    worker: idIn(FunctionName),
  }));
  const rules = all("AWS::Events::Rule").filter(([, { State }]) => State === "ENABLED");
  const names = new Map([
    ...functions.map(({ id, name }) => [id, name] as const),
    ...machines.map(({ id, name }) => [id, name] as const),
    ...all("AWS::SQS::Queue").map(([id, { QueueName }]) => [id, shortName(QueueName)] as const),
  ]);
  const nameOf = (id: string) => names.get(id) ?? id.replace(/^[\w-]+\/[\w-]+\//, "");

  const deliveries = rules.flatMap(([rule, { Targets }]) =>
    (Targets as Json[]).map(({ Arn }): Hop => {
      const queue = idIn(Arn);
      return {
        kind: "delivery",
        id: `${rule} → queue ${nameOf(queue)}`,
        // Of the bulk lane only a backfill's events come over the bus.
        walk: nameOf(queue) === "customer-sync-bulk" ? "backfill" : walkOfQueue(nameOf(queue)),
        rule,
        queue,
      };
    }),
  );
  const consumers = mappings.map(({ queue, worker }): Hop => {
    const role = functions.find(({ id }) => id === worker)?.role ?? "";
    const id = `queue ${nameOf(queue)} → ${nameOf(worker)}`;
    return { kind: "mapping", id, walk: walkOfQueue(nameOf(queue)), queue, worker, role };
  });
  const orgs = orgsOf(all("AWS::Lambda::Function"));
  const actions = [...functions, ...machines].flatMap(({ id, name, role }) =>
    actionsOf(resources[role]?.Properties, orgs).flatMap((action): Hop[] => {
      const read = mappings.filter(({ worker }) => worker === id).map(({ queue }) => queue);
      // The poller asks for the attributes of the queue that it reads.
      if (action.name === "sqs:GetQueueAttributes" && read.includes(action.resource)) return [];
      const queues = read.map(nameOf);
      const to = `${action.name.split(":")[1]} ${nameOf(action.resource)}${action.suffix}`;
      return [{ kind: "action", id: `${name} → ${to}`, walk: walkOf(name, queues, action), caller: id, role, action }];
    }),
  );
  const endpoints = ENDPOINTS.map(
    (endpoint): Hop => ({
      kind: "endpoint",
      id: `${endpoint.target} ${endpoint.route}`,
      walk: endpoint.walk,
      endpoint,
    }),
  );
  const feed: Hop = { kind: "feed", id: "Event Relay → partner bus", walk: "change" };
  return [feed, ...deliveries, ...consumers, ...actions, ...endpoints];
}

/** The organisations that functions are told of. */
export function orgsOf(functions: readonly (readonly [string, Json])[]): string[] {
  const lists = functions.flatMap(([, { Environment }]) => Environment?.Variables?.SALESFORCE_ORGS ?? []);
  return [...new Set(lists.flatMap((list: string) => list.split(",")))];
}

/** The actions of a role that are part of the work, once each; of secrets by a pattern each one. */
function actionsOf(role: Json, orgs: readonly string[]): Action[] {
  const wanted = grantedTo(role, orgs).filter(
    ({ name, resource }) => !ASIDE.test(name) && !["", "*"].includes(resource),
  );
  return [...new Map(wanted.map((action) => [JSON.stringify(action), action])).values()];
}

/** Every action of a role's inline policies, as often as it stands there; the resource is `*`, or empty where it is none of the template's. */
export function grantedTo(role: Json, orgs: readonly string[]): Action[] {
  return (role?.Policies ?? []).flatMap(({ PolicyDocument }: Json) =>
    PolicyDocument.Statement.flatMap(({ Action: names, Resource }: Json) =>
      [names]
        .flat()
        .flatMap((name: string) =>
          [Resource].flat().flatMap((resource) => placesOf(resource, orgs).map((place) => ({ name, ...place }))),
        ),
    ),
  ) as Action[];
}

function placesOf(resource: Json, orgs: readonly string[]): Place[] {
  if (resource === "*") return [{ resource, suffix: "" }];
  const [, name, end] = /:secret:(.*?)(\*|-\?{6})$/.exec(resource?.["Fn::Sub"] ?? "") ?? [];
  if (name === undefined) return [placeOf(resource)];
  // Connections are no resources of the template: their names stand for them.
  const names = end === "*" ? orgs.map((org) => name + org) : [name];
  return names.map((secret) => ({ resource: secret, suffix: "" }));
}

type Place = Pick<Action, "resource" | "suffix">;

function placeOf(resource: Json): Place {
  const text = resource?.["Fn::Sub"];
  if (typeof text !== "string") return { resource: idIn(resource), suffix: "" };
  const [, id = "", suffix = ""] = /^\$\{(\w+)\.Arn\}(.*)$/.exec(text) ?? [];
  if (id !== "") return { resource: id, suffix };
  // The machine itself and its executions.
  const [, kind = "", name = ""] = /:(stateMachine|execution):([\w-]+)/.exec(text) ?? [];
  return name === ""
    ? { resource: "", suffix: "" }
    : { resource: machineId(name), suffix: kind === "execution" ? ":*" : "" };
}

const machineId = (name: string) =>
  shortName(name).replace(/(^|-)(\w)/g, (_all, _dash, letter: string) => letter.toUpperCase());

/** What makes messages come into a queue. */
function walkOfQueue(queue: string): Walk {
  if (queue.endsWith("-dead")) return "poison";
  return WALKS[queue] ?? "change";
}

const WALKS: Readonly<Record<string, Walk>> = {
  "catch-up": "catch-up",
  "salesforce-sweep": "sweep",
  "customer-sync-bulk": "behind",
  reconcile: "behind",
  "billing-duplicates": "duplicates",
};

function walkOf(name: string, queues: readonly string[], { name: action, resource }: Action): Walk {
  if (/DeadLetterQueue$/.test(resource) || name === "flows-park") return "poison";
  if (resource === "ParkedTable" && name === "flows-reconcile") return "obsolete";
  // Only what may pass is looked up, to be tried again.
  if (name === "customers-note-failure")
    return action === "dynamodb:GetItem" && resource === "CustomersTable" ? "behind" : "refused";
  if (/DashnoteDashfailure/.test(resource)) return "refused";
  if (/backfill/.test(name)) return "backfill";
  if (action === "sqs:ChangeMessageVisibility" && queues[0]) return walkOfQueue(queues[0]);
  return queues[0] ? walkOfQueue(queues[0]) : "change";
}

/** A name without service and stage. */
export function shortName(name: unknown): string {
  return String(name).replace(/^connector-fleet-[a-z]+-/, "");
}

/** The logical id that a `Ref` or `Fn::GetAtt` names. */
export function idIn(value: Json): string {
  const { Ref, "Fn::GetAtt": attribute } = value ?? {};
  return Ref ?? (Array.isArray(attribute) ? attribute[0] : String(attribute ?? "").split(".")[0]);
}
