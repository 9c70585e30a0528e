import { type Front, startFront, statusFault } from "../front/front.ts";
import { type Definition, type Host, startHost } from "../front/host.ts";
import { assertReadable, complete, emptied, stateFiles } from "./boot.ts";
import { CometdServer, type CometdTimes } from "./cometd/server.ts";
import { type Connections, describeOrg } from "./connections.ts";
import type { OrgHandle } from "./controls/control.ts";
import { salesforceControls } from "./controls/controls.ts";
import { Org } from "./org.ts";
import { PubSubFaults } from "./pubsub/faults.ts";
import { type PubSubServer, startPubSub } from "./pubsub/server.ts";
import type { StreamTimes } from "./pubsub/subscription.ts";
import type { RelayTarget } from "./relay/bus.ts";
import { EventRelay } from "./relay/relay.ts";
import { SALESFORCE_FAULTS } from "./routes/faults.ts";
import { installRest, restControls } from "./routes/install.ts";
import { type Seed, seedOrg } from "./seeding/seed.ts";
import { freshState, type OrgState } from "./state.ts";
import { openJournal } from "./store/journal.ts";

export type { ClientCredentialsConnection } from "./connections.ts";

export interface SalesforceOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Port of the Pub/Sub API; any free one by default. */
  readonly pubSubPort?: number;
  /** Tells several orgs apart: their ids differ. 1 by default. */
  readonly orgNumber?: number;
  /** Where change events go; without it the relay is off and events stay in the log. */
  readonly relay?: RelayTarget;
  /** Folder of the state files; absent keeps nothing. */
  readonly stateDir?: string;
  /** Records made when there is no state yet. */
  readonly seed?: Seed;
  /** Epoch milliseconds; the real clock by default. */
  readonly now?: () => number;
  /** Longest wait of the relay between two tries, in milliseconds. */
  readonly relayMaxBackoffMs?: number;
  /** Waits of the Pub/Sub API; those of the real service by default. */
  readonly pubSubTimes?: Partial<StreamTimes>;
  /** Waits of the Streaming API; those of the real service by default. */
  readonly cometdTimes?: Partial<CometdTimes>;
}

export interface SalesforceEmulator extends Front, Connections {}

/** What a Bulk API job takes at once. https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_common_limits.htm */
const MAX_BODY_BYTES = 150_000_000;
const PUBSUB_TIMES: StreamTimes = { keepaliveMs: 270_000, nextFetchMs: 60_000 };
const COMETD_TIMES: CometdTimes = { timeoutMs: 110_000, intervalMs: 2_000 };

/**
 * Starts a Salesforce org on loopback: OAuth, REST API, SOQL, and change events over Event Relay to EventBridge, over the
 * Pub/Sub API and over the Streaming API.
 * @throws Error with one sentence when a port is taken or the saved state cannot be read
 */
export async function startSalesforce(options: SalesforceOptions): Promise<SalesforceEmulator> {
  const { orgNumber = 1, now = Date.now } = options;
  const files = stateFiles(options.stateDir, orgNumber);
  const journal = await openJournal(files.journal);
  const isNew = journal.store.sequence("005") === 0;
  const pubSubFaults = new PubSubFaults();
  let store = journal.store;
  let handle: OrgHandle | undefined;
  const current = (): OrgHandle => {
    if (!handle) throw new Error("The Salesforce emulator has not started yet.");
    return handle;
  };
  let host: Host<OrgState> | undefined;
  let pubSub: PubSubServer | undefined;
  const persist = async () => {
    await journal.flush();
    await host?.file.flush();
  };
  const definition: Definition<OrgState> = {
    name: "salesforce",
    state: () => freshState(now(), orgNumber),
    setup({ app, state, baseUrl, onDispose }) {
      assertReadable(state, files.state);
      complete(state, store, now());
      const org = new Org(state, now, store);
      const relay = new EventRelay(org, options.relay ?? { origin: "" }, {
        onProgress: () => void persist().catch(() => undefined),
        ...(options.relayMaxBackoffMs === undefined ? {} : { maxBackoffMs: options.relayMaxBackoffMs }),
      });
      const cometd = new CometdServer(org, { ...COMETD_TIMES, ...options.cometdTimes });
      installRest(app, org, baseUrl);
      handle = { org, relay, cometd, pubSubFaults };
      onDispose(async () => {
        cometd.stop();
        await relay.stop();
      });
    },
  };
  const stop = async () => {
    await pubSub?.stop();
    await host?.stop();
    await journal.close();
  };
  const release = () => {
    if (options.relay) current().relay.start();
  };
  const reset = async (running: Host<OrgState>) => {
    const { org } = current();
    const fresh = emptied(org.state, store, now());
    org.disconnect();
    store = fresh.store;
    pubSubFaults.clear();
    await running.replace(fresh.state);
    await journal.replace(store);
    release();
  };

  const front = await startFront({
    name: "Salesforce",
    port: options.port,
    maxBodyBytes: MAX_BODY_BYTES,
    faultNames: SALESFORCE_FAULTS,
    async connect(url) {
      try {
        const running = await startHost(definition, url, files.state);
        host = running;
        pubSub = await startPubSub({
          port: options.pubSubPort ?? 0,
          times: { ...PUBSUB_TIMES, ...options.pubSubTimes },
          faults: pubSubFaults,
          org: () => current().org,
        });
        if (options.seed && isNew) seedOrg(current().org, options.seed);
        await persist();
        release();
        return {
          async fetch(request, fault) {
            if (CometdServer.serves(new URL(request.url).pathname))
              return fault ? statusFault(fault) : current().cometd.serve(request);
            const response = await running.fetch(request, fault);
            await journal.flush();
            return response;
          },
          routeOf,
          callerOf: (headers) => /client=([^,;\s]+)/.exec(headers.get("sforce-call-options") ?? "")?.[1],
          controls: [...salesforceControls(current, persist), ...restControls(() => current().org, persist, url)],
          reset: () => reset(running),
          stop,
        };
      } catch (error) {
        await stop();
        throw error;
      }
    },
  });
  return { ...front, ...describeOrg(front.url, () => current().org, pubSub as unknown as PubSubServer) };
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
  if (resource === "jobs") return shape(resource, first, second && ":id", third);
  return shape(resource, first, second, third, fourth);
}
