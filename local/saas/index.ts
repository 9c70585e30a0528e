import { type Console, startConsole } from "../console/server.ts";
import {
  type ClientCredentialsConnection,
  type SalesforceEmulator,
  type SalesforceOptions,
  startSalesforce,
} from "./salesforce/emulator.ts";
import { type SlackConnection, type SlackEmulator, startSlack } from "./slack/emulator.ts";
import { type StripeConnection, type StripeEmulator, startStripe } from "./stripe/emulator.ts";

const KEEPALIVE_MS = 2_000;

export interface SaasOptions {
  /** Ports on 127.0.0.1; 0 takes any free one. */
  readonly ports: {
    readonly salesforce: number;
    readonly stripe: number;
    readonly slack: number;
    readonly page: number;
  };
  readonly aws: {
    /** `http://127.0.0.1:<port>` of the twin: where change events go and the page reads the store. */
    readonly origin: string;
    /** Name of the customers table, for the page; absent leaves the store out of it. */
    readonly customersTable?: string;
  };
  /** Folder that keeps state over restarts; absent: memory. */
  readonly stateDir?: string;
  /** Epoch milliseconds; absent: real time. */
  readonly now?: () => number;
  /** Records made when there is no state yet. */
  readonly seed?: NonNullable<SalesforceOptions["seed"]>;
}

/** The values of the three secrets by which the connectors reach their systems. */
interface Connections {
  readonly salesforce: ClientCredentialsConnection;
  readonly stripe: StripeConnection;
  readonly slack: SlackConnection;
}

/** The systems around the fleet, and the page that edits accounts in one of them. */
export interface Saas {
  readonly salesforce: SalesforceEmulator;
  readonly stripe: StripeEmulator;
  readonly slack: SlackEmulator;
  readonly page: Console;
  connections(): Connections;
  /** Ends everything and writes the state down; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts Salesforce, Stripe, Slack and the page on loopback.
 * @throws Error of one sentence that names the system and the port when a port is taken; nothing is left running
 */
export async function startSaas({ ports, aws, stateDir, seed, now }: SaasOptions): Promise<Saas> {
  const started: { stop(): Promise<void> }[] = [];
  const keep = <Part extends { stop(): Promise<void> }>(part: Part): Part => {
    started.push(part);
    return part;
  };
  const common = { ...(stateDir === undefined ? {} : { stateDir }), ...(now ? { now } : {}) };
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopAll(started);
    return stopping;
  };
  try {
    const stripe = keep(await startStripe({ port: ports.stripe, ...common }));
    const slack = keep(await startSlack({ port: ports.slack, ...(stateDir === undefined ? {} : { stateDir }) }));
    const salesforce = keep(
      await startSalesforce({
        port: ports.salesforce,
        relay: aws,
        // A person at a laptop waits less for the end of a channel than the 270 seconds that Salesforce may take.
        pubSubTimes: { keepaliveMs: KEEPALIVE_MS },
        ...common,
        ...(seed ? { seed } : {}),
      }),
    );
    const connections = () => ({
      salesforce: salesforce.connection(),
      stripe: stripe.connection(),
      slack: slack.connection(),
    });
    const human = salesforce.humanConnection();
    const page = keep(
      await startConsole({ port: ports.page, aws, connections: { ...connections(), salesforce: human } }),
    );
    return { salesforce, stripe, slack, page, connections, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Stops in reverse order; one that fails does not keep the others running. */
async function stopAll(parts: readonly { stop(): Promise<void> }[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of [...parts].reverse()) await part.stop().catch((error) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, "Not all of the emulators could be stopped.");
}
