/** A limit of one field of a Stripe customer. Lengths in UTF-16 units: never fewer than the characters Stripe counts. */
interface FieldLimit {
  /** Longest value that Stripe takes. */
  readonly max: number;
  /** Metadata that holds the whole of a value which does not fit; only where metadata holds more than the field. */
  readonly keptAs?: string;
  /** Where the limit is told. */
  readonly source: string;
}

// The parameters of POST /v1/customers/{customer}, with the maxLength of each.
const SPECIFICATION = "https://github.com/stripe/openapi/blob/master/latest/openapi.spec3.json";
const METADATA = "https://docs.stripe.com/metadata#data";

/** Every field of a Stripe customer that the fleet fills, by its name in Stripe; `plan` is metadata. */
export const FIELD_LIMITS = {
  name: { max: 256, keptAs: "name_full", source: SPECIFICATION },
  email: {
    max: 512,
    keptAs: "email_full",
    source: "https://docs.stripe.com/api/customers/create#create_customer-email",
  },
  phone: { max: 20, keptAs: "phone_full", source: SPECIFICATION },
  "address.line1": { max: 5_000, source: SPECIFICATION },
  "address.line2": { max: 5_000, source: SPECIFICATION },
  "address.city": { max: 5_000, source: SPECIFICATION },
  "address.state": { max: 5_000, source: SPECIFICATION },
  "address.postal_code": { max: 5_000, source: SPECIFICATION },
  // Free text to the API, but taxes need a code of ISO 3166-1.
  "address.country": {
    max: 2,
    keptAs: "country",
    source: "https://docs.stripe.com/api/customers/create#create_customer-address-country",
  },
  plan: { max: 500, source: METADATA },
} as const satisfies Readonly<Record<string, FieldLimit>>;

/** Name of a field of a Stripe customer, as `customer.synced` tells it. */
export type FieldName = keyof typeof FIELD_LIMITS;

/** All metadata of an object. */
export const METADATA_LIMITS = { key: 40, value: 500, pairs: 50, source: METADATA } as const;

/** The name under which metadata keeps the whole of a field's value, if it does. */
export function keptAs(field: FieldName): string | undefined {
  const limit: FieldLimit = FIELD_LIMITS[field];
  return limit.keptAs;
}

/** Every name under which metadata may keep a whole value. */
export const KEPT_NAMES: readonly string[] = Object.values<FieldLimit>(FIELD_LIMITS).flatMap((limit) =>
  limit.keptAs === undefined ? [] : [limit.keptAs],
);
