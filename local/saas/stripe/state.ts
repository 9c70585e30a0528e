import { randomBytes } from "node:crypto";

export interface Address {
  city: string | null;
  country: string | null;
  line1: string | null;
  line2: string | null;
  postal_code: string | null;
  state: string | null;
}

/** https://docs.stripe.com/api/customers/object */
export interface Customer {
  readonly id: string;
  readonly object: "customer";
  address: Address | null;
  balance: number;
  readonly created: number;
  currency: string | null;
  default_source: string | null;
  delinquent: boolean;
  description: string | null;
  discount: null;
  email: string | null;
  invoice_prefix: string;
  invoice_settings: {
    custom_fields: null;
    default_payment_method: string | null;
    footer: string | null;
    rendering_options: null;
  };
  livemode: false;
  metadata: Record<string, string>;
  name: string | null;
  next_invoice_sequence: number;
  phone: string | null;
  preferred_locales: string[];
  shipping: { address: Address; name: string | null; phone: string | null } | null;
  tax_exempt: "none" | "exempt" | "reverse";
  test_clock: null;
}

export interface StripeEvent {
  readonly id: string;
  readonly object: "event";
  readonly api_version: string;
  readonly created: number;
  readonly data: { readonly object: unknown; readonly previous_attributes?: unknown };
  readonly livemode: false;
  pending_webhooks: number;
  readonly request: { readonly id: string; readonly idempotency_key: string | null };
  readonly type: string;
}

export interface WebhookEndpoint {
  readonly id: string;
  readonly object: "webhook_endpoint";
  api_version: string | null;
  readonly created: number;
  description: string | null;
  enabled_events: string[];
  readonly livemode: false;
  metadata: Record<string, string>;
  status: "enabled" | "disabled";
  url: string;
  readonly secret: string;
}

/** One event on its way to one endpoint. */
export interface Delivery {
  readonly eventId: string;
  readonly endpointId: string;
  attempts: number;
  status: "pending" | "delivered" | "failed";
  lastError: string | null;
}

/** The kept result of an idempotency key. */
export interface StoredResult {
  readonly fingerprint: string;
  readonly status: number;
  readonly body: string;
  readonly requestId: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface StripeState {
  apiKey: string;
  /** In the order they were made. */
  customers: Record<string, Customer>;
  deleted: Record<string, true>;
  events: StripeEvent[];
  endpoints: Record<string, WebhookEndpoint>;
  deliveries: Delivery[];
  results: Record<string, StoredResult>;
  config: StripeConfig;
}

export interface StripeConfig {
  /** Requests per second and endpoint; Stripe allows 25. */
  ratePerEndpoint: number;
  /** How long a new or changed customer stays out of search results; Stripe says up to a minute. */
  searchLagMs: number;
  /** Waits before the second, third, … try of a webhook. */
  webhookRetryMs: number[];
}

export function freshState(): StripeState {
  return {
    apiKey: newApiKey(),
    customers: {},
    deleted: {},
    events: [],
    endpoints: {},
    deliveries: [],
    results: {},
    config: { ratePerEndpoint: 25, searchLagMs: 0, webhookRetryMs: [1000, 5000, 30_000] },
  };
}

export function newApiKey(): string {
  return `sk_test_${randomBytes(18).toString("hex")}`;
}

/** An id with Stripe's look: `cus_` and 14 letters or digits. */
export function newId(prefix: string, length = 14): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return `${prefix}_${[...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join("")}`;
}
