import Stripe from "stripe";
import {
  FleetError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "#shared/errors.ts";
import type { Connect, StripeConnection } from "./connection.ts";
import { ACCOUNT_KEY, type BillingCustomer, ORG_KEY } from "./map.ts";

/** The API version this connector was written for. https://docs.stripe.com/changelog */
export const STRIPE_API_VERSION = "2026-10-28.endive";

/** Code of the TransientError for a failure that Stripe has stored under the idempotency key and will repeat. */
export const STORED_FAILURE = "STORED_FAILURE";

/** What the fleet asks of Stripe. Every method throws the fleet's errors only, and never tells a value in them. */
export interface Billing {
  /** Creates a customer that says whose it is and nothing else; the id. The same key gives the same customer. */
  create(metadata: Readonly<Record<string, string>>, idempotencyKey: string): Promise<string>;
  /** Makes the customer equal to `customer`. */
  update(id: string, customer: BillingCustomer, idempotencyKey: string): Promise<void>;
  /** The oldest customer of an account. Search lags behind writes by up to a minute, sometimes more. */
  find(orgId: string, accountId: string): Promise<string | undefined>;
}

/** Time for one call with its answer. */
export const TIMEOUT_MS = 8_000;

/** Talks to the Stripe account that `connect` names. */
export function createBilling(connect: Connect): Billing {
  let open: { settings: StripeConnection; stripe: Stripe } | undefined;

  async function stripe(forceFetch: boolean): Promise<Stripe> {
    const settings = await connect({ forceFetch });
    const same = open?.settings.apiKey === settings.apiKey && open.settings.baseUrl === settings.baseUrl;
    if (!open || !same) open = { settings, stripe: openStripe(settings) };
    return open.stripe;
  }

  /** Once more with a freshly read key when the kept one is refused: it may have been rolled. */
  async function call<T>(work: (stripe: Stripe) => Promise<T>): Promise<T> {
    const kept = await stripe(false);
    try {
      return await work(kept);
    } catch (error) {
      const failure = toFleetError(error);
      if (!(failure instanceof NotAuthorizedError)) throw failure;
      const fresh = await stripe(true);
      if (fresh === kept) throw failure;
      return work(fresh).catch((again) => {
        throw toFleetError(again);
      });
    }
  }

  return {
    async create(metadata, idempotencyKey) {
      const customer = await call((api) => api.customers.create({ metadata }, { idempotencyKey }));
      return customer.id;
    },

    async update(id, { metadata, ...fields }, idempotencyKey) {
      await call((api) => api.customers.update(id, { ...fields, metadata: { ...metadata } }, { idempotencyKey }));
    },

    async find(orgId, accountId) {
      const query = `metadata['${ACCOUNT_KEY}']:'${accountId}' AND metadata['${ORG_KEY}']:'${orgId}'`;
      const { data } = await call((api) => api.customers.search({ query, limit: 100 }));
      return data.toSorted((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1))[0]?.id;
    },
  };
}

function openStripe({ apiKey, baseUrl }: StripeConnection): Stripe {
  const url = baseUrl ? new URL(baseUrl) : undefined;
  return new Stripe(apiKey, {
    apiVersion: STRIPE_API_VERSION,
    // One layer retries: the state machine.
    maxNetworkRetries: 0,
    timeout: TIMEOUT_MS,
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

/** https://docs.stripe.com/error-handling and https://docs.stripe.com/api/idempotent_requests */
function toFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  if (!(error instanceof Stripe.errors.StripeError))
    return new TransientError("UNREACHABLE", `Stripe could not be reached: ${textOf(error)}`, { cause: error });
  const { statusCode = 0, requestId, headers, type, param } = error;
  const code = error.code ?? type;
  const where = requestId ? ` (request ${requestId})` : "";
  const options = { cause: error };
  if (statusCode === 429) {
    const seconds = Number(headers?.["retry-after"]);
    const retryAfterSeconds = seconds > 0 ? seconds : undefined;
    return new RateLimitedError(code, `Stripe asks to slow down: ${code}${where}`, { ...options, retryAfterSeconds });
  }
  if (statusCode === 401 || statusCode === 403)
    return new NotAuthorizedError(code, `Stripe refused the key of the connection: ${code}${where}`, options);
  if (statusCode >= 500 && headers?.["idempotent-replayed"] === "true")
    return new TransientError(STORED_FAILURE, `Stripe repeats a stored failure: HTTP ${statusCode}${where}`, options);
  if (statusCode >= 500 || statusCode === 409 || statusCode === 0)
    return new TransientError(code, `Stripe failed: HTTP ${statusCode || "none"}, ${code}${where}`, options);
  const parameter = param ? `, parameter ${param}` : "";
  return new RejectedByTargetError(code, `Stripe refused the request: ${code}${parameter}${where}`, options);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
