import type { Activity, Kernel } from "../aws/kernel/kernel.ts";

/** One hand-over of a change: what happened, and when, in milliseconds after the change. */
export interface Hop {
  readonly name: string;
  readonly ms: number;
  readonly error?: string;
}

/** A call on one of the emulated systems, as their fronts report it. */
export interface SaasCall {
  readonly system: string;
  readonly route: string;
  readonly status: number;
}

/**
 * Names the calls of the twin that hand a change on. Calls that only serve one hop (reading a queue, a secret, a log) are
 * no hops of their own.
 */
function nameOf({ service, operation, resource = "", principal }: Activity): string | undefined {
  const name = resource.split(/[:/]/).at(-1) ?? "";
  switch (`${service}.${operation}`) {
    case "events.PutPartnerEvents":
      return "Event Relay → partner bus";
    case "events.PutEvents":
      return `${principal.kind === "role" ? roleOf(principal.roleArn) : "somebody"} → fleet bus`;
    case "sqs.SendMessage":
      return principal.kind === "service" ? `rule → queue ${short(name)}` : `parked: ${short(name)}`;
    case "lambda.Invoke":
      return `function ${short(name)}`;
    case "states.StartSyncExecution":
      return `state machine ${short(name)}`;
    case "dynamodb.UpdateItem":
    case "dynamodb.PutItem":
      return `table ${short(name)}`;
    default:
      return undefined;
  }
}

/** Follows a change through the twin: `onHop` is called as each hop ends. Returns the end of following. */
export function followHops(kernel: Kernel, since: number, onHop: (hop: Hop) => void): () => void {
  const listener = (activity: Activity) => {
    const name = nameOf(activity);
    const ms = activity.at + activity.ms - since;
    if (name && ms >= 0) onHop({ name, ms, ...(activity.error ? { error: activity.error } : {}) });
  };
  kernel.on("activity", listener);
  return () => kernel.off("activity", listener);
}

function short(name: string): string {
  return name.replace(/^connector-fleet-[a-z]+-/, "");
}

function roleOf(roleArn: string): string {
  const role = roleArn.split("/").at(-1) ?? roleArn;
  return /CustomerSync/.test(role) ? "customer-sync" : short(role).replace(/-us-east-1-lambdaRole$/, "");
}
