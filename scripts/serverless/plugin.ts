import { buildAlarms } from "./alarms.ts";
import { buildConsumer, type ConsumerDeclaration, refuseSharedQueues } from "./consumer.ts";
import { buildDashboard } from "./dashboard.ts";
import { takeInventory } from "./inventory.ts";
import { type CloudFormation, deployedTemplate, keptConnections } from "./kept-connections.ts";
import { takeOverTables } from "./kept-tables.ts";
import { overLimits } from "./limits.ts";
import { fitName, MOST } from "./names.ts";
import { connectionAccess, type Org, orgAccess, orgResources, PLACEHOLDER, parseOrgs, targetAccess } from "./orgs.ts";
import { buildOutputs } from "./outputs.ts";
import type { Resources } from "./resolve.ts";
import { withRetention } from "./retention.ts";
import { CONSUMER, DEAD_LETTERS, FUNCTION } from "./schema.ts";

/** The parts of osls that the plugin uses. https://github.com/oss-serverless/serverless */
interface Serverless {
  readonly service: {
    readonly service: string;
    readonly provider: {
      readonly timeout?: number;
      readonly stage: string;
      readonly compiledCloudFormationTemplate: { readonly Resources: Record<string, unknown> };
    };
    readonly custom: { readonly fleet: FleetSettings };
    readonly functions: Record<string, FunctionConfig>;
    resources?: { Resources?: Record<string, unknown>; Outputs?: Record<string, unknown> };
  };
  getProvider(name: "aws"): CloudFormation;
  readonly processedInput: { readonly commands: readonly string[] };
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
  /** Age at which a consumer gives a message up, unless it says otherwise. */
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
  /** The function talks to Salesforce. */
  readonly salesforceOrgs?: boolean;
  /** The function reads the connection to this system. */
  readonly connection?: "stripe" | "slack";
  /** The function calls a target that can be down: it shares breaker and budget with the others. */
  readonly callsTarget?: boolean;
  events?: Record<string, unknown>[];
  environment?: Record<string, unknown>;
  iamRoleStatements?: unknown[];
}

/** Longest name of a stage: longer ones leave no room for the names of things. */
const MOST_OF_STAGE = 20;
const UNNAMED = "unnamed";
const SHARED_ROLE = "IamRoleLambdaExecution";
const TRACING = { Effect: "Allow", Action: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource: "*" };

/**
 * Teaches serverless.yml two events and three properties. `consumer` makes the one shape of every bus consumer; `deadLetters`
 * feeds a function from the dead-letter queues of all consumers; `salesforceOrgs` lets a function reach the organisations,
 * `connection` Stripe or Slack; `callsTarget` shares the breakers.
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
      initialize: () => this.expand(),
      "before:package:finalize": () => {
        this.dropSharedRole();
        this.unnameRoles();
        this.retain();
        this.watch();
        this.#tell();
        this.#requireLimits();
      },
      "before:deploy:deploy": () => this.keepConnections(),
      "after:aws:deploy:deploy:createStack": () => this.takeOverTables(),
    };
  }

  /** Replaces the fleet's own events by the resources, events, permissions and environment they stand for. */
  expand(): void {
    const { service, processedInput } = this.#serverless;
    const settings = service.custom.fleet;
    if (processedInput.commands[0] === "deploy") {
      this.#requireEventSource(settings);
      this.#warnOfSilentAlarms(settings);
    }
    this.#requireStage();
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
      if (config.salesforceOrgs || config.callsTarget) give(config, targetAccess(settings.fleetBus));
      config.events = (config.events ?? []).flatMap((event) =>
        "deadLetters" in event ? deadLetterQueues.map(drain) : [event],
      );
    }
  }

  /**
   * CloudFormation names the roles: a name with service, stage, region and function is longer than AWS takes in many of its
   * regions.
   */
  unnameRoles(): void {
    const { Resources } = this.#serverless.service.provider.compiledCloudFormationTemplate;
    for (const { Properties } of Object.values(Resources as Record<string, { Properties?: { RoleName?: unknown } }>))
      if (Properties?.RoleName === UNNAMED) delete Properties.RoleName;
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
  #requireLimits(): void {
    const over = overLimits(this.#wholeTemplate());
    if (over.length > 0) throw new this.#serverless.classes.Error(over.join("\n"), "OVER_AWS_LIMITS");
  }

  #requireStage(): void {
    const { stage } = this.#serverless.service.provider;
    if (/^[a-z][a-z0-9-]*$/i.test(stage) && stage.length <= MOST_OF_STAGE) return;
    throw new this.#serverless.classes.Error(
      `Stage '${stage}' cannot be part of AWS's names: use 1 to ${MOST_OF_STAGE} letters, digits and hyphens, a letter first.`,
      "BAD_STAGE",
    );
  }

  #requireEventSource({ salesforceEventSource }: FleetSettings): void {
    if (!salesforceEventSource.includes(PLACEHOLDER)) return;
    throw new this.#serverless.classes.Error(
      "Deploying needs the name of your Salesforce event source: copy it from Salesforce Setup > Event Relays > your relay > " +
        "Partner Event Source Name and pass it as --param='salesforceEventSource=aws.partner/salesforce.com/…'.",
      "SALESFORCE_EVENT_SOURCE_MISSING",
    );
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
