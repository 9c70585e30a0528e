import type { Kernel } from "../kernel/kernel.ts";
import { ACCOUNT, arn, arnResource } from "../kernel/names.ts";
import type { Access, CallContext, Operation } from "../kernel/service.ts";
import { applyAttributes, parseRedriveAllowPolicy, policyOf } from "./attributes.ts";
import {
  fifoUnsupported,
  invalidValue,
  missingParameter,
  queueDeletedRecently,
  queueDoesNotExist,
  queueNameExists,
} from "./errors.ts";
import { Queue, type QueueState } from "./queue.ts";

const NAME = /^[A-Za-z0-9_-]{1,80}$/;
const REUSE_AFTER_MS = 60_000;

/** All queues of the account, by name. */
export class QueueRegistry {
  readonly kernel: Kernel;
  readonly #queues = new Map<string, Queue>();
  readonly #deletedAt = new Map<string, number>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  all(): readonly Queue[] {
    return [...this.#queues.values()];
  }

  byName(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  byArn(queueArn: string): Queue | undefined {
    const queue = this.#queues.get(arnResource(queueArn));
    return queue?.arn === queueArn ? queue : undefined;
  }

  /** @throws AwsError `QueueDoesNotExist`, `MissingRequiredParameterException` */
  byUrl(url: string | undefined): Queue {
    if (!url) throw missingParameter("QueueUrl");
    const queue = this.#queues.get(url.split("/").at(-1) ?? "");
    if (!queue) throw queueDoesNotExist();
    return queue;
  }

  /** The address that clients get, on the twin's own origin. */
  url(queue: Queue): string {
    return `${this.kernel.origin}/${ACCOUNT}/${queue.name}`;
  }

  /** The question to IAM about an action on a queue, with the queue's own policy. */
  access(action: string, queue: Queue): Access {
    const resourcePolicy = policyOf(queue.attributes);
    return { action: `sqs:${action}`, resource: queue.arn, ...(resourcePolicy ? { resourcePolicy } : {}) };
  }

  /** An operation on the queue that `QueueUrl` names, authorised as `sqs:<action>`. */
  operation<Input extends { readonly QueueUrl?: string }>(
    action: string,
    run: (queue: Queue, input: Input, context: CallContext) => unknown,
  ): Operation<Input> {
    return {
      access: ({ QueueUrl }) => [this.access(action, this.byUrl(QueueUrl))],
      run: (input, context) => run(this.byUrl(input.QueueUrl), input, context),
    };
  }

  /**
   * Makes a queue, or finds the one that is there with the same attributes.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
   * @throws AwsError `QueueNameExists`, `QueueDeletedRecently`, `InvalidParameterValueException` and attribute errors
   */
  create(name: string, attributes: Readonly<Record<string, unknown>>, tags: Readonly<Record<string, string>>): Queue {
    checkName(name);
    const existing = this.#queues.get(name);
    if (existing) {
      const wanted = applyAttributes(existing.attributes, attributes);
      for (const [attribute, value] of wanted)
        if (existing.attributes.get(attribute) !== value) throw queueNameExists(attribute);
      return existing;
    }
    const deletedAt = this.#deletedAt.get(name);
    if (deletedAt !== undefined && this.kernel.clock.elapsed(deletedAt) < REUSE_AFTER_MS) throw queueDeletedRecently();
    return this.define(name, attributes, tags);
  }

  /** Makes a queue, or gives an existing one exactly these attributes; its messages stay. */
  define(name: string, attributes: Readonly<Record<string, unknown>>, tags: Readonly<Record<string, string>>): Queue {
    checkName(name);
    const fresh = new Queue(name, arn("sqs", name), this.kernel.clock);
    fresh.attributes = this.#checked(fresh, attributes);
    const queue = this.#queues.get(name) ?? fresh;
    queue.attributes = fresh.attributes;
    queue.tags = { ...tags };
    this.#queues.set(name, queue);
    return queue;
  }

  /** @throws AwsError attribute errors; the queue is unchanged then */
  setAttributes(queue: Queue, attributes: Readonly<Record<string, unknown>>): void {
    queue.attributes = this.#checked(queue, attributes);
    queue.modifiedAt = this.kernel.clock.now();
  }

  delete(queue: Queue): void {
    queue.purge();
    queue.stop();
    this.#queues.delete(queue.name);
    this.#deletedAt.set(queue.name, this.kernel.clock.now());
  }

  /** The queues whose dead letters go to `queue`. */
  sourcesOf(queue: Queue): Queue[] {
    return this.all().filter((source) => source.redrivePolicy()?.deadLetterTargetArn === queue.arn);
  }

  snapshot(): QueueState[] {
    return this.all().map((queue) => queue.snapshot());
  }

  restore(states: readonly QueueState[]): void {
    for (const state of states)
      this.#queues.set(state.name, Queue.restore(state, arn("sqs", state.name), this.kernel.clock));
  }

  stop(): void {
    for (const queue of this.all()) queue.stop();
  }

  #checked(queue: Queue, changes: Readonly<Record<string, unknown>>): Map<string, string> {
    const attributes = applyAttributes(queue.attributes, changes);
    if (changes.RedrivePolicy) this.#checkDeadLetterTarget(queue, attributes.get("RedrivePolicy") ?? "");
    return attributes;
  }

  #checkDeadLetterTarget(source: Queue, policy: string): void {
    const target = this.byArn(String(JSON.parse(policy).deadLetterTargetArn));
    if (!target) throw invalidValue(policy, "RedrivePolicy", "Dead letter target does not exist.");
    const text = target.attributes.get("RedriveAllowPolicy");
    if (!text) return;
    const { redrivePermission, sourceQueueArns = [] } = parseRedriveAllowPolicy(text);
    if (redrivePermission === "allowAll" || sourceQueueArns.includes(source.arn)) return;
    throw invalidValue(
      policy,
      "RedrivePolicy",
      `${target.arn} does not let ${source.arn} use it (RedriveAllowPolicy).`,
    );
  }
}

function checkName(name: string | undefined): void {
  if (!name) throw missingParameter("QueueName");
  if (name.endsWith(".fifo")) throw fifoUnsupported();
  if (!NAME.test(name))
    throw invalidValue(
      name,
      "QueueName",
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    );
}
