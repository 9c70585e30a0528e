import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { readConnection } from "#shared/connections.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { eventInputOf, taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { type BillingAnswer, type BringDependencies, bringToBilling } from "./bring-to-billing.ts";
import { createBilling } from "./client.ts";
import { stripeConnectionSchema } from "./connection.ts";

const input = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);

const production = lazy((): BringDependencies => {
  const { CUSTOMERS_TABLE, STRIPE_SECRET } = readEnv({ CUSTOMERS_TABLE: z.string(), STRIPE_SECRET: z.string() });
  return {
    billing: createBilling((options) => readConnection(STRIPE_SECRET, stripeConnectionSchema, options)),
    store: createCustomerStore(CUSTOMERS_TABLE),
    behind: createBehind(CUSTOMERS_TABLE),
    now: Date.now,
  };
});

/** Makes the Stripe customer equal to the stored one; answers what was done and for which version. */
export function upsertCustomer({ type, data }: z.infer<typeof input>, deps = production()): Promise<BillingAnswer> {
  const customerId = type === "customer.changed" ? data.customer.customerId : data.customerId;
  return bringToBilling({ customerId, version: data.version }, deps);
}

export const handler = taskHandler(input, (change) => upsertCustomer(change));
