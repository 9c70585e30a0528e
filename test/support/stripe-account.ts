import { setTimeout as sleep } from "node:timers/promises";
import { type Billing, createBilling } from "../../functions/billing/client.ts";
import { control } from "../../local/saas/salesforce/testing.ts";
import { type StripeEmulator, startStripe } from "../../local/saas/stripe/emulator.ts";
import { ungated } from "../../shared/targets/gate.ts";
import { type SeenRequest, serve, type TestServer } from "../../shared/testing/server.ts";

/**
 * What becomes of one request on its way to Stripe: it passes, its answer is lost after the work or the request before it,
 * or it is delivered late, after the caller gave up; a number is that delay in milliseconds.
 */
export type Fate = "pass" | "loseAnswer" | "loseRequest" | number;

/** A customer as Stripe has it. */
export interface StripeCustomer {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What search lags behind when all is well. https://docs.stripe.com/search#data-freshness */
export const SEARCH_LAG_MS = 60_000;

/** An emulated Stripe account on a clock of its own, behind a network that loses things. */
export class StripeAccount implements AsyncDisposable {
  readonly billing: Billing;
  /** `POST /v1/customers` and the like, in the order in which they were sent. */
  readonly calls: { readonly endpoint: string; readonly key: string | undefined }[] = [];
  /** Epoch milliseconds. */
  now = Date.parse("2026-01-01T00:00:00Z");
  /** Decides about each request. */
  fate: (endpoint: string) => Fate | Promise<Fate> = () => "pass";
  /** Real milliseconds that an answer takes on its way back. */
  delay: (endpoint: string) => number = () => 0;
  /** HTTP status of the page that comes instead of a lost answer. */
  lostAs = 200;
  readonly #emulator: StripeEmulator;
  readonly #network: TestServer;
  #late: { readonly at: number; readonly request: SeenRequest }[] = [];

  private constructor(emulator: StripeEmulator, network: TestServer) {
    this.#emulator = emulator;
    this.#network = network;
    const { apiKey } = emulator.connection();
    this.billing = createBilling(async () => ({ apiKey, baseUrl: network.url }), {
      gate: ungated,
      now: () => this.now,
    });
  }

  static async start(): Promise<StripeAccount> {
    const account: { current?: StripeAccount } = {};
    const emulator = await startStripe({
      port: 0,
      now: () => account.current?.now ?? 0,
      config: { ratePerEndpoint: 1_000_000, searchLagMs: SEARCH_LAG_MS },
    });
    const network = await serve((request) => (account.current as StripeAccount).#answer(request));
    account.current = new StripeAccount(emulator, network);
    return account.current;
  }

  /** Lets time pass; what was late arrives. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds;
    const due = this.#late.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
    this.#late = this.#late.filter(({ at }) => at > end);
    for (const { at, request } of due) {
      this.now = Math.max(this.now, at);
      await this.#deliver(request);
    }
    this.now = end;
  }

  /** Arms a fault of the emulator. */
  async fault(rule: Record<string, unknown>): Promise<void> {
    await control(this.#emulator.url, "POST", "faults", rule);
  }

  /** Lets search lag by so many milliseconds, as in an outage. */
  async searchLag(searchLagMs = SEARCH_LAG_MS): Promise<void> {
    await control(this.#emulator.url, "POST", "config", { searchLagMs });
  }

  async clearFaults(): Promise<void> {
    this.fate = () => "pass";
    this.delay = () => 0;
    this.lostAs = 200;
    await control(this.#emulator.url, "DELETE", "faults");
  }

  /** The customers of an account that are not deleted, oldest first. */
  async customersOf(customerId: string): Promise<StripeCustomer[]> {
    const found: StripeCustomer[] = [];
    for (let after = ""; ; ) {
      const page = await this.request("GET", `/v1/customers?limit=100${after}`);
      const { data, has_more } = page as { data: StripeCustomer[]; has_more: boolean };
      found.push(...data.filter(({ metadata }) => metadata.salesforce_account_id === customerId));
      if (!has_more) return found.reverse();
      after = `&starting_after=${data.at(-1)?.id}`;
    }
  }

  /** A request past the network, as a person in Stripe's dashboard makes it. */
  async request(method: string, path: string, form?: Record<string, string>): Promise<unknown> {
    const { apiKey } = this.#emulator.connection();
    const response = await fetch(`${this.#emulator.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}` },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    return response.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#network[Symbol.asyncDispose]();
    await this.#emulator.stop();
  }

  async #answer(request: SeenRequest) {
    const path = request.url.split("?")[0] ?? "";
    const endpoint = `${request.method} ${path.replace(/cus_\w+$/, ":id")}`;
    this.calls.push({ endpoint, key: request.headers["idempotency-key"] as string | undefined });
    const fate = await this.fate(endpoint);
    if (typeof fate === "number") this.#late.push({ at: this.now + fate, request });
    const answer = fate === "pass" || fate === "loseAnswer" ? await this.#deliver(request) : undefined;
    await sleep(this.delay(endpoint));
    // A page instead of the answer: the client would send again what was cut.
    return fate === "pass" && answer ? answer : { status: this.lostAs, body: "<html>" };
  }

  async #deliver({ method, url, headers, body }: SeenRequest) {
    const { host: _host, connection: _connection, "content-length": _length, ...rest } = headers;
    const response = await fetch(`${this.#emulator.url}${url}`, {
      method,
      headers: rest as Record<string, string>,
      ...(method === "GET" ? {} : { body }),
    });
    const kept = [...response.headers].filter(
      ([name]) => !/^(content-length|transfer-encoding|connection)$/.test(name),
    );
    return { status: response.status, headers: Object.fromEntries(kept), body: await response.text() };
  }
}
