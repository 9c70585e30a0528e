import { buildAlarms } from "./alarms.ts";
import { buildConsumer, type ConsumerDeclaration, refuseSharedQueues } from "./consumer.ts";
import { buildDashboard } from "./dashboard.ts";
import { takeInventory } from "./inventory.ts";
import { type CloudFormation, deployedTemplate, keptConnections } from "./kept-connections.ts";
import { takeOverTables } from "./kept-tables.ts";
import { removeLeftovers } from "./leftovers.ts";
import { fitName, MOST } from "./names.ts";
import { connectionAccess, type Org, orgAccess, orgResources, parseOrgs, targetAccess } from "./orgs.ts";
import { buildOutputs } from "./outputs.ts";
import { type Begun, requireBeginning } from "./preflight.ts";
import type { Resources, Template } from "./resolve.ts";
import { withRetention } from "./retention.ts";
import { trimRoles, UNNAMED } from "./roles.ts";
import { CONSUMER, DEAD_LETTERS, FUNCTION } from "./schema.ts";

/** The parts of osls that the plugin uses. https://github.com/oss-serverless/serverless */
interface Serverless extends Begun {
  readonly service: Begun["service"] & {
    readonly service: string;
    readonly provider: {
      readonly timeout?: number;
      readonly compiledCloudFormationTemplate: { readonly Resources: Record<string, unknown> };
    };
    readonly custom: { readonly fleet: FleetSettings };
    readonly functions: Record<string, FunctionConfig>;
    resources?: { Resources?: Record<string, unknown>; Outputs?: Record<string, unknown> };
  };
  getProvider(name: "aws"): CloudFormation & ReturnType<Begun["getProvider"]>;
  readonly classes: { readonly Error: new (message: string, code: string) => Error };
  readonly configSchemaHandler: {
    defineFunctionEvent(provider: string, name: string, schema: unknown): void;
    defineFunctionProperties(provider: string, schema: unknown): void;
  };
}

interface FleetSettings {
  /** Names of the partner event sources that Salesforce gave the Event Relays; a placeholder until they are known. */
  readonly salesforceEventSource: string;
  readonly fleetBus: { readonly Ref: string };
  readonly stateTable: { readonly Ref: string };
  /** Seconds of failing after which a consumer gives a message up, unless it says otherwise. */
  readonly giveUpAfterSeconds: number | string;
  /** The SNS topic of the alarms; empty means that they tell nobody. */
  readonly alarmTopicArn: string;
  readonly alarmActions: unknown;
  /** Hours without a change of Salesforce before the alarm; 0 switches it off. */
  readonly feedSilentHours: number | string;
  /** Whether tables and buckets outlive the stack. */
  readonly retainData: boolean | string;
}

/** What the framework gives a plugin to talk with. */
interface Utilities {
  readonly log: { warning(message: string): void; notice(message: string): void };
}

interface FunctionConfig {
  name?: string;
  /** Of the plugin that makes a role of its own for each function. */
  iamRoleStatementsName?: string;
  readonly timeout?: number;
  /** The function talks to Salesforce, and shares the breaker of each organisation with the others. */
  readonly salesforceOrgs?: boolean;
  /** The function talks to this system, and shares its breaker and its budget with the others. */
  readonly connection?: "stripe" | "slack";
  events?: Record<string, unknown>[];
  environment?: Record<string, unknown>;
  iamRoleStatements?: unknown[];
}

const SHARED_ROLE = "IamRoleLambdaExecution";
const TRACING = { Effect: "Allow", Action: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource: "*" };

/**
 * Teaches serverless.yml two events and two properties. `consumer` makes the one shape of every bus consumer; `deadLetters`
 * feeds a function from the dead-letter queues of all consumers; `salesforceOrgs` lets a function reach the organisations,
 * `connection` Stripe or Slack; whoever reaches a system shares its breaker.
 */
export default class FleetPlugin {
  readonly hooks: Record<string, () => void | Promise<void>>;
  readonly #serverless: Serverless;
  readonly #log: Utilities["log"];
  /** Seconds that a message may wait, by the logical id of its queue. */
  readonly #staleAfter = new Map<string, number>();

  constructor(serverless: Serverless, _options: unknown, { log }: Utilities) {
    this.#serverless = serverless;
    this.#log = log;
    const schema = serverless.configSchemaHandler;
    schema.defineFunctionEvent("aws", "consumer", CONSUMER);
    schema.defineFunctionEvent("aws", "deadLetters", DEAD_LETTERS);
    schema.defineFunctionProperties("aws", FUNCTION);
    this.hooks = {
      initialize: this.#told(() => this.expand()),
      "before:package:finalize": this.#told(() => {
        this.dropSharedRole();
        this.trimRoles();
        this.retain();
        this.watch();
        this.#tell();
      }),
      // The template is whole here, and nothing of it is written yet.
      "before:aws:package:finalize:saveServiceState": this.#told(() => this.#refuse()),
      "after:package:createDeploymentArtifacts": () => removeLeftovers(Object.keys(this.#serverless.service.functions)),
      "before:deploy:deploy": this.#told(() => this.keepConnections()),
      "after:aws:deploy:deploy:createStack": this.#told(() => this.takeOverTables()),
    };
  }

  /** Called by the framework before it looks at the values of serverless.yml, and speaks of places instead of parameters. */
  asyncInit(): Promise<void> {
    return this.#told(() => requireBeginning(this.#serverless))();
  }

  /** The framework shows the stack trace of an error that is not of its own class: a sentence of ours needs none. */
  #told(step: () => void | Promise<void>): () => Promise<void> {
    return async () => {
      try {
        await step();
      } catch (error) {
        const isSentence = error instanceof Error && error.name === "Error";
        throw isSentence ? new this.#serverless.classes.Error(error.message, "FLEET") : error;
      }
    };
  }

  /** Replaces the fleet's own events by the resources, events, permissions and environment they stand for. */
  expand(): void {
    const { service, processedInput } = this.#serverless;
    const settings = service.custom.fleet;
    if (processedInput.commands[0] === "deploy") this.#warnOfSilentAlarms(settings);
    refuseSharedQueues(service.functions);
    const orgs = parseOrgs(settings.salesforceEventSource);
    const { stage } = service.provider;
    this.#addResources(orgResources(orgs));
    const access = orgAccess(orgs, service.service, stage);
    const deadLetterQueues = Object.values(service.functions).flatMap((config) => this.#expandConsumers(config, orgs));
    for (const [name, config] of Object.entries(service.functions)) {
      config.name = fitName(`${service.service}-${stage}-${name}`, MOST.function);
      config.iamRoleStatementsName = UNNAMED;
      grant(config, [TRACING]);
      if (config.salesforceOrgs) give(config, access);
      if (config.connection) give(config, connectionAccess(config.connection, service.service, stage));
      if (config.salesforceOrgs || config.connection) give(config, targetAccess(settings.fleetBus));
      config.events = (config.events ?? []).flatMap((event) =>
        "deadLetters" in event ? deadLetterQueues.map(drain) : [event],
      );
    }
  }

  /** The roles that were compiled for the functions, as they are deployed. */
  trimRoles(): void {
    trimRoles(this.#serverless.service.provider.compiledCloudFormationTemplate.Resources);
  }

  /** Every function has a role of its own; the shared one, which holds everybody's permissions, must not be deployed. */
  dropSharedRole(): void {
    const { Resources } = this.#serverless.service.provider.compiledCloudFormationTemplate;
    const { [SHARED_ROLE]: role, ...others } = Resources;
    if (role && !new RegExp(`\\b${SHARED_ROLE}\\b`).test(JSON.stringify(others))) delete Resources[SHARED_ROLE];
  }

  /** Deploys over no connection that an earlier version made. What was packaged before comes by here too. */
  async keepConnections(): Promise<void> {
    const { Resources = {} } = await deployedTemplate(this.#serverless.getProvider("aws"));
    Object.assign(
      this.#serverless.service.provider.compiledCloudFormationTemplate.Resources,
      keptConnections(Resources),
    );
  }

  /** What an earlier stack left becomes the new stack's, which would otherwise fail on its names. */
  async takeOverTables(): Promise<void> {
    const provider = this.#serverless.getProvider("aws");
    const { Resources } = this.#serverless.service.provider.compiledCloudFormationTemplate;
    for (const table of await takeOverTables(provider, Resources as Resources))
      this.#log.notice(`The table ${table} was kept from before: it is used again, as it is.`);
  }

  /** Says of everything that holds data what becomes of it when the stack is removed. */
  retain(): void {
    const { custom, resources } = this.#serverless.service;
    this.#addResources(withRetention((resources?.Resources ?? {}) as never, custom.fleet.retainData));
  }

  /** Adds the alarms and the dashboard of everything that the template will contain. */
  watch(): void {
    const { service } = this.#serverless;
    const prefix = `${service.service}-${service.provider.stage}`;
    const { alarmActions, feedSilentHours } = service.custom.fleet;
    const inventory = takeInventory(this.#wholeTemplate(), prefix);
    const { stage } = service.provider;
    const settings = { prefix, stage, actions: alarmActions, staleAfter: this.#staleAfter };
    const alarms = buildAlarms(inventory, { ...settings, feedSilentHours: Number(feedSilentHours) });
    this.#addResources({
      ...alarms,
      Dashboard: buildDashboard(inventory, { name: prefix, stage }, Object.keys(alarms)),
    });
  }

  /** What the framework compiled, and what was given or added beside it. */
  #wholeTemplate(): Resources {
    const { provider, resources } = this.#serverless.service;
    return { ...provider.compiledCloudFormationTemplate.Resources, ...resources?.Resources } as Resources;
  }

  #addResources(resources: Record<string, unknown>): void {
    const { service } = this.#serverless;
    service.resources ??= {};
    service.resources.Resources = { ...service.resources.Resources, ...resources };
  }

  #expandConsumers(config: FunctionConfig, orgs: readonly Org[]): string[] {
    const { service } = this.#serverless;
    const { fleetBus, stateTable, giveUpAfterSeconds } = service.custom.fleet;
    const context = {
      prefix: `${service.service}-${service.provider.stage}`,
      timeoutSeconds: config.timeout ?? service.provider.timeout ?? 6,
      fleetBus,
      stateTable,
      giveUpAfterSeconds,
      orgs,
    };
    const deadLetterQueues: string[] = [];
    config.events = (config.events ?? []).map((event) => {
      if (!("consumer" in event)) return event;
      const consumer = buildConsumer(event.consumer as ConsumerDeclaration, context);
      this.#addResources(consumer.resources);
      config.environment = { ...config.environment, ...consumer.environment };
      grant(config, consumer.statements);
      deadLetterQueues.push(consumer.deadLetterQueue);
      this.#staleAfter.set(consumer.queue, consumer.staleAfter);
      return consumer.event as Record<string, unknown>;
    });
    return deadLetterQueues;
  }

  #warnOfSilentAlarms({ alarmTopicArn }: FleetSettings): void {
    if (alarmTopicArn) return;
    this.#log.warning(
      "Parameter alarmTopicArn is empty: the alarms change state and tell nobody. Pass --param='alarmTopicArn=arn:aws:sns:…'.",
    );
  }

  #tell(): void {
    const { service } = this.#serverless;
    const Outputs = buildOutputs((service.resources?.Resources ?? {}) as Resources);
    service.resources = { ...service.resources, Outputs: { ...Outputs, ...service.resources?.Outputs } };
  }

  /** What AWS would refuse in the middle of a deploy. */
  async #refuse(): Promise<void> {
    const { refusalsOf } = await import("./refusals.ts");
    const refusals = await refusalsOf(this.#serverless.service.provider.compiledCloudFormationTemplate as Template);
    if (refusals.length > 0) throw new Error(refusals.join("\n"));
  }
}

function drain(queue: string): Record<string, unknown> {
  return {
    sqs: { arn: { "Fn::GetAtt": [queue, "Arn"] }, batchSize: 10, functionResponseType: "ReportBatchItemFailures" },
  };
}

function give(
  config: FunctionConfig,
  access: { readonly environment: Record<string, unknown>; readonly statements: readonly unknown[] },
): void {
  config.environment = { ...config.environment, ...access.environment };
  grant(config, access.statements);
}

function grant(config: FunctionConfig, statements: readonly unknown[]): void {
  config.iamRoleStatements = [...(config.iamRoleStatements ?? []), ...statements];
}
