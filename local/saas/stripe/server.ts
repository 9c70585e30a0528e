import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { EmulatorContext } from "emulate";
import type { DrawnFault } from "../front/faults.ts";
import { statusFault } from "../front/front.ts";
import { drawnFault, FAULT_HEADER } from "../front/host.ts";
import { Customers, type Notice, paginate } from "./customers.ts";
import { apiError, invalidApiKey, missingApiKey, noSuch, rateLimited, StripeError, unrecognizedUrl } from "./errors.ts";
import { decodeForm, type Params } from "./form.ts";
import { Idempotency, type Outcome } from "./idempotency.ts";
import { refuseOthers } from "./params.ts";
import { RateLimit } from "./rate-limit.ts";
import { newId, type StripeState } from "./state.ts";
import { Webhooks } from "./webhooks.ts";

type App = EmulatorContext<StripeState>["app"];
type Context = Parameters<Parameters<App["get"]>[1]>[0];

/**
 * Faults that the emulator plays itself: all but `rateLimit` while the request runs, so that its key sees them. After
 * `apiErrorAfterEffect` the work is done and the answer says otherwise.
 */
export const STRIPE_FAULTS = ["rateLimit", "lockTimeout", "apiError", "apiErrorAfterEffect", "slow"] as const;

/** The version that an account without a choice of its own gets. */
export const API_VERSION = "2026-10-28.endive";

interface Call {
  readonly params: Params;
  readonly requestId: string;
  readonly notify: Notice;
}

type Handler = (c: Context, call: Call) => unknown;

/** The parts of the API that share one state. */
export class StripeServer {
  readonly webhooks: Webhooks;
  readonly #state: StripeState;
  readonly #now: () => number;
  readonly #customers: Customers;
  readonly #idempotency: Idempotency;
  readonly #rate: RateLimit;

  constructor(state: StripeState, now: () => number, persist: () => void) {
    this.#state = state;
    this.#now = now;
    this.#customers = new Customers(state, now);
    this.#idempotency = new Idempotency(state, now);
    this.#rate = new RateLimit(now);
    this.webhooks = new Webhooks(state, now, persist);
  }

  install(app: App): void {
    app.notFound((c) => this.#refuse(c, newId("req"), unrecognizedUrl(c.req.method, c.req.path)));
    const route = (method: string, path: string, handler: Handler) =>
      app.on(method, path, (c) => this.#answer(c, `${method} ${path}`, handler));
    const customers = this.#customers;
    const id = (c: Context) => c.req.param("id") ?? "";

    route("POST", "/v1/customers", (_c, { params, notify }) => customers.create(params, notify));
    route("GET", "/v1/customers", (_c, { params }) => customers.list(params));
    route("GET", "/v1/customers/search", (_c, { params }) => customers.search(params));
    route("GET", "/v1/customers/:id", (c, { params }) => customers.retrieve(id(c), params));
    route("POST", "/v1/customers/:id", (c, { params, notify }) => customers.update(id(c), params, notify));
    route("DELETE", "/v1/customers/:id", (c, { notify }) => customers.delete(id(c), notify));

    route("GET", "/v1/events", (_c, { params }) => this.#listEvents(params));
    route("GET", "/v1/events/:id", (c) => this.#event(id(c)));

    route("POST", "/v1/webhook_endpoints", (_c, { params }) => this.webhooks.create(params));
    route("GET", "/v1/webhook_endpoints", (_c, { params }) => {
      refuseOthers(params, ["ending_before", "expand", "limit", "starting_after"]);
      return { object: "list", url: "/v1/webhook_endpoints", ...paginate(this.webhooks.endpoints(), params) };
    });
    route("GET", "/v1/webhook_endpoints/:id", (c) => this.webhooks.retrieve(id(c)));
    route("POST", "/v1/webhook_endpoints/:id", (c, { params }) => this.webhooks.update(id(c), params));
    route("DELETE", "/v1/webhook_endpoints/:id", (c) => this.webhooks.delete(id(c)));
  }

  async #answer(c: Context, endpoint: string, handler: Handler): Promise<Response> {
    const requestId = newId("req");
    const fault = drawnFault(c.req.header(FAULT_HEADER));
    try {
      this.#authenticate(c);
      if (fault?.error === "rateLimit" || !this.#rate.admit(endpoint, this.#state.config.ratePerEndpoint))
        throw rateLimited("endpoint-rate");
      // Only a 500 comes from within; what else fails stands before the keys. https://docs.stripe.com/error-low-level
      if (fault?.status !== undefined && fault.status !== 500) return this.#finish(c, requestId, statusFault(fault));
      const text = c.req.method === "GET" ? new URL(c.req.url).search.slice(1) : await c.req.text();
      const key = c.req.method === "POST" ? c.req.header("idempotency-key") : undefined;
      const work = () => this.#execute(c, { text, requestId, key, fault, handler });
      if (!key) return this.#finish(c, requestId, toResponse(await work()));
      const fingerprint = createHash("sha256")
        .update(`${endpoint} ${c.req.path} ${canonical(text)}`)
        .digest("hex");
      const outcome = await this.#idempotency.run({ key, fingerprint, requestId }, work);
      return this.#finish(c, requestId, toResponse(outcome), outcome.replayOf);
    } catch (error) {
      if (error instanceof StripeError) return this.#refuse(c, requestId, error);
      throw error;
    }
  }

  /** Runs the request; an error that its parameters alone explain counts as not executed. */
  async #execute(
    c: Context,
    run: { text: string; requestId: string; key: string | undefined; fault: DrawnFault | undefined; handler: Handler },
  ): Promise<Outcome> {
    const { fault, requestId } = run;
    try {
      if (fault?.error === "slow") await sleep(fault.delayMs);
      if (fault?.error === "apiError") throw apiError();
      if (fault?.error === "lockTimeout")
        throw new StripeError(
          429,
          "invalid_request_error",
          "This object cannot be accessed right now because another API request or Stripe process is currently accessing it.",
          { code: "lock_timeout", headers: { "stripe-should-retry": "true" } },
        );
      if (fault?.status !== undefined) {
        const { status, headers } = statusFault(fault);
        return {
          status,
          headers: Object.fromEntries(headers),
          body: await statusFault(fault).text(),
          isExecuted: true,
        };
      }
      const params = decodeForm(run.text);
      const notify = this.#notifier(requestId, run.key);
      const body = JSON.stringify(run.handler(c, { params, requestId, notify }), null, 2);
      if (fault?.error === "apiErrorAfterEffect") throw apiError();
      return { status: 200, body, isExecuted: true };
    } catch (error) {
      if (!(error instanceof StripeError)) throw error;
      const isExecuted = error.status >= 500 || error.code === "resource_missing";
      const { status, headers } = error;
      return { status, headers, body: JSON.stringify(error.body(), null, 2), isExecuted };
    }
  }

  #notifier(requestId: string, key: string | undefined): Notice {
    return (type, object, previous) =>
      this.webhooks.publish({
        id: newId("evt", 24),
        object: "event",
        api_version: API_VERSION,
        created: Math.floor(this.#now() / 1000),
        data: { object: structuredClone(object), ...(previous ? { previous_attributes: previous } : {}) },
        livemode: false,
        pending_webhooks: 0,
        request: { id: requestId, idempotency_key: key ?? null },
        type,
      });
  }

  #authenticate(c: Context): void {
    const header = c.req.header("authorization") ?? "";
    const basic = /^Basic (.+)$/.exec(header)?.[1];
    const key = basic ? Buffer.from(basic, "base64").toString().split(":")[0] : /^Bearer (.+)$/.exec(header)?.[1];
    if (!key) throw missingApiKey();
    if (key !== this.#state.apiKey) throw invalidApiKey(key);
  }

  #listEvents(params: Params): unknown {
    refuseOthers(params, ["ending_before", "expand", "limit", "starting_after", "type"]);
    const events = this.#state.events.filter((event) => params.type === undefined || event.type === params.type);
    return { object: "list", url: "/v1/events", ...paginate(events.reverse(), params) };
  }

  #event(id: string): unknown {
    const event = this.#state.events.find((one) => one.id === id);
    if (!event) throw noSuch("event", id);
    return event;
  }

  #refuse(c: Context, requestId: string, error: StripeError): Response {
    const response = Response.json(error.body(), { status: error.status, headers: error.headers });
    return this.#finish(c, requestId, response);
  }

  #finish(c: Context, requestId: string, response: Response, replayOf?: string): Response {
    response.headers.set("request-id", requestId);
    response.headers.set("stripe-version", c.req.header("stripe-version") ?? API_VERSION);
    const key = c.req.header("idempotency-key");
    if (key) response.headers.set("idempotency-key", key);
    if (replayOf) {
      response.headers.set("idempotent-replayed", "true");
      response.headers.set("original-request", replayOf);
    }
    return response;
  }
}

/** Repeating a stored 500 has no effect, and Stripe says so. https://docs.stripe.com/error-low-level#should-retry */
function toResponse({ status, headers, body, isExecuted }: Outcome): Response {
  const hint = status === 500 && isExecuted ? { "stripe-should-retry": "false" } : {};
  return new Response(body, { status, headers: { "content-type": "application/json", ...hint, ...headers } });
}

/** Parameters in one order, so that the same ones compare equal. */
function canonical(form: string): string {
  const params = new URLSearchParams(form);
  params.sort();
  return params.toString();
}
