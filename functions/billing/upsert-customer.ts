import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { eventInputOf, taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { type BillingAnswer, type BringDependencies, bringToBilling } from "./bring-to-billing.ts";
import { openBilling, readEnvironment } from "./production.ts";

const input = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);

const production = lazy((): BringDependencies => {
  const { CUSTOMERS_TABLE } = readEnvironment();
  const [store, behind] = [createCustomerStore(CUSTOMERS_TABLE), createBehind(CUSTOMERS_TABLE)];
  return { billing: openBilling(), store, behind, now: Date.now };
});

/** Makes the Stripe customer equal to the stored one; answers what was done and for which version. */
export function upsertCustomer({ type, data }: z.infer<typeof input>, deps = production()): Promise<BillingAnswer> {
  const customerId = type === "customer.changed" ? data.customer.customerId : data.customerId;
  return bringToBilling({ customerId, version: data.version }, deps);
}

export const handler = taskHandler(input, (change) => upsertCustomer(change));
