import { z } from "zod";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import { readConnection } from "#shared/connections.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { RateLimitedError, TargetUnavailableError } from "#shared/errors.ts";
import { eventInputOf, taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { createBilling } from "./client.ts";
import { stripeConnectionSchema } from "./connection.ts";
import { type BillingDependencies, type BillingResult, makeBillingEqual } from "./make-billing-equal.ts";

const input = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);

interface Dependencies extends BillingDependencies {
  readonly behind: Pick<Behind, "reached" | "failed">;
}

/** `behind`: the target named a time to wait. `waiting`: it was not even asked, for it is down or its budget is used up. */
type Answer = BillingResult | { readonly outcome: "behind" | "waiting" };

const production = lazy((): Dependencies => {
  const { CUSTOMERS_TABLE, STRIPE_SECRET } = readEnv({ CUSTOMERS_TABLE: z.string(), STRIPE_SECRET: z.string() });
  return {
    billing: createBilling((options) => readConnection(STRIPE_SECRET, stripeConnectionSchema, options)),
    store: createCustomerStore(CUSTOMERS_TABLE),
    behind: createBehind(CUSTOMERS_TABLE),
    now: Date.now,
  };
});

/** Makes the Stripe customer equal to the stored one; answers what was done and for which version. */
export async function upsertCustomer(change: z.infer<typeof input>, deps = production()): Promise<Answer> {
  const { version } = change.data;
  const customerId = change.type === "customer.changed" ? change.data.customer.customerId : change.data.customerId;
  try {
    const result = await makeBillingEqual({ customerId, version }, deps);
    // The link says so itself when it was written.
    if (result.outcome === "unchanged" || result.outcome === "none")
      await deps.behind.reached(customerId, "billing", result.version);
    return result;
  } catch (error) {
    if (error instanceof TargetUnavailableError) return { outcome: "waiting" };
    if (!(error instanceof RateLimitedError)) throw error;
    await deps.behind.failed(customerId, "billing", error);
    return { outcome: "behind" };
  }
}

export const handler = taskHandler(input, (change) => upsertCustomer(change));
