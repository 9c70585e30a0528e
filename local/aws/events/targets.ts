import { randomUUID } from "node:crypto";
import type { Kernel } from "../kernel/kernel.ts";
import { ACCOUNT, arn, arnResource, hex } from "../kernel/names.ts";
import type { CallContext, Principal } from "../kernel/service.ts";
import { NamedFailure } from "./failures.ts";
import { isJson } from "./input.ts";
import type { Arrival, Target } from "./model.ts";

/** One hand-over to a target. */
export interface HandOver {
  readonly target: Target;
  readonly ruleArn: string;
  /** The target's input, already transformed. */
  readonly input: string;
  readonly arrival: Arrival;
}

type Context = Pick<CallContext, "principal" | "traceHeader">;
type Deliver = (kernel: Kernel, handOver: HandOver, context: Context) => Promise<unknown>;

/** An event that a bus hands to another one; only this process can make one, so the wire cannot forge events. */
export class ForwardedEvent {
  readonly busArn: string;
  readonly arrival: Arrival;

  constructor(busArn: string, arrival: Arrival) {
    this.busArn = busArn;
    this.arrival = arrival;
  }
}

const toQueue: Deliver = async (kernel, { target, input }, context) => {
  const group = target.SqsParameters?.MessageGroupId;
  const message = { QueueUrl: queueUrl(target.Arn), MessageBody: input, ...(group ? { MessageGroupId: group } : {}) };
  return kernel.call("sqs", "SendMessage", message, context);
};

const toFunction: Deliver = async (kernel, { target, input }, context) => {
  checkJson(input);
  const invocation = { FunctionName: target.Arn, InvocationType: "Event", Payload: input };
  return kernel.call("lambda", "Invoke", invocation, context);
};

const toStateMachine: Deliver = async (kernel, { target, input, arrival }, context) => {
  checkJson(input);
  const name = `${arrival.event.id}_${randomUUID()}`;
  return kernel.call("states", "StartExecution", { stateMachineArn: target.Arn, name, input }, context);
};

const toBus: Deliver = async (kernel, { target, arrival }, context) => {
  if (arrival.forwarded)
    throw new NamedFailure("THIRD_ACCOUNT_HOP_DETECTED", "An event passes from one event bus to another only once.");
  const forwarded = new ForwardedEvent(target.Arn, { ...arrival, forwarded: true });
  return kernel.call("events", "ForwardEvent", forwarded, context);
};

const KINDS: readonly { readonly arn: RegExp; readonly needsRole: boolean; readonly deliver: Deliver }[] = [
  { arn: /^arn:aws:sqs:/, needsRole: false, deliver: toQueue },
  { arn: /^arn:aws:lambda:[^:]*:[^:]*:function:/, needsRole: false, deliver: toFunction },
  { arn: /^arn:aws:states:[^:]*:[^:]*:stateMachine:/, needsRole: true, deliver: toStateMachine },
  { arn: /^arn:aws:events:[^:]*:[^:]*:event-bus\//, needsRole: true, deliver: toBus },
];

/** Whether the twin delivers to such a target, and whether the target needs a role. */
export function targetKind(targetArn: string): { readonly needsRole: boolean } | undefined {
  return KINDS.find((kind) => kind.arn.test(targetArn));
}

/**
 * Calls the target once, as the target's role or as the rule itself.
 * @throws what the target answers, or `NamedFailure`
 */
export async function handOver(kernel: Kernel, delivery: HandOver): Promise<void> {
  const { target, arrival } = delivery;
  const kind = KINDS.find((candidate) => candidate.arn.test(target.Arn));
  if (!kind) throw new NamedFailure("NO_RESOURCE", `The twin cannot deliver to ${target.Arn}.`);
  const principal = target.RoleArn ? assume(kernel, target.RoleArn, delivery.ruleArn) : rulePrincipal(delivery.ruleArn);
  const { traceHeader } = arrival;
  await kind.deliver(kernel, delivery, { principal, ...(traceHeader ? { traceHeader } : {}) });
}

/** EventBridge acting for a rule; the callee's resource policy decides. */
export function rulePrincipal(ruleArn: string): Principal {
  return { kind: "service", arn: "events.amazonaws.com", service: "events.amazonaws.com", sourceArn: ruleArn };
}

function assume(kernel: Kernel, roleArn: string, ruleArn: string): Principal {
  try {
    return kernel.identities.assume(roleArn, "events.amazonaws.com", hex(32), ruleArn).principal;
  } catch (cause) {
    throw new NamedFailure("FAILED_TO_ASSUME_ROLE", (cause as Error).message);
  }
}

/** The address of a queue of this account. @throws NamedFailure `NO_RESOURCE` for a queue of elsewhere */
export function queueUrl(queueArn: string): string {
  const name = arnResource(queueArn);
  if (arn("sqs", name) !== queueArn) throw new NamedFailure("NO_RESOURCE", `There is no queue ${queueArn}.`);
  return `/${ACCOUNT}/${name}`;
}

function checkJson(input: string): void {
  if (!isJson(input)) throw new NamedFailure("INVALID_JSON", `The target's input is not valid JSON: ${input}`);
}
