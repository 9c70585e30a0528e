import { z } from "zod";
import { readConnection } from "#shared/connections.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { eventInputOf, taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { createBilling } from "./client.ts";
import { stripeConnectionSchema } from "./connection.ts";
import { type BillingDependencies, type BillingResult, makeBillingEqual } from "./make-billing-equal.ts";

const input = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);

const production = lazy((): BillingDependencies => {
  const { CUSTOMERS_TABLE, STRIPE_SECRET } = readEnv({ CUSTOMERS_TABLE: z.string(), STRIPE_SECRET: z.string() });
  return {
    billing: createBilling((options) => readConnection(STRIPE_SECRET, stripeConnectionSchema, options)),
    store: createCustomerStore(CUSTOMERS_TABLE),
    now: Date.now,
  };
});

/** Makes the Stripe customer equal to the stored one; answers what was done and for which version. */
export function upsertCustomer(change: z.infer<typeof input>, deps = production()): Promise<BillingResult> {
  const { version } = change.data;
  const customerId = change.type === "customer.changed" ? change.data.customer.customerId : change.data.customerId;
  return makeBillingEqual({ customerId, version }, deps);
}

export const handler = taskHandler(input, (change) => upsertCustomer(change));
