import type { Customer } from "#shared/contracts/customer.ts";
import type { Metadata } from "#shared/contracts/metadata.ts";
import type { CustomerStore, Saved } from "#shared/customer-store.ts";

/** What happened to a customer in Salesforce, and on whose behalf it is stored. */
export type CustomerChange = { readonly metadata: Metadata } & (
  | { readonly type: "customer.changed"; readonly data: { readonly customer: Customer; readonly version: string } }
  | {
      readonly type: "customer.deleted";
      readonly data: { readonly customerId: string; readonly orgId: string; readonly version: string };
    }
);

/** Makes the store equal to the change's version; a newer stored version stays. */
export async function upsertCustomer(
  change: CustomerChange,
  store: Pick<CustomerStore, "save" | "markDeleted">,
): Promise<Saved & { readonly customerId: string }> {
  if (change.type === "customer.changed") {
    const { customer, version } = change.data;
    return { ...(await store.save(customer, version, change.metadata)), customerId: customer.customerId };
  }
  const { customerId, version } = change.data;
  return { ...(await store.markDeleted(change.data, version, change.metadata)), customerId };
}
