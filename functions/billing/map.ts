import type { Address, Customer } from "#shared/contracts/customer.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import { countryCodeOf } from "./countries.ts";
import { FIELD_LIMITS, type FieldName, KEPT_NAMES, keptAs, METADATA_LIMITS } from "./limits.ts";
import { fitPhone } from "./phone.ts";
import { printable, shorten } from "./text.ts";

/** The part of a Stripe customer that the fleet writes; `""` clears. https://docs.stripe.com/api/customers/update */
export interface BillingCustomer {
  readonly name?: string;
  readonly email?: string;
  readonly phone?: string;
  readonly address?: BillingAddress | "";
  readonly metadata: Readonly<Record<string, string>>;
}

export interface BillingAddress {
  readonly line1: string;
  readonly line2: string;
  readonly city: string;
  readonly state: string;
  readonly postal_code: string;
  readonly country: string;
}

/** What Stripe shall hold, and the fields whose value did not fit: shortened, or kept whole as metadata. */
export interface FittedCustomer {
  readonly customer: BillingCustomer;
  readonly adjusted: readonly FieldName[];
}

/** Names of the metadata by which a Stripe customer is found again. */
export const ACCOUNT_KEY = "salesforce_account_id";
export const ORG_KEY = "salesforce_org_id";

/** A top-level domain: letters, or an encoded one of another alphabet. A mail server takes 64 characters before the `@`. */
const REACHABLE = /^[^@]{1,64}@.+\.(?:[a-z]{2,}|xn--[a-z\d-]+)$/i;

/** Who a Stripe customer belongs to; never changes. */
export function identityOf({ customerId, orgId }: Pick<CustomerRecord, "customerId" | "orgId">) {
  return { [ACCOUNT_KEY]: customerId, [ORG_KEY]: orgId };
}

/**
 * What Stripe shall hold for a stored customer: everything within Stripe's limits, so that no single value can keep a
 * customer out of billing. A deleted one keeps its data and is marked as archived: invoices refer to it for years.
 */
export function toBillingCustomer(record: CustomerRecord): FittedCustomer {
  const { customer, deleted, deletedAt } = record;
  const identity = identityOf(record);
  if (deleted || !customer)
    return {
      customer: { metadata: { ...identity, archived: "true", archived_at: deletedAt ?? "" } },
      adjusted: [],
    };
  const fitting = new Fitting();
  const fitted = fitCustomer(customer, fitting);
  const metadata = { ...identity, ...fitting.kept, plan: fitting.text("plan", customer.plan) };
  return {
    customer: { ...fitted, metadata: { ...metadata, archived: "", archived_at: "" } },
    adjusted: fitting.adjusted,
  };
}

function fitCustomer(customer: Customer, fitting: Fitting): Omit<Required<BillingCustomer>, "metadata"> {
  const country = countryCodeOf(printable(customer.address?.country)) ?? "";
  return {
    // A name that cannot be shown is none; an invoice needs one.
    name: fitting.text("name", customer.name) || fitting.adjust("name", "", customer.customerId),
    email: fitting.fit("email", customer.email ?? customer.unusableEmail ?? null, (address, max) =>
      customer.email !== null && address.length <= max && REACHABLE.test(address) ? address : "",
    ),
    phone: fitting.fit("phone", customer.phone, (number, max) => fitPhone(number, max, country)),
    address: customer.address ? fitAddress(customer.address, country, fitting) : "",
  };
}

function fitAddress(address: Address, country: string, fitting: Fitting): BillingAddress {
  const lines = (address.street ?? "").split(/\r\n|[\r\n]/).map(printable);
  const [line1 = "", ...more] = lines;
  return {
    line1: fitting.text("address.line1", line1),
    line2: fitting.text("address.line2", more.filter((line) => line !== "").join(", ")),
    city: fitting.text("address.city", address.city),
    state: fitting.text("address.state", address.state),
    postal_code: fitting.text("address.postal_code", address.postalCode),
    // Salesforce holds free text; what is no country we know is kept as metadata.
    country: country || fitting.fit("address.country", address.country, () => ""),
  };
}

/** Brings values into their limits, and remembers what did not fit. */
class Fitting {
  readonly adjusted: FieldName[] = [];
  /** Metadata with the whole values; those of values that fit are cleared. */
  readonly kept: Record<string, string> = Object.fromEntries(KEPT_NAMES.map((name) => [name, ""]));

  /** A text, shortened if need be. */
  text(field: FieldName, value: string | null): string {
    return this.fit(field, value, shorten);
  }

  /** A value in the form that `form` gives it; the same text when it fits. */
  fit(field: FieldName, value: string | null, form: (text: string, max: number) => string): string {
    const whole = printable(value);
    const fitted = form(whole, FIELD_LIMITS[field].max);
    return fitted === whole ? whole : this.adjust(field, whole, fitted);
  }

  adjust(field: FieldName, whole: string, fitted: string): string {
    this.adjusted.push(field);
    const name = keptAs(field);
    if (name !== undefined) this.kept[name] = shorten(whole, METADATA_LIMITS.value);
    return fitted;
  }
}
