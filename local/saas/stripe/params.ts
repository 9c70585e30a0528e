import { z } from "zod";
import { invalidEmail, notEmulated, StripeError, unknownParameter } from "./errors.ts";
import type { Param, Params } from "./form.ts";
import type { Address, Customer } from "./state.ts";

// The maxLength of each parameter: https://github.com/stripe/openapi/blob/master/latest/openapi.spec3.json
const MAX_LENGTH = { name: 256, phone: 20, description: 5000 } as const;

/** A change to a customer: what is absent stays. */
export type CustomerChange = Partial<Omit<Customer, "id" | "object" | "created">>;

const ADDRESS_PARTS = ["city", "country", "line1", "line2", "postal_code", "state"] as const;
/** Parameters that Stripe takes and the emulator does not play. */
const BEYOND = new Set([
  "cash_balance",
  "coupon",
  "invoice_prefix",
  "invoice_settings",
  "next_invoice_sequence",
  "payment_method",
  "promotion_code",
  "source",
  "tax",
  "tax_id_data",
  "test_clock",
]);
const email = z.email({ pattern: z.regexes.rfc5322Email });

/**
 * Reads the parameters of a create or update. An empty text clears a value.
 * https://docs.stripe.com/api/customers/create
 * @throws StripeError `parameter_unknown` and the errors of single values
 */
export function readCustomerParams(params: Params, current?: Customer): CustomerChange {
  const change: CustomerChange = {};
  for (const [name, value] of Object.entries(params)) {
    switch (name) {
      case "name":
      case "phone":
      case "description":
        change[name] = text(value, name, MAX_LENGTH[name]);
        break;
      case "email":
        change.email = readEmail(value);
        break;
      case "balance":
        change.balance = integer(value, name);
        break;
      case "address":
        change.address = readAddress(value, name);
        break;
      case "shipping":
        change.shipping = readShipping(value);
        break;
      case "metadata":
        change.metadata = mergeMetadata(current?.metadata ?? {}, value);
        break;
      case "preferred_locales":
        change.preferred_locales = value === "" ? [] : list(value, name);
        break;
      case "tax_exempt":
        change.tax_exempt = oneOf(value, name, ["none", "exempt", "reverse"] as const, "none");
        break;
      case "expand":
        refuseExpand(list(value, name));
        break;
      default:
        throw BEYOND.has(name) ? notEmulated(name) : unknownParameter(name);
    }
  }
  return change;
}

/**
 * The object's metadata with some keys set and those with an empty text removed; an empty `metadata` removes all.
 * https://docs.stripe.com/metadata#data, and its words: https://github.com/stripe/stripe-php/issues/246
 */
export function mergeMetadata(current: Readonly<Record<string, string>>, value: Param): Record<string, string> {
  if (value === "") return {};
  const merged = { ...current };
  const refuse = (message: string) => new StripeError(400, "invalid_request_error", message, { param: "metadata" });
  for (const [key, item] of Object.entries(hash(value, "metadata"))) {
    if (typeof item !== "string") throw refuse(`Invalid val: ${key} must be a string`);
    if (key.length > 40) throw refuse(`Invalid key: ${key} must be a string under 40 characters`);
    if (item.length > 500) throw refuse(`Invalid val: ${abbreviate(item)} must be a string under 500 characters`);
    if (item === "") delete merged[key];
    else merged[key] = item;
  }
  if (Object.keys(merged).length > 50) throw refuse("Metadata can have up to 50 keys.");
  return merged;
}

/** @throws StripeError `parameter_unknown` for the first parameter that is not among `known` */
export function refuseOthers(params: Params, known: readonly string[]): void {
  for (const name of Object.keys(params)) if (!known.includes(name)) throw unknownParameter(name);
  if (params.expand !== undefined) refuseExpand(list(params.expand, "expand"));
}

/** A list parameter of texts. */
export function list(value: Param, name: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value as string[];
  throw new StripeError(400, "invalid_request_error", "Invalid array", { param: name });
}

/** An integer within its bounds. */
export function integer(
  value: Param,
  name: string,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
): number {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number))
    throw new StripeError(400, "invalid_request_error", `Invalid integer: ${String(value)}`, {
      code: "parameter_invalid_integer",
      param: name,
    });
  if (number < min || number > max)
    throw new StripeError(400, "invalid_request_error", `Invalid ${name}: must be between ${min} and ${max}`, {
      param: name,
    });
  return number;
}

function readEmail(value: Param): string | null {
  const address = text(value, "email", 512);
  if (address !== null && !email.safeParse(address).success) throw invalidEmail(address);
  return address;
}

function readAddress(value: Param, name: string): Address | null {
  if (value === "") return null;
  const parts = hash(value, name);
  const address: Address = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null };
  for (const [key, item] of Object.entries(parts)) {
    const part = ADDRESS_PARTS.find((known) => known === key);
    if (!part) throw unknownParameter(`${name}[${key}]`);
    address[part] = text(item, `${name}[${key}]`, 5000);
  }
  return address;
}

function readShipping(value: Param): Customer["shipping"] {
  if (value === "") return null;
  const { address, name, phone, ...rest } = hash(value, "shipping");
  const [other] = Object.keys(rest);
  if (other) throw unknownParameter(`shipping[${other}]`);
  const read = address === undefined ? null : readAddress(address, "shipping[address]");
  if (!read || name === undefined)
    throw new StripeError(
      400,
      "invalid_request_error",
      "Missing required param: shipping[address] or shipping[name].",
      {
        code: "parameter_missing",
        param: "shipping",
      },
    );
  return {
    address: read,
    name: text(name, "shipping[name]", 5000),
    phone: phone ? text(phone, "shipping[phone]", 20) : null,
  };
}

function text(value: Param, name: string, max: number): string | null {
  if (typeof value !== "string") throw new StripeError(400, "invalid_request_error", "Invalid string", { param: name });
  if (value.length > max)
    throw new StripeError(
      400,
      "invalid_request_error",
      `Invalid string: ${abbreviate(value)}; must be at most ${max} characters`,
      { param: name },
    );
  return value === "" ? null : value;
}

/** As Stripe quotes a long value: https://github.com/odoo/odoo/pull/109728 */
function abbreviate(value: string): string {
  return value.length > 20 ? `${value.slice(0, 10)}...${value.slice(-10)}` : value;
}

function hash(value: Param, name: string): Params {
  if (typeof value === "string" || Array.isArray(value))
    throw new StripeError(400, "invalid_request_error", "Invalid hash", { param: name });
  return value;
}

function oneOf<Value extends string>(value: Param, name: string, known: readonly Value[], empty: Value): Value {
  if (value === "") return empty;
  const found = known.find((one) => one === value);
  if (found) return found;
  throw new StripeError(400, "invalid_request_error", `Invalid ${name}: must be one of ${known.join(", ")}`, {
    param: name,
  });
}

function refuseExpand(names: readonly string[]): void {
  for (const name of names)
    throw new StripeError(400, "invalid_request_error", `This property cannot be expanded (${name}).`, {
      param: "expand",
    });
}
