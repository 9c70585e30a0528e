import { AwsError } from "../kernel/errors.ts";
import { type Activity, ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { CallContext, Service } from "../kernel/service.ts";
import { createSqs } from "../sqs/index.ts";
import { testKernel } from "../testing.ts";
import { createEvents } from "./index.ts";

export const TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

export const queueArn = (name: string) => `arn:aws:sqs:us-east-1:123456789012:${name}`;
export const busArn = (name: string) => `arn:aws:events:us-east-1:123456789012:event-bus/${name}`;

/** One call that a target received. */
export interface Received {
  readonly input: Readonly<Record<string, unknown>>;
  readonly context: CallContext;
}

/** A message that a queue received, its attributes as plain texts. */
export interface Message {
  // biome-ignore lint/suspicious/noExplicitAny: the body is whatever the rule delivers
  readonly body: any;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<Record<string, string>>;
}

/** EventBridge and SQS on a kernel of their own, for tests. */
export interface Harness {
  readonly kernel: Kernel;
  readonly events: Service;
  /** Events that were dropped, as watchers of the kernel see them. */
  readonly drops: Activity[];
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the output that it asks for
  call(operation: string, input?: object, context?: Partial<CallContext>): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the output that it asks for
  sqs(operation: string, queue: string, input?: object): Promise<any>;
  /** The next message of a queue with all its attributes; waits for it. */
  next(queue: string): Promise<Message>;
  /** A rule on a bus that delivers to a queue of that name, which is made too. */
  ruleToQueue(queue: string, rule?: { pattern?: object; bus?: string; target?: object }): Promise<string>;
  /** Deliveries that have not arrived yet. */
  pending(): readonly unknown[];
  stop(): Promise<void>;
}

export async function harness(scale = 1, restored?: unknown): Promise<Harness> {
  const kernel = testKernel(scale);
  const [events, queues] = [createEvents(kernel), createSqs(kernel)];
  for (const service of [events, queues]) kernel.register(service);
  if (restored) await events.restore?.(JSON.parse(JSON.stringify(restored)));
  await events.start?.();
  const drops: Activity[] = [];
  kernel.on("activity", (activity) => {
    if (activity.operation === "DropEvent") drops.push(activity);
  });
  const principal = ADMINISTRATOR;
  const call: Harness["call"] = (operation, input = {}, context = {}) =>
    kernel.call("events", operation, input, { principal, ...context });
  const sqs: Harness["sqs"] = (operation, queue, input = {}) =>
    kernel.call("sqs", operation, { QueueUrl: `/1/${queue}`, QueueName: queue, ...input }, { principal });
  const next: Harness["next"] = async (queue) => {
    const asked = { WaitTimeSeconds: 20, AttributeNames: ["All"], MessageAttributeNames: ["All"] };
    for (;;) {
      const { Messages } = await sqs("ReceiveMessage", queue, asked);
      if (!Messages) continue;
      const { Body, Attributes, MessageAttributes = {}, ReceiptHandle } = Messages[0];
      await sqs("DeleteMessage", queue, { ReceiptHandle });
      const texts = Object.entries<{ StringValue: string }>(MessageAttributes).map(([k, v]) => [k, v.StringValue]);
      return { body: JSON.parse(Body), attributes: Attributes, messageAttributes: Object.fromEntries(texts) };
    }
  };
  const ruleToQueue: Harness["ruleToQueue"] = async (queue, { pattern, bus, target } = {}) => {
    await sqs("CreateQueue", queue);
    const on = bus ? { EventBusName: bus } : {};
    const EventPattern = JSON.stringify(pattern ?? { account: ["123456789012"] });
    const { RuleArn } = await call("PutRule", { Name: queue, EventPattern, ...on });
    const Targets = [{ Id: "t", Arn: queueArn(queue), ...target }];
    await call("PutTargets", { Rule: queue, Targets, ...on });
    return RuleArn;
  };
  const stop = async () => {
    await events.stop?.();
    await queues.stop?.();
  };
  const pending = () => (events.snapshot?.() as { pending: readonly unknown[] } | undefined)?.pending ?? [];
  return { kernel, events, drops, call, sqs, next, ruleToQueue, pending, stop };
}

/** A target service that answers as `answer` says, and remembers what it received. */
export function fakeTarget(
  kernel: Kernel,
  name: string,
  operation: string,
  answer: (count: number) => AwsError | object,
) {
  const received: Received[] = [];
  kernel.register({
    name,
    wire: { kind: "json", version: "1.0", targetPrefix: `${name}.` },
    operations: {
      [operation]: {
        access: () => [{ action: `${name}:${operation}`, resource: "*" }],
        run: (input, context) => {
          received.push({ input, context });
          const result = answer(received.length);
          if (result instanceof AwsError) throw result;
          return result;
        },
      },
    },
  });
  return received;
}

/** An entry that every rule of `ruleToQueue` matches. */
export function entry(overrides: object = {}) {
  return { Source: "fleet.test", DetailType: "thing.happened", Detail: '{"n":1}', ...overrides };
}

/** Waits until `condition` holds, for at most ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const startedAt = Date.now();
  while (!(await condition())) {
    if (Date.now() - startedAt > 10_000) throw new Error("the condition never came true");
    await new Promise(setImmediate);
  }
}
