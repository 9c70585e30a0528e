import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { readConnection } from "#shared/connections.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { eventInputOf, taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { openGate } from "#shared/targets/open-gate.ts";
import { type BillingAnswer, type BringDependencies, bringToBilling } from "./bring-to-billing.ts";
import { createBilling, GATE_WAIT_MS } from "./client.ts";
import { stripeConnectionSchema } from "./connection.ts";

const input = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);

const environment = {
  CUSTOMERS_TABLE: z.string(),
  STRIPE_SECRET: z.string(),
  STRIPE_RATE: z.coerce.number().positive(),
};

const production = lazy((): BringDependencies => {
  const { CUSTOMERS_TABLE, STRIPE_SECRET, STRIPE_RATE: ratePerSecond } = readEnv(environment);
  const gate = openGate({ target: "billing", ratePerSecond, maxWaitMs: GATE_WAIT_MS });
  return {
    billing: createBilling((options) => readConnection(STRIPE_SECRET, stripeConnectionSchema, options), { gate }),
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
