import { z } from "zod";
import { readConnection } from "#shared/connections.ts";
import { readEnv } from "#shared/env.ts";
import { openGate } from "#shared/targets/open-gate.ts";
import { type Billing, createBilling, GATE_WAIT_MS } from "./client.ts";
import { stripeConnectionSchema } from "./connection.ts";

const environment = {
  CUSTOMERS_TABLE: z.string().min(1),
  EVENT_BUS_NAME: z.string().min(1),
  STRIPE_SECRET: z.string().min(1),
  STRIPE_RATE: z.coerce.number().positive(),
};

/** What the functions of this connector find in their environment. */
export const readEnvironment = () => readEnv(environment);

/** Stripe, as the connection has it, behind the breaker and the budget that all functions share. */
export function openBilling(): Billing {
  const { STRIPE_SECRET, STRIPE_RATE: ratePerSecond } = readEnvironment();
  const gate = openGate({ target: "billing", ratePerSecond, maxWaitMs: GATE_WAIT_MS });
  return createBilling((options) => readConnection(STRIPE_SECRET, stripeConnectionSchema, options), { gate });
}
