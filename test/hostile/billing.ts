import type { TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";
import type { TrueCustomer } from "./truth.ts";

/** A fleet whose systems are looked at. */
export interface Watched {
  readonly current: Pick<TestFleet, "saas" | "stored" | "parked">;
}

export interface BillingCustomer {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address: Readonly<Record<string, string | null>> | null;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface BillingEvent {
  readonly id: string;
  readonly type: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly data: { readonly object: BillingCustomer; readonly previous_attributes?: object };
}

/** Everything on a list of Stripe's, newest first. */
export async function listAll<Item extends { readonly id: string }>(fleet: Watched, path: string): Promise<Item[]> {
  const { apiKey, baseUrl } = fleet.current.saas.connections().stripe;
  const items: Item[] = [];
  for (;;) {
    const last = items.at(-1);
    const url = `${baseUrl}/v1/${path}?limit=100${last ? `&starting_after=${last.id}` : ""}`;
    const page = await eventually(async () => {
      const response = await fetch(url, { headers: { authorization: `Bearer ${apiKey}` } });
      if (!response.ok) throw new Error(`Stripe answered ${response.status}.`);
      return (await response.json()) as { data: Item[]; has_more: boolean };
    });
    items.push(...page.data);
    if (!page.has_more) return items;
  }
}

const CODES: Readonly<Record<string, string>> = {
  Germany: "DE",
  DE: "DE",
  usa: "US",
  Brazil: "BR",
  "United Kingdom": "GB",
};

/** What billing must hold of a customer; empty is left out. */
export function billingOf({
  customerId,
  orgId,
  name,
  email,
  unusableEmail,
  phone,
  address,
  plan,
}: TrueCustomer): object {
  const country = address?.country ?? "";
  const code = CODES[country];
  const [line1, ...more] = (address?.street ?? "").split("\n");
  const parts = {
    line1,
    line2: more.join(", "),
    city: address?.city,
    state: address?.state,
    postal_code: address?.postalCode,
    country: code,
  };
  return withoutEmpty({
    name,
    email,
    phone,
    address: withoutEmpty(parts),
    metadata: withoutEmpty({
      salesforce_account_id: customerId,
      salesforce_org_id: orgId,
      plan,
      email_full: unusableEmail,
      country: code ? undefined : country,
    }),
  });
}

/** What the account must say of it. */
export function stateOf({ unusableEmail, address }: TrueCustomer): string {
  const country = address?.country;
  const adjusted = [...(unusableEmail ? ["email"] : []), ...(country && !CODES[country] ? ["address.country"] : [])];
  return adjusted.length > 0 ? `synced, adjusted: ${adjusted.join(", ")}` : "synced";
}

/** The same part of what billing does hold. */
export function contentOf({ name, email, phone, address, metadata }: BillingCustomer): object {
  return withoutEmpty({ name, email, phone, address: withoutEmpty(address ?? {}), metadata: withoutEmpty(metadata) });
}

function withoutEmpty(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isEmpty = (value: unknown) =>
    value === null ||
    value === undefined ||
    value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => !isEmpty(value))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
