import { randomUUID } from "node:crypto";
import type { Kernel } from "../kernel/kernel.ts";
import {
  type Change,
  changesOf,
  type DeployOptions,
  planStack,
  type ResourceEvent,
  type Stack,
  stackArn,
} from "../template/index.ts";
import { noSuchStack } from "./errors.ts";
import type { Tag } from "./input.ts";

const ROOT_TYPE = "AWS::CloudFormation::Stack";

export interface StackEvent {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly logicalId: string;
  readonly ref: string;
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

/** A template with what a call gave to it. */
export interface Submission {
  /** The text as it was given. */
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  readonly capabilities: readonly string[];
  /** Names of what is there already and becomes the stack's, by logical id. */
  readonly imports?: Readonly<Record<string, string>>;
}

export interface ChangeSet extends Submission {
  readonly name: string;
  readonly id: string;
  readonly createdAt: number;
  readonly status: "CREATE_COMPLETE" | "FAILED";
  readonly reason?: string;
  readonly changes: readonly Change[];
}

/** One stack, with everything that happened to it. */
export interface StackRecord {
  readonly name: string;
  readonly id: string;
  readonly createdAt: number;
  updatedAt?: number;
  status: string;
  reason?: string;
  /** What was deployed last. */
  submission?: Submission;
  /** What is deployed; absent before the first deployment and after a failed one. */
  stack?: Stack;
  isProtected: boolean;
  /** Oldest first. */
  readonly events: StackEvent[];
  readonly changeSets: Map<string, ChangeSet>;
  /** The operation under way. */
  work?: Promise<void>;
}

/** All stacks of the account. They live as long as the twin. */
export class Stacks {
  readonly kernel: Kernel;
  readonly #byName = new Map<string, StackRecord>();
  /** Found by their id alone. */
  readonly #deleted = new Map<string, StackRecord>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  all(): readonly StackRecord[] {
    return [...this.#byName.values()];
  }

  find(nameOrId: string | undefined): StackRecord | undefined {
    if (!nameOrId?.startsWith("arn:")) return this.#byName.get(nameOrId ?? "");
    return this.all().find(({ id }) => id === nameOrId) ?? this.#deleted.get(nameOrId);
  }

  /** @throws AwsError `ValidationError` */
  get(nameOrId: string | undefined): StackRecord {
    const record = this.find(nameOrId);
    if (!record) throw noSuchStack(nameOrId ?? "");
    return record;
  }

  /** A stack of which nothing is deployed yet. */
  begin(name: string, status: string, id = stackArn(name, randomUUID())): StackRecord {
    const createdAt = this.kernel.clock.now();
    const record = { name, id, createdAt, status, isProtected: false, events: [], changeSets: new Map() };
    this.#byName.set(name, record);
    return record;
  }

  /** Takes over the stack that the boot made. */
  adopt(stack: Stack, template: unknown, parameters: Readonly<Record<string, string>>): void {
    const record = this.begin(stack.name, "CREATE_COMPLETE", stackArn(stack.name));
    record.stack = stack;
    record.submission = { template: JSON.stringify(template), parameters, tags: [], capabilities: [] };
  }

  forget(record: StackRecord): void {
    this.#byName.delete(record.name);
    if (record.events.length > 0) this.#deleted.set(record.id, record);
  }

  /** Writes down a status of the stack itself. */
  enter(record: StackRecord, status: string, reason?: string): void {
    record.status = status;
    if (reason === undefined) delete record.reason;
    else record.reason = reason;
    this.tell(record, {
      logicalId: record.name,
      ref: record.id,
      type: ROOT_TYPE,
      status,
      ...(reason ? { reason } : {}),
    });
  }

  tell(record: StackRecord, event: Omit<ResourceEvent, "status"> & { readonly status: string }): void {
    record.events.push({ ...event, id: randomUUID(), at: this.kernel.clock.now(), ref: event.ref ?? "" });
  }

  /** The plan of a submission for the stack as it is now. @throws TemplateError */
  plan(record: StackRecord, { template, parameters }: Submission) {
    const options: DeployOptions = {
      stackName: record.name,
      stackId: record.id,
      parameters,
      imports: this.exports(record),
    };
    return planStack(this.kernel, JSON.parse(template), options);
  }

  /** What deploying the submission would do; absent when it would do nothing. @throws TemplateError */
  async changes(record: StackRecord, submission: Submission): Promise<readonly Change[] | undefined> {
    const { changes, outputsDiffer } = changesOf(await this.plan(record, submission), record.stack);
    const tagsDiffer = JSON.stringify(record.submission?.tags ?? []) !== JSON.stringify(submission.tags);
    return changes.length > 0 || outputsDiffer || tagsDiffer ? changes : undefined;
  }

  /** What the other stacks export. */
  exports(but: StackRecord): Record<string, unknown> {
    const others = this.all().filter((record) => record !== but);
    return Object.assign({}, ...others.map(({ stack }) => stack?.exports ?? {}));
  }

  /** Names of the stacks that import a name. */
  importersOf(name: string): string[] {
    return this.all().flatMap((record) => (record.stack?.imports.has(name) ? [record.name] : []));
  }
}
