import { join } from "node:path";
import { bootTwin, type Twin } from "./aws/boot.ts";
import { type Clock, createClock } from "./aws/kernel/clock.ts";
import { ADMINISTRATOR } from "./aws/kernel/kernel.ts";
import { packageFleet } from "./packaging.ts";
import { type Saas, startSaas } from "./saas/index.ts";

export interface FleetOptions {
  /** First of six ports: twin, Salesforce, Stripe, Slack, X-Ray UDP, page. Absent: free ports. */
  readonly portBase?: number;
  /** Folder that keeps state over restarts; absent: memory. */
  readonly stateDir?: string;
  /** How many times shorter waits are than on AWS. */
  readonly clockScale?: number;
  /** The clock of an earlier start, so that time does not go backwards. */
  readonly clock?: Clock;
  /** The template, when it is not the packaged one as it is: tests change permissions or settings. */
  readonly template?: object;
  readonly say?: (line: string) => void;
}

type BootedTwin = Pick<Twin, "origin" | "kernel" | "resources">;

/** The whole fleet on this machine: the twin of AWS with the packaged functions, and the three systems around it. */
export interface Fleet {
  readonly twin: Twin;
  readonly saas: Saas;
  readonly artifacts: string;
  /** The clock of everything: functions, services and systems. */
  readonly clock: Clock;
  /** The physical name or ARN of a resource of the template. */
  ref(logicalId: string): string;
  /** Ends everything and writes the state down; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Boots the packaged fleet and the emulated systems, and stores the connections as secrets.
 * @throws Error of one sentence when a port is taken; TemplateError for what the twin does not reproduce
 */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const { template, artifacts } = await packageFleet("local", options.say);
  const { portBase: base, stateDir, clock = createClock(options.clockScale) } = options;
  const port = (offset: number) => (base === undefined ? 0 : base + offset);
  let saas: Saas | undefined;
  const prepare = async (booted: BootedTwin) => {
    saas = await startSaas({
      ports: { salesforce: port(1), stripe: port(2), slack: port(3), page: port(5) },
      now: clock.now,
      aws: { origin: booted.origin, customersTable: refOf(booted, "CustomersTable") },
      ...(stateDir ? { stateDir: join(stateDir, "saas") } : {}),
    });
    await storeConnections(booted, saas);
  };
  try {
    const twin = await bootTwin({
      template: options.template ?? template,
      artifacts,
      port: port(0),
      daemonPort: port(4),
      // A function that ran before would keep the connections of an earlier start for minutes.
      prepare,
      ...(stateDir ? { stateDir: join(stateDir, "aws") } : {}),
      clock,
    });
    const systems = saas as unknown as Saas;
    const stop = async () => {
      await systems.stop();
      await twin.stop();
    };
    return { twin, saas: systems, artifacts, clock, ref: (logicalId) => refOf(twin, logicalId), stop };
  } catch (cause) {
    await saas?.stop();
    throw cause;
  }
}

function refOf(twin: BootedTwin, logicalId: string): string {
  const resource = twin.resources.get(logicalId);
  if (!resource) throw new Error(`The template has no resource '${logicalId}'.`);
  return resource.ref;
}

async function storeConnections(twin: BootedTwin, saas: Saas): Promise<void> {
  const { salesforce, stripe, slack } = saas.connections();
  const secrets = {
    [`Salesforce${salesforce.orgId}Connection`]: salesforce,
    StripeConnection: stripe,
    SlackConnection: slack,
  };
  for (const [logicalId, connection] of Object.entries(secrets))
    await twin.kernel.call(
      "secretsmanager",
      "PutSecretValue",
      { SecretId: refOf(twin, logicalId), SecretString: JSON.stringify(connection) },
      { principal: ADMINISTRATOR },
    );
}
