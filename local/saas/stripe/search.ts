import { StripeError } from "./errors.ts";
import type { Customer } from "./state.ts";

type Test = (customer: Customer) => boolean;

/**
 * What search knows: writes reach it late, so that a new customer is missing for a while, a changed one is found by its
 * old values, and a deleted one is still there. https://docs.stripe.com/search#data-freshness
 */
export class SearchIndex {
  /** The states of each customer, oldest first; null is deleted. */
  readonly #states = new Map<string, { readonly at: number; readonly customer: Customer | null }[]>();

  /** Takes in a write over `before`. States that no search can see any more are forgotten. */
  put(id: string, before: Customer | undefined, customer: Customer | null, now: number, lagMs: number): void {
    const known = before ? [{ at: Number.NEGATIVE_INFINITY, customer: before }] : [];
    const states = this.#states.get(id) ?? known;
    const visible = states.findLastIndex(({ at }) => at <= now - lagMs);
    this.#states.set(id, [...states.slice(Math.max(0, visible)), { at: now, customer }]);
  }

  /** What a search finds now; of a customer that was never written since the start, its present state. */
  visible(customers: Readonly<Record<string, Customer>>, now: number, lagMs: number): Customer[] {
    const ids = new Set([...Object.keys(customers), ...this.#states.keys()]);
    return [...ids].flatMap((id) => {
      const states = this.#states.get(id);
      const found = states ? states.findLast(({ at }) => at <= now - lagMs)?.customer : customers[id];
      return found ? [found] : [];
    });
  }
}

const CLAUSE =
  /^(-?)(metadata\["([^"]+)"\]|metadata\['([^']+)'\]|email|name|phone)\s*([:~])\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|null)/;

/**
 * Makes a test of a search query: clauses over metadata, email, name and phone, joined by AND or by OR.
 * https://docs.stripe.com/search#search-query-language
 * @throws StripeError when the query is not in the language, or mixes AND with OR as Stripe refuses it
 */
export function compileSearch(query: string): Test {
  const tests: Test[] = [];
  let joint: string | undefined;
  for (let rest = query.trim(); ; ) {
    const match = CLAUSE.exec(rest);
    if (!match) throw unreadable(query);
    tests.push(clause(match));
    rest = rest.slice(match[0].length).trim();
    if (rest === "") break;
    const next = /^(AND|OR)\s+/i.exec(rest);
    const word = next?.[1]?.toUpperCase();
    if (!next || (joint && joint !== word)) throw unreadable(query);
    joint = word;
    rest = rest.slice(next[0].length);
  }
  return (customer) => (joint === "OR" ? tests.some((test) => test(customer)) : tests.every((test) => test(customer)));
}

function clause(match: RegExpExecArray): Test {
  const [, negation, field = "", doubleKey, singleKey, operator, doubleValue, singleValue] = match;
  const raw = doubleValue ?? singleValue;
  const wanted = raw?.replace(/\\(.)/g, "$1");
  const key = doubleKey ?? singleKey;
  const read = (customer: Customer): string | null => {
    if (key !== undefined) return customer.metadata[key] ?? null;
    return customer[field as "email" | "name" | "phone"];
  };
  const test: Test = (customer) => {
    const value = read(customer);
    if (wanted === undefined) return value === null;
    if (value === null) return false;
    if (operator === "~") return value.toLowerCase().includes(wanted.toLowerCase());
    // Metadata compares exactly; names and e-mail addresses without regard to case.
    return key === undefined ? value.toLowerCase() === wanted.toLowerCase() : value === wanted;
  };
  return negation ? (customer) => !test(customer) : test;
}

function unreadable(query: string): StripeError {
  return new StripeError(400, "invalid_request_error", `We were unable to parse your search query: ${query}`, {
    param: "query",
  });
}
