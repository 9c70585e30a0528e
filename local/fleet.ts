import { join } from "node:path";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SYSTEMS, secretName } from "../cli/connect/names.ts";
import { createConnectionStore } from "../cli/connect/store.ts";
import { LOCAL } from "../cli/endpoint.ts";
import { bootTwin, type Twin } from "./aws/boot.ts";
import { type Clock, createClock } from "./aws/kernel/clock.ts";
import { packageFleet } from "./packaging.ts";
import { type Saas, startSaas } from "./saas/index.ts";

export interface FleetOptions {
  /** First of six ports: twin, Salesforce, Stripe, Slack, X-Ray UDP, page. Absent: free ports. */
  readonly portBase?: number;
  /** Folder that keeps state over restarts; absent: memory. */
  readonly stateDir?: string;
  /** How many times shorter waits are than on AWS. */
  readonly clockScale?: number;
  /** Bytes of one upload to S3. */
  readonly largestUpload?: number;
  /** The clock of an earlier start, so that time does not go backwards. */
  readonly clock?: Clock;
  /** The template, when it is not the packaged one as it is: tests change permissions or settings. */
  readonly template?: object;
  readonly say?: (line: string) => void;
}

/** The fleet of this machine, as its package is named. */
const OWNER = { service: "connector-fleet", stage: "local" };

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
  const { portBase: base, stateDir, largestUpload, clock = createClock(options.clockScale) } = options;
  const port = (offset: number) => (base === undefined ? 0 : base + offset);
  let saas: Saas | undefined;
  const prepare = async (booted: BootedTwin) => {
    saas = await startSaas({
      ports: { salesforce: port(1), stripe: port(2), slack: port(3), page: port(5) },
      now: clock.now,
      aws: { origin: booted.origin, customersTable: `${OWNER.service}-${OWNER.stage}-customers` },
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
      ...(largestUpload ? { largestUpload } : {}),
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

/** Stores the connections as `fleet connect` does. */
async function storeConnections({ origin }: BootedTwin, saas: Saas): Promise<void> {
  const client = new SecretsManagerClient({ ...LOCAL, endpoint: origin });
  const store = createConnectionStore(client);
  const connections = saas.connections();
  for (const system of SYSTEMS) {
    const name = secretName(OWNER.service, OWNER.stage, system, connections.salesforce.orgId);
    await store.put(name, system, OWNER, connections[system]);
  }
  client.destroy();
}
