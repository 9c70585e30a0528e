import { AwsError } from "../../kernel/errors.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { ADMINISTRATOR } from "../../kernel/kernel.ts";
import { ACCOUNT, arnResource } from "../../kernel/names.ts";
import { derivedUuid } from "../properties.ts";
import { notFound, type Registry } from "../registry.ts";
import { checkMapping, invalid, type Mapping, type MappingConfig } from "./mapping.ts";
import { Poller } from "./poller.ts";
import { SourceQueue } from "./queue.ts";

/** All event source mappings and their pollers. */
export class Mappings {
  readonly #kernel: Kernel;
  readonly #registry: Registry;
  /** Logical id of the resource that made each mapping. */
  readonly #owners = new Map<string, string>();
  readonly #mappings = new Map<string, Mapping>();
  readonly #pollers = new Map<string, Poller>();
  #started = false;

  constructor(kernel: Kernel, registry: Registry) {
    this.#kernel = kernel;
    this.#registry = registry;
  }

  all(): readonly Mapping[] {
    return [...this.#mappings.values()];
  }

  /** @throws AwsError `ResourceNotFoundException` */
  get(uuid: string): Mapping {
    const mapping = this.#mappings.get(uuid);
    if (!mapping) throw notFound("The resource you requested does not exist.");
    return mapping;
  }

  /**
   * Makes the mapping of a template's resource, or makes it anew when the same resource is deployed again.
   * The id is derived from queue and function, so that it stays over restarts.
   * @throws AwsError `InvalidParameterValueException`, `ResourceConflictException`, `ResourceNotFoundException`
   */
  async create(owner: string, config: Omit<MappingConfig, "uuid">, enabled: boolean): Promise<MappingConfig> {
    const uuid = derivedUuid(`${config.queueArn} ${config.functionArn}`);
    if (this.#owners.has(uuid) && this.#owners.get(uuid) !== owner)
      throw new AwsError(
        "ResourceConflictException",
        `An event source mapping with SQS arn (" ${config.queueArn} ") and function (" ${config.functionArn} ") already exists. Please update or delete the existing mapping with UUID ${uuid}`,
        { status: 409, body: { Type: "User" } },
      );
    checkMapping({ ...config, uuid });
    await this.#checkQueue(config);
    const mapping: Mapping = {
      config: { ...config, uuid },
      state: enabled ? "Creating" : "Disabled",
      reason: "USER_INITIATED",
      lastResult: "No records processed",
      lastModified: this.#kernel.clock.now(),
    };
    await this.#unpoll(uuid);
    this.#owners.set(uuid, owner);
    this.#mappings.set(uuid, mapping);
    if (this.#started) this.#poll(mapping);
    return mapping.config;
  }

  /** Switches a mapping on or off; batches in flight run to their end. */
  async setEnabled(uuid: string, enabled: boolean): Promise<Mapping> {
    const mapping = this.get(uuid);
    mapping.reason = "USER_INITIATED";
    mapping.lastModified = this.#kernel.clock.now();
    mapping.state = enabled ? "Enabled" : "Disabled";
    await this.#unpoll(uuid);
    if (this.#started) this.#poll(mapping);
    return mapping;
  }

  /** Ends a mapping once its batches in flight have run to their end. */
  async delete(uuid: string): Promise<void> {
    await this.#unpoll(uuid);
    this.#mappings.delete(uuid);
    this.#owners.delete(uuid);
  }

  start(): void {
    this.#started = true;
    for (const mapping of this.#mappings.values()) this.#poll(mapping);
  }

  async stop(): Promise<void> {
    this.#started = false;
    await Promise.all([...this.#pollers.values()].map((poller) => poller.stop()));
    this.#pollers.clear();
  }

  async #unpoll(uuid: string): Promise<void> {
    await this.#pollers.get(uuid)?.stop(true);
    this.#pollers.delete(uuid);
  }

  #poll(mapping: Mapping): void {
    if (mapping.state === "Disabled") return;
    const { queueArn, functionArn, uuid } = mapping.config;
    try {
      // Asked for every call: a deploy may give the function another role.
      const principal = () => {
        const { version } = this.#registry.resolve(functionArn);
        return this.#kernel.identities.assume(version.role, "lambda.amazonaws.com", version.name).principal;
      };
      principal();
      const poller = new Poller(this.#kernel, mapping, new SourceQueue(this.#kernel, queueArn, principal));
      this.#pollers.set(uuid, poller);
      mapping.state = "Enabled";
      poller.start();
    } catch (error) {
      mapping.state = "Disabled";
      mapping.reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  }

  /** The function must have finished, or failed, before its messages can be visible again. */
  async #checkQueue({ queueArn, functionArn }: Omit<MappingConfig, "uuid">): Promise<void> {
    const { version } = this.#registry.resolve(functionArn);
    const visibility = await this.#visibilityTimeout(queueArn);
    if (visibility < version.timeout)
      throw invalid(
        `Queue visibility timeout: ${visibility} seconds is less than Function timeout: ${version.timeout} seconds`,
      );
  }

  async #visibilityTimeout(queueArn: string): Promise<number> {
    const QueueUrl = `${this.#kernel.origin}/${ACCOUNT}/${arnResource(queueArn)}`;
    const input = { QueueUrl, AttributeNames: ["VisibilityTimeout"] };
    try {
      const output = await this.#kernel.call("sqs", "GetQueueAttributes", input, { principal: ADMINISTRATOR });
      return Number(output.Attributes.VisibilityTimeout);
    } catch (cause) {
      if (!(cause instanceof AwsError)) throw cause;
      throw invalid(
        `Error occurred while ReceiveMessage. SQS Error Code: ${cause.queryCode ?? cause.code}. SQS Error Message: ${cause.message}`,
      );
    }
  }
}
