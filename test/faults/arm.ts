import { AwsError } from "../../local/aws/kernel/errors.ts";
import type { Activity, Fault } from "../../local/aws/kernel/kernel.ts";
import { ACCOUNT, arnResource } from "../../local/aws/kernel/names.ts";
import type { PolicyDocument, PolicyStatement, Principal } from "../../local/aws/kernel/service.ts";
import type { TestFleet } from "../support/fleet.ts";
import { callTrouble } from "./arm-endpoint.ts";
import type { Cell, FaultName } from "./cells.ts";
import type { Hop } from "./hops.ts";
import type { Endpoint } from "./targets.ts";

/** A fault that is there until somebody takes it away. */
export interface Armed {
  /** How many calls it has hit so far. */
  hits(): number;
  /** Most calls that it hits. */
  readonly most: number;
  clear(): Promise<void>;
}

const ALWAYS = 1_000_000;
/** Calls that a short fault hits. */
const SHORT = 4;
/** The first call hangs for longer than any client of AWS waits (3 real seconds); the others are cut sooner. */
const HANG_MS = 4_000;
const CUT_AFTER_MS = 20;
/** How far a message falls back behind the next one, in seconds on the scaled clock. */
const FALLS_BACK_MS = 10_000;

/** Makes the hop fail: a few times when it is short, else until it is cleared. */
export function arm(fleet: TestFleet, { hop, fault, duration }: Cell, hops: readonly Hop[]): Promise<Armed> | Armed {
  const times = duration === "short" ? (fault === "crash" ? 1 : SHORT) : ALWAYS;
  if (hop.kind === "endpoint")
    return callTrouble(fleet, hop.endpoint, fault, times, callersOf(fleet, hop.endpoint, hops));
  if (hop.kind === "feed" && (fault === "duplicate" || fault === "reorder")) return eventTrouble(fleet, fault, times);
  if (fault === "missing permission") return permissionTrouble(fleet, hop);
  return kernelTrouble(fleet, placeOf(fleet, hop), fault, times);
}

/** The functions that call a target: those that may read its connection. */
function callersOf(fleet: TestFleet, { target }: Endpoint, hops: readonly Hop[]): Principal[] {
  return hops.flatMap((hop) =>
    hop.kind === "action" && new RegExp(`^${target}.*Connection$`, "i").test(hop.action.resource)
      ? [sessionOf(fleet.ref(hop.role), fleet.ref(hop.caller))]
      : [],
  );
}

/** Which calls of the twin make the hop. */
interface Place {
  readonly service: string;
  readonly operations: readonly string[];
  readonly when: (principal: Principal, resource: string) => boolean;
  /** The sessions of the function that works at the hop. */
  readonly worker?: Principal;
}

function placeOf(fleet: TestFleet, hop: Exclude<Hop, { kind: "endpoint" }>): Place {
  const arnOf = (id: string) => String(fleet.twin.resources.get(id)?.attributes.Arn ?? fleet.ref(id));
  switch (hop.kind) {
    case "feed":
      return { service: "events", operations: ["PutPartnerEvents"], when: () => true };
    case "delivery": {
      const [rule, queue] = [arnOf(hop.rule), arnOf(hop.queue)];
      const when = (principal: Principal, resource: string) =>
        principal.kind === "service" && principal.sourceArn === rule && resource === queue;
      return { service: "sqs", operations: ["SendMessage"], when };
    }
    case "mapping": {
      const worker = arnOf(hop.worker);
      const role = fleet.ref(hop.role);
      const when = (principal: Principal, resource: string) =>
        principal.kind === "service" && principal.service === "lambda.amazonaws.com" && resource === worker;
      return { service: "lambda", operations: ["Invoke"], when, worker: sessionOf(role, fleet.ref(hop.worker)) };
    }
    case "action":
      return actionPlace(fleet, hop, arnOf);
  }
}

function actionPlace(fleet: TestFleet, hop: Extract<Hop, { kind: "action" }>, arnOf: (id: string) => string): Place {
  const [service = "", name = ""] = hop.action.name.split(":");
  const operations = name === "InvokeFunction" ? ["Invoke"] : service === "sqs" ? [name, `${name}Batch`] : [name];
  const role = arnOf(hop.role);
  const place = arnOf(hop.action.resource).replace(/-\w{6}$/, (end) => (service === "secretsmanager" ? "" : end));
  const when = (principal: Principal, resource: string) =>
    principal.kind === "role" && principal.roleArn === role && isWithin(resource, place, hop.action.suffix);
  const worker = /LambdaFunction$/.test(hop.caller) ? sessionOf(fleet.ref(hop.role), fleet.ref(hop.caller)) : undefined;
  return { service, operations, when, ...(worker ? { worker } : {}) };
}

/** Whether a call's resource is the one of the statement; executions have the machine's name in their own ARNs. */
function isWithin(resource: string, place: string, suffix: string): boolean {
  if (suffix === "") return resource.startsWith(place);
  if (suffix === ":*") return resource.includes(`execution:${arnResource(place).replace(/^stateMachine:/, "")}`);
  return resource.startsWith(place + suffix.replace(/\*$/, ""));
}

function sessionOf(role: string, name: string): Principal {
  return { kind: "role", arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/${name}`, roleArn: "" };
}

/** How a service says that it is busy. */
const THROTTLES: Readonly<Record<string, AwsError>> = {
  dynamodb: new AwsError("ProvisionedThroughputExceededException", "Slow down.", { status: 400 }),
  events: new AwsError("ThrottlingException", "Rate exceeded", { status: 400 }),
  lambda: new AwsError("TooManyRequestsException", "Rate Exceeded.", { status: 429 }),
  s3: new AwsError("SlowDown", "Please reduce your request rate.", { status: 503 }),
  secretsmanager: new AwsError("ThrottlingException", "Rate exceeded", { status: 400 }),
  sqs: new AwsError("RequestThrottled", "Request is throttled.", { status: 403 }),
  states: new AwsError("ThrottlingException", "Rate exceeded", { status: 400 }),
};
const FAILURE = new AwsError("InternalFailure", "The service is unavailable.", { status: 500 });

function kernelTrouble(fleet: TestFleet, place: Place, fault: FaultName, times: number): Armed {
  const { kernel } = fleet;
  const effect = effectOf(fleet, place, fault);
  const armed = place.operations.map(
    (operation): Fault => ({ service: place.service, operation, when: place.when, times, ...effect }),
  );
  // One that hangs comes first and is used up by the first call.
  const first =
    fault === "timeout" ? armed.map((one): Fault => ({ ...one, times: 1, delayMs: HANG_MS * kernel.clock.scale })) : [];
  const all = [...first, ...armed];
  kernel.faults.push(...all);
  const before = all.reduce((sum, one) => sum + one.times, 0);
  const hits = () => before - all.reduce((sum, one) => sum + one.times, 0);
  return {
    hits,
    most: before,
    async clear() {
      const found = hits();
      const left = kernel.faults.filter((one) => !all.includes(one));
      kernel.faults.splice(0, kernel.faults.length, ...left);
      this.hits = () => found;
    },
  };
}

function effectOf(fleet: TestFleet, { service, worker, when }: Place, fault: FaultName): Partial<Fault> {
  switch (fault) {
    case "error":
      return { error: FAILURE };
    case "throttle":
      return { error: THROTTLES[service] ?? FAILURE };
    case "timeout":
      return { delayMs: CUT_AFTER_MS * fleet.clock.scale, cut: true };
    case "lost answer":
      return { afterEffect: true, cut: true };
    case "duplicate":
      return { repeat: true };
    case "reorder":
      return { ...everySecond(when), delayMs: FALLS_BACK_MS };
    case "crash":
      // One that was invoked dies in the midst of it, one that calls dies with the call done and unanswered.
      return worker && service === "lambda" ? { ...killed(fleet, worker, when) } : { crash: true, afterEffect: true };
    default:
      throw new Error(`There is no '${fault}' of a call.`);
  }
}

function everySecond(when: Place["when"]): Pick<Fault, "when"> {
  let count = 0;
  return {
    when: (principal, resource) => {
      if (!when(principal, resource)) return false;
      count += 1;
      return count % 2 === 1;
    },
  };
}

const KILLED_AFTER_MS = 25;

/** Kills the function a moment after it was invoked, wherever it is then. */
function killed(fleet: TestFleet, worker: Principal, when: Place["when"]): Pick<Fault, "when" | "delayMs"> {
  return {
    delayMs: 0,
    when: (principal, resource) => {
      if (!when(principal, resource)) return false;
      setTimeout(() => fleet.kernel.emit("crash", worker), KILLED_AFTER_MS);
      return true;
    },
  };
}

async function eventTrouble(fleet: TestFleet, kind: "duplicate" | "reorder", times: number): Promise<Armed> {
  await fleet.control("event-faults", { kind, times });
  const left = async () => {
    const response = await fetch(`${fleet.saas.salesforce.url}/__emulator__/event-faults`);
    return ((await response.json()) as { times: number }[]).reduce((sum, one) => sum + one.times, 0);
  };
  let hits = 0;
  return {
    hits: () => hits,
    most: ALWAYS,
    async clear() {
      hits = times - (await left());
      await fleet.control("event-faults", undefined, "DELETE");
    },
  };
}

/** Takes a permission away, as a bad deploy does, and gives it back. */
async function permissionTrouble(fleet: TestFleet, hop: Hop): Promise<Armed> {
  let hits = 0;
  const place = hop.kind === "endpoint" ? undefined : placeOf(fleet, hop);
  const note = ({ service, operation, principal, resource, error }: Activity) => {
    if (!/AccessDenied/.test(error ?? "") || service !== place?.service) return;
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

async function takeAway(fleet: TestFleet, hop: Hop, noteHit: () => void): Promise<() => Promise<void>> {
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
    const { name, resource, suffix } = hop.action;
    const whole = String(fleet.twin.resources.get(resource)?.attributes.Arn ?? fleet.ref(resource));
    const machine = arnResource(whole).replace(/^stateMachine:/, "");
    const isIt = (place: string) =>
      suffix === ":*" ? place.includes(`:execution:${machine}`) : place === whole + suffix;
    const giveBack = withoutActions(fleet, hop.role, [name], isIt);
    return async () => giveBack();
  }
  throw new Error(`Nobody has a permission for ${hop.id}.`);
}

async function withoutQueuePolicy(fleet: TestFleet, QueueUrl: string): Promise<() => Promise<void>> {
  const input = { QueueUrl, AttributeNames: ["Policy"] };
  const { Attributes } = await fleet.aws("sqs", "GetQueueAttributes", input);
  await fleet.aws("sqs", "SetQueueAttributes", { QueueUrl, Attributes: { Policy: "" } });
  return async () => {
    await fleet.aws("sqs", "SetQueueAttributes", { QueueUrl, Attributes: { Policy: Attributes.Policy } });
  };
}

/** The role without some actions on one resource. */
function withoutActions(
  fleet: TestFleet,
  roleId: string,
  actions: readonly string[],
  isIt: (place: string) => boolean,
): () => void {
  const { roles } = fleet.twin.identities;
  const role = roles.get(String(fleet.twin.resources.get(roleId)?.attributes.Arn));
  if (!role) throw new Error(`There is no role ${roleId}.`);
  const whole = [...role.inline];
  let removed = 0;
  const reduce = (statement: PolicyStatement): PolicyStatement[] => {
    const names = [statement.Action ?? []].flat();
    const places = [statement.Resource ?? []].flat();
    const isHit = (name: string, place: string) => actions.includes(name) && isIt(place);
    const kept = names.flatMap((name) =>
      places.filter((place) => !isHit(name, place)).map((place) => ({ ...statement, Action: name, Resource: place })),
    );
    removed += names.length * places.length - kept.length;
    return kept;
  };
  for (const [name, document] of whole) {
    const reduced: PolicyDocument = { ...document, Statement: [document.Statement].flat().flatMap(reduce) };
    role.inline.set(name, reduced);
  }
  if (removed === 0) throw new Error(`${roleId} has no ${actions.join(", ")} there.`);
  return () => {
    for (const [name, document] of whole) role.inline.set(name, document);
  };
}

/** Lambda switches a mapping off that may not read its queue; whoever gives the permission back switches it on. */
async function enableMapping(fleet: TestFleet, hop: Extract<Hop, { kind: "mapping" }>): Promise<boolean> {
  const EventSourceArn = String(fleet.twin.resources.get(hop.queue)?.attributes.Arn);
  const { EventSourceMappings } = await fleet.aws("lambda", "ListEventSourceMappings", { EventSourceArn });
  const [mapping] = EventSourceMappings as { UUID: string; State: string }[];
  if (mapping?.State !== "Disabled") return false;
  await fleet.aws("lambda", "UpdateEventSourceMapping", { UUID: mapping.UUID, Enabled: true });
  return true;
}
