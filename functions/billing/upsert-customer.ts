import { createBehind } from "#shared/behind/behind.ts";
import type { InputOf } from "#shared/contracts/task.ts";
import { billCustomer } from "#shared/contracts/tasks/bill-customer.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { type BringDependencies, bringToBilling } from "./bring-to-billing.ts";
import { openBilling, readEnvironment } from "./production.ts";

const production = lazy((): BringDependencies => {
  const { CUSTOMERS_TABLE } = readEnvironment();
  const [store, behind] = [createCustomerStore(CUSTOMERS_TABLE), createBehind(CUSTOMERS_TABLE)];
  return { billing: openBilling(), store, behind, now: Date.now };
});

/** Makes the Stripe customer equal to the stored one; answers what was done and for which version. */
export function upsertCustomer({ type, data }: InputOf<typeof billCustomer>, deps = production()) {
  const customerId = type === "customer.changed" ? data.customer.customerId : data.customerId;
  return bringToBilling({ customerId, version: data.version }, deps);
}

export const handler = taskHandler(billCustomer, (change) => upsertCustomer(change));
