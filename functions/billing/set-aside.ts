import { RejectedByTargetError } from "#shared/errors.ts";
import { FIELD_LIMITS, type FieldName, keptAs, METADATA_LIMITS } from "./limits.ts";
import { ACCOUNT_KEY, type BillingCustomer } from "./map.ts";
import { shorten } from "./text.ts";

/**
 * Writes a customer, without the values that Stripe refuses by rules it does not publish: such a value moves into the
 * metadata, and the rest of the customer is written all the same.
 * @param write writes what it is given, without the fields that were refused; is called again with less when Stripe refuses one field
 * @returns what was written in the end, and the fields that were set aside
 * @throws what `write` throws for anything but the value of one field
 */
export async function writeWhatIsTaken(
  customer: BillingCustomer,
  write: (customer: BillingCustomer, refused: readonly FieldName[]) => Promise<unknown>,
): Promise<{ readonly written: BillingCustomer; readonly refused: readonly FieldName[] }> {
  const refused: FieldName[] = [];
  for (let written = customer; ; )
    try {
      await write(written, refused);
      return { written, refused };
    } catch (error) {
      const field = refusedField(error);
      if (field === undefined || refused.includes(field)) throw error;
      refused.push(field);
      written = setAside(written, field);
    }
}

/** The field that a refusal is about. https://docs.stripe.com/api/errors#errors-param */
function refusedField(error: unknown): FieldName | undefined {
  if (!(error instanceof RejectedByTargetError)) return undefined;
  const { param } = (error.cause ?? {}) as { param?: unknown };
  if (typeof param !== "string") return undefined;
  const name = param.replace(/^address\[(.+)\]$/, "address.$1");
  return Object.hasOwn(FIELD_LIMITS, name) ? (name as FieldName) : undefined;
}

function setAside(customer: BillingCustomer, field: FieldName): BillingCustomer {
  const { address, metadata } = customer;
  const name = keptAs(field);
  const keep = (value = "") =>
    name === undefined || value === "" ? {} : { [name]: shorten(value, METADATA_LIMITS.value) };
  // A whole value that is kept already says more than what is left of it.
  const kept = (value: string | undefined) => ({ ...keep(value), ...keep(name && metadata[name]) });
  if (field === "name" || field === "email" || field === "phone") {
    const empty = field === "name" ? (metadata[ACCOUNT_KEY] ?? "") : "";
    return { ...customer, [field]: empty, metadata: { ...metadata, ...kept(customer[field]) } };
  }
  if (!address) return customer;
  const part = field.replace("address.", "") as keyof typeof address;
  return { ...customer, address: { ...address, [part]: "" }, metadata: { ...metadata, ...kept(address[part]) } };
}
