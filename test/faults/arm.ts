import { AwsError } from "../../local/aws/kernel/errors.ts";
import type { Fault } from "../../local/aws/kernel/kernel.ts";
import { ACCOUNT, arnResource } from "../../local/aws/kernel/names.ts";
import type { Principal } from "../../local/aws/kernel/service.ts";
import type { TestFleet } from "../support/fleet.ts";
import { callTrouble } from "./arm-endpoint.ts";
import { ALWAYS, type Armed, type Place } from "./armed.ts";
import type { Cell, FaultName } from "./cells.ts";
import type { Hop } from "./hops.ts";
import { arnIn, permissionTrouble } from "./permissions.ts";
import type { Endpoint } from "./targets.ts";

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
  if (fault === "missing permission") return permissionTrouble(fleet, hop, placeOf(fleet, hop));
  return kernelTrouble(fleet, placeOf(fleet, hop), fault, times);
}

/** The functions that call a target: those that may read its connection. */
function callersOf(fleet: TestFleet, { target }: Endpoint, hops: readonly Hop[]): Principal[] {
  return hops.flatMap((hop) =>
    hop.kind === "action" && new RegExp(`/${target}(/|$)`).test(hop.action.resource)
      ? [sessionOf(fleet.ref(hop.role), fleet.ref(hop.caller))]
      : [],
  );
}

function placeOf(fleet: TestFleet, hop: Exclude<Hop, { kind: "endpoint" }>): Place {
  const arnOf = (id: string) => arnIn(fleet, id);
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
