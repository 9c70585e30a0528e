import { makeBillingEqual } from "../../functions/billing/make-billing-equal.ts";
import type { Customer } from "../../shared/contracts/customer.ts";
import { type CustomerStore, createCustomerStore } from "../../shared/customer-store.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "../../shared/testing/customers-table.ts";
import { StripeAccount } from "./stripe-account.ts";

/** A store on a loopback table and an emulated Stripe account, on one clock. Close it in `afterAll`. */
export async function startBilling() {
  const table = await startCustomersTable();
  const account = await StripeAccount.start();
  const store = createCustomerStore(TABLE, table.client, () => account.now);
  return {
    account,
    store,
    /** A customer of its own, stored in the first version. */
    async stored(): Promise<Customer> {
      const customer = newCustomer();
      await store.save(customer, version(1), cause());
      return customer;
    },
    /** Stores the n-th version under another name. */
    edit: (customer: Customer, n: number, name: string) => store.save({ ...customer, name }, version(n), cause()),
    /** One run for the n-th version, with some of the store's methods changed. */
    sync({ customerId }: Customer, n: number, changed: Partial<CustomerStore> = {}) {
      const deps = { billing: account.billing, store: { ...store, ...changed }, now: () => account.now };
      return makeBillingEqual({ customerId, version: version(n) }, deps);
    },
    customersOf: ({ customerId }: Customer) => account.customersOf(customerId),
    linkOf: async ({ customerId }: Customer) => (await store.read(customerId))?.links.stripe,
    /** Forgets faults and calls, for the next test. */
    async reset(): Promise<void> {
      await account.clearFaults();
      await account.searchLag();
      account.calls.length = 0;
    },
    async close(): Promise<void> {
      await account[Symbol.asyncDispose]();
      await table.close();
    },
  };
}
