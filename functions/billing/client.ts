import Stripe from "stripe";
import { networkCodeOf } from "#shared/bare-error.ts";
import { FleetError } from "#shared/errors.ts";
import { retryAfterOf } from "#shared/retry-after.ts";
import type { Gate } from "#shared/targets/gate.ts";
import { nameIn } from "#shared/words.ts";
import type { Connect, StripeConnection } from "./connection.ts";
import { errorOf, StripeAnswer, verdictOf } from "./errors.ts";
import { ACCOUNT_KEY, type BillingCustomer, ORG_KEY } from "./map.ts";

/** The API version this connector was written for. https://docs.stripe.com/changelog */
export const STRIPE_API_VERSION = "2026-10-28.endive";

/** How a request is repeated safely. */
export interface Request {
  readonly idempotencyKey: string;
  /** Runs directly before the request is sent; when it answers false, nothing is sent. */
  readonly before: () => Promise<boolean>;
}

/** A customer in Stripe, and whose it says it is. */
export interface FoundCustomer {
  readonly id: string;
  /** Epoch milliseconds, in whole seconds. */
  readonly createdAt: number;
  readonly customerId: string | undefined;
  readonly orgId: string | undefined;
}

/** When customers were created: from one moment up to another or now, in epoch milliseconds. */
export interface Created {
  readonly from: number;
  readonly to?: number;
}

/** Some of the customers, newest first; `next` is given back to get more, and undefined at the end. */
export interface FoundPage {
  readonly customers: readonly FoundCustomer[];
  readonly next: string | undefined;
}

/** What the fleet asks of Stripe. Every method throws the fleet's errors only, and never tells a value in them. */
export interface Billing {
  /** Creates a customer that says whose it is and nothing else; its id, or undefined when nothing was sent. */
  create(metadata: Readonly<Record<string, string>>, request: Request): Promise<string | undefined>;
  /** Makes the customer equal to `customer`; false when nothing was sent. */
  update(id: string, customer: BillingCustomer, request: Request): Promise<boolean>;
  /** Whether the customer was deleted. @throws RejectedByTargetError when Stripe has never had it */
  isDeleted(id: string): Promise<boolean>;
  /** Customers created within a span of time that are not deleted. Strongly consistent. */
  list(created: Created, after?: string): Promise<FoundPage>;
  /** Customers of an account. Lags behind writes by up to a minute, in an outage more; deleted ones may still be in it. */
  search(orgId: string, accountId: string): Promise<readonly FoundCustomer[]>;
}

export interface BillingOptions {
  /** What all functions share about Stripe; `ungated` for what a person does. */
  readonly gate: Gate;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/** Time for one call that writes, with its answer. */
export const WRITE_TIMEOUT_MS = 8_000;
/** How often a call is sent at most: once more with a freshly read key. */
export const SENDINGS = 2;
/** How long a call waits for the budget of its endpoint. */
export const GATE_WAIT_MS = 3_000;
const READ_TIMEOUT_MS = 3_000;
const reading = { timeout: READ_TIMEOUT_MS };

/** None of the fleet's errors, so that the gate, through which it is thrown, learns nothing of Stripe from it. */
class NothingSent extends Error {
  /** @param cause why it could not be found out whether the request goes; absent when it does not */
  constructor(cause?: unknown) {
    super("Nothing was sent.", { cause });
  }
}

/** Talks to the Stripe account that `connect` names. Every call passes the gate. */
export function createBilling(connect: Connect, { gate, now = Date.now }: BillingOptions): Billing {
  let open: { settings: StripeConnection; stripe: Stripe } | undefined;

  async function stripe(forceFetch: boolean): Promise<Stripe> {
    const settings = await connect({ forceFetch });
    const same = open?.settings.apiKey === settings.apiKey && open.settings.baseUrl === settings.baseUrl;
    if (!open || !same) open = { settings, stripe: openStripe(settings) };
    return open.stripe;
  }

  /** Once more with a freshly read key when the kept one is refused: it may have been rolled. */
  async function send<T>(work: (stripe: Stripe) => Promise<T>): Promise<T> {
    const kept = await stripe(false);
    try {
      return await work(kept);
    } catch (error) {
      const failure = toFleetError(error, now());
      if (verdictOf(failure)?.meaning !== "notAuthorized") throw failure;
      const fresh = await stripe(true);
      if (fresh === kept) throw failure;
      return work(fresh).catch((again) => {
        throw toFleetError(again, now());
      });
    }
  }

  /** The one way to Stripe. */
  function call<T>(endpoint: string, work: (stripe: Stripe) => Promise<T>): Promise<T> {
    return gate.call(endpoint, () => send(work));
  }

  async function write<T>(
    endpoint: string,
    { before }: Request,
    work: (stripe: Stripe) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await gate.call(endpoint, async () => {
        const goes = await before().catch((cause) => {
          throw new NothingSent(cause);
        });
        if (!goes) throw new NothingSent();
        return send(work);
      });
    } catch (error) {
      if (!(error instanceof NothingSent)) throw error;
      if (error.cause !== undefined) throw error.cause;
      return undefined;
    }
  }

  return {
    async create(metadata, request) {
      const { idempotencyKey } = request;
      const customer = await write("POST /v1/customers", request, (api) =>
        api.customers.create({ metadata }, { idempotencyKey }),
      );
      return customer?.id;
    },

    async update(id, { metadata, ...fields }, request) {
      const params = { ...fields, metadata: { ...metadata } };
      const { idempotencyKey } = request;
      const customer = await write("POST /v1/customers/:id", request, (api) =>
        api.customers.update(id, params, { idempotencyKey }),
      );
      return customer !== undefined;
    },

    async isDeleted(id) {
      const customer = await call("GET /v1/customers/:id", (api) => api.customers.retrieve(id, {}, reading));
      return customer.deleted === true;
    },

    async list({ from, to }, after) {
      const end = to === undefined ? {} : { lte: Math.ceil(to / 1000) };
      const params = { created: { gte: Math.floor(from / 1000), ...end }, limit: 100 };
      const cursor = after === undefined ? {} : { starting_after: after };
      const page = await call("GET /v1/customers", (api) => api.customers.list({ ...params, ...cursor }, reading));
      return { customers: page.data.map(toFound), next: page.has_more ? page.data.at(-1)?.id : undefined };
    },

    async search(orgId, accountId) {
      const query = `metadata['${ACCOUNT_KEY}']:'${accountId}' AND metadata['${ORG_KEY}']:'${orgId}'`;
      const { data } = await call("GET /v1/customers/search", (api) =>
        api.customers.search({ query, limit: 100 }, reading),
      );
      return data.map(toFound);
    },
  };
}

function toFound({ id, created, metadata }: Stripe.Customer): FoundCustomer {
  return { id, createdAt: created * 1000, customerId: metadata?.[ACCOUNT_KEY], orgId: metadata?.[ORG_KEY] };
}

function openStripe({ apiKey, baseUrl }: StripeConnection): Stripe {
  const url = baseUrl ? new URL(baseUrl) : undefined;
  return new Stripe(apiKey, {
    apiVersion: STRIPE_API_VERSION,
    httpClient: readableClient(),
    // One layer retries: the state machine.
    maxNetworkRetries: 0,
    timeout: WRITE_TIMEOUT_MS,
    telemetry: false,
    ...(url
      ? {
          host: url.hostname,
          port: url.port || (url.protocol === "https:" ? "443" : "80"),
          protocol: url.protocol === "https:" ? "https" : "http",
        }
      : {}),
  });
}

type HttpClient = ReturnType<typeof Stripe.createNodeHttpClient>;

/**
 * Stripe's own client takes any JSON without `error` for success, and forgets status and headers of what is no JSON. Here
 * whatever is not an object of Stripe's becomes an error with both.
 */
function readableClient(): HttpClient {
  const inner = Stripe.createNodeHttpClient();
  return {
    getClientName: () => inner.getClientName(),
    async makeRequest(...request) {
      const response = await inner.makeRequest(...request);
      return {
        getStatusCode: () => response.getStatusCode(),
        getHeaders: () => response.getHeaders(),
        getRawResponse: () => response.getRawResponse(),
        toStream: (done) => response.toStream(done),
        async toJSON() {
          const body = await response.toJSON().catch((error: Error) => {
            // What was cut off on the way is no answer at all.
            if (error.name !== "SyntaxError") throw error;
          });
          const isGood = Math.floor(response.getStatusCode() / 100) === 2 && typeof body?.object === "string";
          const isError = typeof body?.error === "object" && body.error !== null;
          return isGood || isError ? body : { error: { type: "unreadable_answer" } };
        },
      };
    },
  };
}

/** https://docs.stripe.com/error-handling */
function toFleetError(error: unknown, now: number): FleetError {
  if (error instanceof FleetError) return error;
  if (!(error instanceof Stripe.errors.StripeError)) return errorOf(new StripeAnswer(), nameOf(error));
  const { statusCode, rawType, code, param, requestId, headers = {} } = error;
  const detail = error instanceof Stripe.errors.StripeConnectionError ? nameOf(error.detail) : "";
  const answer = new StripeAnswer({
    status: statusCode,
    type: rawType ?? error.type,
    code,
    param,
    requestId,
    retryAfterSeconds: retryAfterOf(headers["retry-after"], now),
    shouldRetry: { true: true, false: false }[headers["stripe-should-retry"] ?? ""],
    isReplayed: headers["idempotent-replayed"] === "true",
  });
  return errorOf(answer, detail);
}

/** The code or the name of an error, never its words. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return networkCodeOf(error) || nameIn(error.name);
}
