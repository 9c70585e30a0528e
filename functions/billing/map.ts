import type { Address } from "#shared/contracts/customer.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import { lazy } from "#shared/lazy.ts";

/** The part of a Stripe customer that the fleet writes; `""` clears. https://docs.stripe.com/api/customers/update */
export interface BillingCustomer {
  readonly name?: string;
  readonly email?: string;
  readonly phone?: string;
  readonly address?: BillingAddress | "";
  readonly metadata: Readonly<Record<string, string>>;
}

interface BillingAddress {
  readonly line1: string;
  readonly line2: string;
  readonly city: string;
  readonly state: string;
  readonly postal_code: string;
  readonly country: string;
}

/** Names of the metadata by which a Stripe customer is found again. */
export const ACCOUNT_KEY = "salesforce_account_id";
export const ORG_KEY = "salesforce_org_id";

/** Who a Stripe customer belongs to; never changes. */
export function identityOf({ customerId, orgId }: Pick<CustomerRecord, "customerId" | "orgId">) {
  return { [ACCOUNT_KEY]: customerId, [ORG_KEY]: orgId };
}

/**
 * What Stripe shall hold for a stored customer. A deleted one keeps its data and is marked as archived: invoices refer
 * to it for years.
 */
export function toBillingCustomer(record: CustomerRecord): BillingCustomer {
  const { customer, deleted, deletedAt } = record;
  const identity = identityOf(record);
  if (deleted || !customer) return { metadata: { ...identity, archived: "true", archived_at: deletedAt ?? "" } };
  const { country, unknownCountry } = toCountry(customer.address);
  return {
    name: customer.name,
    email: customer.email ?? "",
    phone: customer.phone ?? "",
    address: customer.address ? toAddress(customer.address, country) : "",
    metadata: {
      ...identity,
      plan: customer.plan ?? "",
      country: unknownCountry,
      archived: "",
      archived_at: "",
    },
  };
}

function toAddress(address: Address, country: string): BillingAddress {
  const [line1 = "", ...more] = (address.street ?? "").split(/\r?\n/).map((line) => line.trim());
  return {
    line1,
    line2: more.filter((line) => line !== "").join(", "),
    city: address.city ?? "",
    state: address.state ?? "",
    postal_code: address.postalCode ?? "",
    country,
  };
}

/** Stripe takes two-letter codes only. Salesforce holds free text; what is no country we know is kept as metadata. */
function toCountry(address: Address | null): { country: string; unknownCountry: string } {
  const text = address?.country?.trim() ?? "";
  const code = countryCodes().get(text.toLowerCase());
  return code ? { country: code, unknownCountry: "" } : { country: "", unknownCountry: text };
}

/** Two-letter codes, by themselves and by English name, from the runtime's own table. */
const countryCodes = lazy((): ReadonlyMap<string, string> => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const codes = letters.flatMap((a) => letters.map((b) => a + b)).filter((code) => names.of(code) && isCurrent(code));
  const known = codes.flatMap((code): [string, string][] => [
    [code.toLowerCase(), code],
    [String(names.of(code)).toLowerCase(), code],
  ]);
  return new Map([...known, ["usa", "US"], ["uk", "GB"]]);
});

/** Retired codes, such as DD, stand for another one today. */
function isCurrent(code: string): boolean {
  return Intl.getCanonicalLocales(`und-${code}`)[0] === `und-${code}`;
}
