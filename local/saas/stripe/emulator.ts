import { join } from "node:path";
import { z } from "zod";
import { type Control, parseControl } from "../front/control.ts";
import { type Front, startFront } from "../front/front.ts";
import { type Definition, startHost } from "../front/host.ts";
import { API_VERSION, STRIPE_FAULTS, StripeServer } from "./server.ts";
import { freshState, newApiKey, type StripeConfig, type StripeState } from "./state.ts";

export interface StripeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Folder of the state file; absent keeps nothing. */
  readonly stateDir?: string;
  readonly config?: Partial<StripeConfig>;
  /** Epoch milliseconds; the real clock by default. */
  readonly now?: () => number;
}

/** Secret of a Stripe connection. */
export interface StripeConnection {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly apiVersion: string;
}

export interface StripeEmulator extends Front {
  connection(): StripeConnection;
}

const MAX_BODY_BYTES = 1024 * 1024;

const configSchema = z.strictObject({
  ratePerEndpoint: z.int().positive().optional(),
  searchLagMs: z.int().nonnegative().optional(),
  webhookRetryMs: z.array(z.int().nonnegative()).optional(),
});

/**
 * Starts a Stripe account in test mode on loopback: customers, events, webhooks, idempotency, rate limit.
 * @throws Error with one sentence when the port is taken or the saved state cannot be read
 */
export async function startStripe(options: StripeOptions): Promise<StripeEmulator> {
  const now = options.now ?? Date.now;
  let state: StripeState | undefined;
  let persist: () => Promise<void> = async () => undefined;
  const current = (): StripeState => {
    if (!state) throw new Error("The Stripe emulator has not started yet.");
    return state;
  };
  const definition: Definition<StripeState> = {
    name: "stripe",
    state: () => configured(freshState(), options.config),
    setup({ app, state: own, onDispose }) {
      const server = new StripeServer(own, now, () => void persist().catch(() => undefined));
      server.install(app);
      server.webhooks.resume();
      state = own;
      onDispose(() => server.webhooks.stop());
    },
  };
  const front = await startFront({
    name: "Stripe",
    port: options.port,
    maxBodyBytes: MAX_BODY_BYTES,
    faultNames: STRIPE_FAULTS,
    async connect(url) {
      const path = options.stateDir === undefined ? undefined : join(options.stateDir, "stripe.json");
      const host = await startHost(definition, url, path);
      persist = () => host.file.flush();
      await persist();
      return {
        fetch: host.fetch,
        routeOf,
        controls: stripeControls(current, persist),
        reset: () => host.replace(configured({ ...freshState(), apiKey: current().apiKey }, options.config)),
        stop: host.stop,
      };
    },
  });
  return {
    ...front,
    connection: () => ({ apiKey: current().apiKey, baseUrl: front.url, apiVersion: API_VERSION }),
  };
}

function stripeControls(current: () => StripeState, persist: () => Promise<void>): readonly Control[] {
  return [
    { method: "GET", path: "config", run: () => current().config },
    {
      method: "POST",
      path: "config",
      run: async (input) => {
        const { config } = current();
        Object.assign(config, parseControl(configSchema, input));
        await persist();
        return config;
      },
    },
    {
      method: "POST",
      path: "roll-key",
      run: async () => {
        current().apiKey = newApiKey();
        await persist();
      },
    },
    { method: "GET", path: "deliveries", run: () => current().deliveries },
    // Past faults and limits: for whoever looks at the account from outside.
    { method: "GET", path: "customers", run: () => Object.values(current().customers) },
  ];
}

function configured(state: StripeState, config: Partial<StripeConfig> | undefined): StripeState {
  return { ...state, config: { ...state.config, ...config } };
}

/** The route of a path for the call counters: ids are left out. */
function routeOf(path: string): string {
  return path.replace(/^(\/v1\/[a-z_]+\/)(?!search$)[^/]+/, "$1:id");
}
