import type { Activity } from "../aws/kernel/kernel.ts";
import type { Fleet } from "../fleet.ts";
import type { Call } from "../saas/front/calls.ts";

/** One hand-over of a change: what happened, and when, in milliseconds after the change. */
export interface Hop {
  readonly name: string;
  readonly ms: number;
  readonly error?: string;
}

/** What each kind of call hands the change to. Calls that only serve one hop (reading a queue, a secret, a log) are none. */
const RECEIVERS: Readonly<Record<string, (name: string) => string>> = {
  "events.PutPartnerEvents": () => "partner bus",
  "events.PutEvents": () => "fleet bus",
  "sqs.SendMessage": (name) => `queue ${name}`,
  "lambda.Invoke": (name) => `function ${name}`,
  "states.StartSyncExecution": (name) => `state machine ${name}`,
  "dynamodb.UpdateItem": (name) => `table ${name}`,
  "dynamodb.PutItem": (name) => `table ${name}`,
};

/** Calls of the emulated systems that belong to the fleet, not to the person or to this program looking on. */
const SYSTEM_CALLS: Readonly<Record<string, RegExp>> = {
  Salesforce: /^(POST .*\/composite\/sobjects\/|PATCH .*\/composite\/sobjects$)/,
  Stripe: /^(POST|DELETE) \/v1\/customers/,
  Slack: /chat\.postMessage/,
};

/** Follows a change through the twin and the systems: `onHop` is called as each hop ends. Returns the end of following. */
export function followHops(fleet: Fleet, since: number, onHop: (hop: Hop) => void): () => void {
  const { kernel } = fleet.twin;
  const onActivity = (activity: Activity) => {
    const name = nameOf(activity);
    const ms = activity.at + activity.ms - since;
    if (name && ms >= 0) onHop({ name, ms, ...(activity.error ? { error: activity.error } : {}) });
  };
  kernel.on("activity", onActivity);
  const systems = { Salesforce: fleet.saas.salesforce, Stripe: fleet.saas.stripe, Slack: fleet.saas.slack };
  const unfollow = Object.entries(systems).map(([system, { calls }]) => {
    const onCall = ({ route, status }: Call) => {
      if (!SYSTEM_CALLS[system]?.test(route)) return;
      const error = status >= 200 && status < 300 ? {} : { error: `HTTP ${status}` };
      onHop({ name: `${system} ${route.replace("/services/data/:version", "")}`, ms: Date.now() - since, ...error });
    };
    calls.on("call", onCall);
    return () => calls.off("call", onCall);
  });
  return () => {
    kernel.off("activity", onActivity);
    for (const end of unfollow) end();
  };
}

function nameOf({ service, operation, resource = "", principal }: Activity): string | undefined {
  const receiver = RECEIVERS[`${service}.${operation}`];
  if (!receiver) return undefined;
  const name = receiver(short(resource.split(/[:/]/).at(-1) ?? ""));
  const from = operation === "PutPartnerEvents" ? "Event Relay" : senderOf(principal);
  return `${from} → ${name}`;
}

function senderOf(principal: Activity["principal"]): string {
  if (principal.kind === "role") return callerOf(principal);
  if (principal.kind === "administrator") return "administrator";
  return principal.service === "events.amazonaws.com" ? "rule" : "queue";
}

function short(name: string): string {
  return name.replace(/^connector-fleet-[a-z]+-/, "");
}

/** A function's session is called as the function is; a state machine's is not. */
function callerOf({ arn, roleArn }: { readonly arn: string; readonly roleArn: string }): string {
  return roleArn.includes("CustomerSyncRole") ? "customer-sync" : short(arn.split("/").at(-1) ?? arn);
}
