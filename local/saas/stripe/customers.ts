import { missingParameter, noSuch, StripeError } from "./errors.ts";
import type { Params } from "./form.ts";
import { integer, readCustomerParams, refuseOthers } from "./params.ts";
import { compileSearch, SearchIndex } from "./search.ts";
import { type Customer, newId, type StripeState } from "./state.ts";

/** Reports what happened to an object, for events. */
export type Notice = (type: string, object: unknown, previous?: Record<string, unknown>) => void;

/** Customers and what can be done with them. https://docs.stripe.com/api/customers */
export class Customers {
  readonly #state: StripeState;
  readonly #now: () => number;
  readonly #index = new SearchIndex();

  constructor(state: StripeState, now: () => number) {
    this.#state = state;
    this.#now = now;
  }

  create(params: Params, notify: Notice): Customer {
    const id = newId("cus");
    const customer: Customer = {
      id,
      object: "customer",
      address: null,
      balance: 0,
      created: Math.floor(this.#now() / 1000),
      currency: null,
      default_source: null,
      delinquent: false,
      description: null,
      discount: null,
      email: null,
      invoice_prefix: id.slice(-8).toUpperCase(),
      invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
      livemode: false,
      metadata: {},
      name: null,
      next_invoice_sequence: 1,
      phone: null,
      preferred_locales: [],
      shipping: null,
      tax_exempt: "none",
      test_clock: null,
      ...readCustomerParams(params),
    };
    this.#store(id, customer);
    notify("customer.created", customer);
    return customer;
  }

  /** A deleted customer is a stub, as Stripe gives it. @throws StripeError `resource_missing` */
  retrieve(id: string, params: Params): unknown {
    refuseOthers(params, ["expand"]);
    if (this.#state.deleted[id]) return { id, object: "customer", deleted: true };
    return this.#require(id);
  }

  update(id: string, params: Params, notify: Notice): Customer {
    const before = this.#require(id);
    const after: Customer = { ...before, ...readCustomerParams(params, before) };
    this.#store(id, after);
    const previous = difference(before, after);
    if (Object.keys(previous).length > 0) notify("customer.updated", after, previous);
    return after;
  }

  delete(id: string, notify: Notice): unknown {
    const customer = this.#require(id);
    this.#store(id, null);
    this.#state.deleted[id] = true;
    notify("customer.deleted", customer);
    return { id, object: "customer", deleted: true };
  }

  /** Newest first, in pages. */
  list(params: Params): unknown {
    refuseOthers(params, ["created", "email", "ending_before", "expand", "limit", "starting_after"]);
    const matching = this.#newestFirst().filter(
      (customer) =>
        (params.email === undefined || customer.email === params.email) && isCreated(customer, params.created),
    );
    return { object: "list", url: "/v1/customers", ...paginate(matching, params) };
  }

  search(params: Params): unknown {
    refuseOthers(params, ["expand", "limit", "page", "query"]);
    if (typeof params.query !== "string") throw missingParameter("query");
    const test = compileSearch(params.query);
    const visible = this.#index.visible(this.#state.customers, this.#now(), this.#state.config.searchLagMs);
    const found = visible.filter(test).sort((a, b) => b.created - a.created);
    const size = limitOf(params);
    const start = params.page === undefined ? 0 : integer(params.page, "page", 0);
    const hasMore = start + size < found.length;
    return {
      object: "search_result",
      url: "/v1/customers/search",
      has_more: hasMore,
      next_page: hasMore ? String(start + size) : null,
      data: found.slice(start, start + size),
    };
  }

  #require(id: string): Customer {
    const customer = Object.hasOwn(this.#state.customers, id) ? this.#state.customers[id] : undefined;
    if (!customer) throw noSuch("customer", id);
    return customer;
  }

  #store(id: string, customer: Customer | null): void {
    this.#index.put(id, this.#state.customers[id], customer, this.#now(), this.#state.config.searchLagMs);
    if (customer) this.#state.customers[id] = customer;
    else delete this.#state.customers[id];
  }

  #newestFirst(): Customer[] {
    return Object.values(this.#state.customers).reverse();
  }
}

/** One page of a list with cursors. https://docs.stripe.com/api/pagination */
export function paginate<Item extends { readonly id: string }>(
  items: readonly Item[],
  params: Params,
): { has_more: boolean; data: readonly Item[] } {
  const size = limitOf(params);
  const indexOf = (name: "starting_after" | "ending_before") => {
    const index = items.findIndex((item) => item.id === params[name]);
    if (index < 0) throw noSuch("object", String(params[name]), name);
    return index;
  };
  if (params.ending_before !== undefined) {
    const end = indexOf("ending_before");
    const start = Math.max(0, end - size);
    return { has_more: start > 0, data: items.slice(start, end) };
  }
  const start = params.starting_after === undefined ? 0 : indexOf("starting_after") + 1;
  return { has_more: start + size < items.length, data: items.slice(start, start + size) };
}

function limitOf(params: Params): number {
  return params.limit === undefined ? 10 : integer(params.limit, "limit", 1, 100);
}

function isCreated(customer: Customer, range: Params[string] | undefined): boolean {
  if (range === undefined) return true;
  if (typeof range === "string") return customer.created === integer(range, "created");
  const tests: Record<string, (bound: number) => boolean> = {
    gt: (bound) => customer.created > bound,
    gte: (bound) => customer.created >= bound,
    lt: (bound) => customer.created < bound,
    lte: (bound) => customer.created <= bound,
  };
  return Object.entries(range).every(([name, bound]) => {
    const test = tests[name];
    if (!test)
      throw new StripeError(400, "invalid_request_error", `Received unknown parameter: created[${name}]`, {
        code: "parameter_unknown",
        param: `created[${name}]`,
      });
    return test(integer(bound, `created[${name}]`));
  });
}

/** The old values of what changed, for `previous_attributes`; of a hash only the members that changed. */
function difference(before: object, after: object): Record<string, unknown> {
  const old: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [left, right] = [(before as Record<string, unknown>)[name], (after as Record<string, unknown>)[name]];
    if (JSON.stringify(left) === JSON.stringify(right)) continue;
    const bothHashes = isHash(left) && isHash(right);
    old[name] = bothHashes ? difference(left, right) : (left ?? null);
  }
  return old;
}

function isHash(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
