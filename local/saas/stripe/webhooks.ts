import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { missingParameter, noSuch, StripeError } from "./errors.ts";
import type { Params } from "./form.ts";
import { list, mergeMetadata, refuseOthers } from "./params.ts";
import { type Delivery, newId, type StripeEvent, type StripeState, type WebhookEndpoint } from "./state.ts";

const TIMEOUT_MS = 10_000;
/** Older events are forgotten, as Stripe forgets them after 30 days. */
const MAX_EVENTS = 20_000;
const WRITABLE = ["api_version", "description", "enabled_events", "expand", "metadata", "url", "disabled"];

/** Endpoints, and the signed deliveries to them. https://docs.stripe.com/webhooks */
export class Webhooks {
  readonly #state: StripeState;
  readonly #now: () => number;
  readonly #persist: () => void;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(state: StripeState, now: () => number, persist: () => void) {
    this.#state = state;
    this.#now = now;
    this.#persist = persist;
  }

  /** The answer to a create is the only one that shows the secret. */
  create(params: Params): unknown {
    refuseOthers(params, WRITABLE);
    if (params.url === undefined) throw missingParameter("url");
    if (params.enabled_events === undefined) throw missingParameter("enabled_events");
    const id = newId("we", 24);
    const endpoint: WebhookEndpoint = {
      id,
      object: "webhook_endpoint",
      api_version: params.api_version === undefined ? null : String(params.api_version),
      created: Math.floor(this.#now() / 1000),
      description: null,
      enabled_events: [],
      livemode: false,
      metadata: {},
      status: "enabled",
      url: "",
      secret: newId("whsec", 32),
      ...readEndpoint(params),
    };
    this.#state.endpoints[id] = endpoint;
    return endpoint;
  }

  retrieve(id: string): unknown {
    return withoutSecret(this.#require(id));
  }

  update(id: string, params: Params): unknown {
    refuseOthers(params, WRITABLE);
    const endpoint = this.#require(id);
    const updated = { ...endpoint, ...readEndpoint(params, endpoint) };
    this.#state.endpoints[id] = updated;
    return withoutSecret(updated);
  }

  delete(id: string): unknown {
    this.#require(id);
    delete this.#state.endpoints[id];
    return { id, object: "webhook_endpoint", deleted: true };
  }

  endpoints(): { id: string }[] {
    return Object.values(this.#state.endpoints).reverse().map(withoutSecret);
  }

  /** Sends an event to every endpoint that wants it. */
  publish(event: StripeEvent): void {
    this.#state.events.push(event);
    this.#forgetOldest();
    for (const endpoint of Object.values(this.#state.endpoints)) {
      if (endpoint.status !== "enabled" || !wants(endpoint, event.type)) continue;
      event.pending_webhooks += 1;
      const delivery: Delivery = {
        eventId: event.id,
        endpointId: endpoint.id,
        attempts: 0,
        status: "pending",
        lastError: null,
      };
      this.#state.deliveries.push(delivery);
      this.#track(delivery);
    }
  }

  /** Goes on with deliveries that a stop has cut off. */
  resume(): void {
    for (const delivery of this.#state.deliveries) if (delivery.status === "pending") this.#track(delivery);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#running);
  }

  #forgetOldest(): void {
    const { events, deliveries } = this.#state;
    if (events.length <= MAX_EVENTS) return;
    const { id } = events.shift() ?? { id: "" };
    this.#state.deliveries = deliveries.filter((delivery) => delivery.eventId !== id);
  }

  #track(delivery: Delivery): void {
    const run = this.#deliver(delivery).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const waits = this.#state.config.webhookRetryMs;
    while (delivery.status === "pending" && !this.#stopping.signal.aborted) {
      delivery.lastError = await this.#attempt(delivery);
      if (this.#stopping.signal.aborted && delivery.lastError !== null) return;
      delivery.attempts += 1;
      if (delivery.lastError === null) this.#settle(delivery, "delivered");
      else if (delivery.attempts > waits.length) this.#settle(delivery, "failed");
      else
        await sleep(waits[delivery.attempts - 1], undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  #settle(delivery: Delivery, status: "delivered" | "failed"): void {
    delivery.status = status;
    const event = this.#state.events.find((one) => one.id === delivery.eventId);
    if (event) event.pending_webhooks -= 1;
    this.#persist();
  }

  /** @returns null when the endpoint answered 2xx, else what went wrong */
  async #attempt(delivery: Delivery): Promise<string | null> {
    const endpoint = this.#state.endpoints[delivery.endpointId];
    const event = this.#state.events.find((one) => one.id === delivery.eventId);
    if (!endpoint || !event) return "the endpoint or the event is gone";
    const body = JSON.stringify(event, null, 2);
    try {
      const response = await fetch(endpoint.url, {
        method: "POST",
        headers: {
          "content-type": "application/json; charset=utf-8",
          "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
          "stripe-signature": sign(body, endpoint.secret, Math.floor(this.#now() / 1000)),
        },
        body,
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.arrayBuffer();
      return response.ok ? null : `the endpoint answered ${response.status}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #require(id: string): WebhookEndpoint {
    const endpoint = Object.hasOwn(this.#state.endpoints, id) ? this.#state.endpoints[id] : undefined;
    if (!endpoint) throw noSuch("webhook endpoint", id);
    return endpoint;
  }
}

/** The `Stripe-Signature` of a body. https://docs.stripe.com/webhooks#verify-manually */
function sign(body: string, secret: string, timestamp: number): string {
  return `t=${timestamp},v1=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}`;
}

function readEndpoint(params: Params, current?: WebhookEndpoint): Partial<WebhookEndpoint> {
  const change: Partial<WebhookEndpoint> = {};
  if (params.url !== undefined) change.url = readUrl(params.url);
  if (params.enabled_events !== undefined) change.enabled_events = list(params.enabled_events, "enabled_events");
  if (params.description !== undefined) change.description = String(params.description) || null;
  if (params.metadata !== undefined) change.metadata = mergeMetadata(current?.metadata ?? {}, params.metadata);
  if (params.disabled !== undefined) change.status = params.disabled === "true" ? "disabled" : "enabled";
  return change;
}

function readUrl(value: Params[string]): string {
  if (typeof value === "string" && URL.canParse(value) && /^https?:/.test(value)) return value;
  throw new StripeError(
    400,
    "invalid_request_error",
    "Invalid URL: An explicit scheme (such as https) must be provided.",
    {
      code: "url_invalid",
      param: "url",
    },
  );
}

function withoutSecret({ secret: _secret, ...endpoint }: WebhookEndpoint): Omit<WebhookEndpoint, "secret"> {
  return endpoint;
}

function wants(endpoint: WebhookEndpoint, type: string): boolean {
  return endpoint.enabled_events.some((wanted) => wanted === "*" || wanted === type);
}
