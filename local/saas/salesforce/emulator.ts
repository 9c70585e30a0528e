import { join } from "node:path";
import { type Front, startFront } from "../front/front.ts";
import { type Definition, startHost } from "../front/host.ts";
import { type OrgHandle, salesforceControls, seedOrg } from "./controls.ts";
import { Org } from "./org.ts";
import { EventRelay, type RelayTarget } from "./relay.ts";
import { installGuards, SALESFORCE_FAULTS } from "./routes/call.ts";
import { installCollections } from "./routes/collections.ts";
import { installMetadata, installQueries } from "./routes/metadata.ts";
import { installOAuth } from "./routes/oauth.ts";
import { installRows } from "./routes/rows.ts";
import {
  type ClientApp,
  freshState,
  HUMAN_USER,
  INTEGRATION_CLIENT_NAME,
  INTEGRATION_USER,
  type OrgState,
} from "./state.ts";

export interface SalesforceOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Where change events go; without it the relay is off and events stay in the log. */
  readonly relay?: RelayTarget;
  /** Folder of the state file; absent keeps nothing. */
  readonly stateDir?: string;
  /** Records made when there is no state yet. */
  readonly seed?: { readonly accounts?: Record<string, unknown>[]; readonly contacts?: Record<string, unknown>[] };
  /** Epoch milliseconds; the real clock by default. */
  readonly now?: () => number;
  /** Longest wait of the relay between two tries, in milliseconds. */
  readonly relayMaxBackoffMs?: number;
}

/** Secret of a connection that uses the client credentials flow. */
export interface ClientCredentialsConnection {
  readonly loginUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly apiVersion: string;
  readonly orgId: string;
  readonly integrationClientName: string;
}

/** Secret of a connection that uses the JWT bearer flow. */
interface JwtConnection {
  readonly loginUrl: string;
  readonly clientId: string;
  readonly username: string;
  /** PEM (PKCS #8). */
  readonly privateKey: string;
  readonly apiVersion: string;
  readonly orgId: string;
  readonly integrationClientName: string;
}

export interface SalesforceEmulator extends Front {
  readonly orgId: string;
  /** Name of the partner event source and bus: `aws.partner/salesforce.com/<org>/<channel>`. */
  readonly eventSource: string;
  readonly integrationUserId: string;
  readonly humanUserId: string;
  connection(): ClientCredentialsConnection;
  jwtConnection(): JwtConnection;
  /** The person who edits records by hand. */
  humanConnection(): ClientCredentialsConnection;
}

const API_VERSION = "66.0";

/**
 * Starts a Salesforce org on loopback: OAuth, REST API, SOQL, change events and their relay to EventBridge.
 * @throws Error with one sentence when the port is taken or the saved state cannot be read
 */
export async function startSalesforce(options: SalesforceOptions): Promise<SalesforceEmulator> {
  let handle: OrgHandle | undefined;
  const current = (): OrgHandle => {
    if (!handle) throw new Error("The Salesforce emulator has not started yet.");
    return handle;
  };
  let persist: () => Promise<void> = async () => undefined;
  let release: () => void = () => undefined;
  const definition: Definition<OrgState> = {
    name: "salesforce",
    state: () => freshState(options.now?.()),
    setup({ app, state, baseUrl, onDispose }) {
      const org = new Org(state, options.now);
      const relay = new EventRelay(org, options.relay ?? { origin: "" }, {
        onProgress: () => void persist().catch(() => undefined),
        ...(options.relayMaxBackoffMs === undefined ? {} : { maxBackoffMs: options.relayMaxBackoffMs }),
      });
      installGuards(app, org);
      installOAuth(app, org, baseUrl);
      installMetadata(app, org);
      installQueries(app, org);
      installCollections(app, org);
      installRows(app, org);
      handle = { org, relay };
      release = () => {
        if (options.relay) relay.start();
      };
      onDispose(() => relay.stop());
    },
  };

  const front = await startFront({
    name: "Salesforce",
    port: options.port,
    faultNames: SALESFORCE_FAULTS,
    async connect(url) {
      const path = options.stateDir === undefined ? undefined : join(options.stateDir, "salesforce.json");
      const host = await startHost(definition, url, path);
      persist = () => host.file.flush();
      if (options.seed && current().org.state.log.length === 0)
        seedOrg(current().org, { accounts: options.seed.accounts ?? [], contacts: options.seed.contacts ?? [] });
      await persist();
      release();
      const reset = async () => {
        await host.replace(emptied(current().org.state, options.now?.()));
        release();
      };
      return {
        fetch: host.fetch,
        routeOf,
        controls: salesforceControls(current, persist),
        reset,
        stop: host.stop,
      };
    },
  });
  return { ...front, ...describeOrg(front.url, () => current().org.state) };
}

/** A new org that keeps its identity and credentials, so that connections stay good, and its place on the bus. */
function emptied(old: OrgState, now: number | undefined): OrgState {
  const { orgId, channelId, privateKey, clients, commitNumber, replayId } = old;
  const fresh = freshState(now);
  const relay = { ...fresh.relay, position: replayId };
  return { ...fresh, orgId, channelId, privateKey, clients, commitNumber, replayId, relay };
}

function describeOrg(url: string, state: () => OrgState): Omit<SalesforceEmulator, keyof Front> {
  const { orgId, channelId } = state();
  const common = { loginUrl: url, apiVersion: API_VERSION, orgId, integrationClientName: INTEGRATION_CLIENT_NAME };
  const credentials = ({ clientId, clientSecret }: ClientApp) => ({ ...common, clientId, clientSecret });
  return {
    orgId,
    eventSource: `aws.partner/salesforce.com/${orgId}/${channelId}`,
    integrationUserId: userId(state(), INTEGRATION_USER),
    humanUserId: userId(state(), HUMAN_USER),
    connection: () => credentials(clientOf(state(), INTEGRATION_USER)),
    humanConnection: () => credentials(clientOf(state(), HUMAN_USER)),
    jwtConnection: () => {
      const { clientId, runAs } = clientOf(state(), INTEGRATION_USER);
      return { ...common, clientId, username: runAs, privateKey: state().privateKey };
    },
  };
}

function clientOf(state: OrgState, username: string): ClientApp {
  const client = Object.values(state.clients).find((one) => one.runAs === username);
  if (!client) throw new Error(`The org has no application for ${username}; reset its state.`);
  return client;
}

function userId(state: OrgState, username: string): string {
  return String(Object.values(state.records.User ?? {}).find((user) => user.Username === username)?.Id);
}

/** The route of a path for the call counters: ids, values and versions are left out. */
function routeOf(path: string): string {
  const [, root, data, , resource, ...rest] = path.split("/");
  if (root === "id") return "/id/:org/:user";
  if (root !== "services" || data !== "data") return path;
  const [first, second, third, fourth] = rest;
  const shape = (...parts: (string | undefined)[]) => ["/services/data/:version", ...parts.filter(Boolean)].join("/");
  if (resource === "query" || resource === "queryAll") return shape(resource, first && ":locator");
  if (resource === "sobjects") {
    if (second === undefined || second === "describe") return shape(resource, first, second);
    return third === undefined ? shape(resource, first, ":id") : shape(resource, first, second, ":value");
  }
  return shape(resource, first, second, third, fourth);
}
