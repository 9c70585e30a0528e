import { z } from "zod";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { eventInputOf, taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { upsertCustomer } from "./upsert-customer.ts";

const input = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);
const customers = lazy(() => createCustomerStore(readEnv({ CUSTOMERS_TABLE: z.string() }).CUSTOMERS_TABLE));

/** Keeps the newest version of a customer; answers what was done and the version that is stored now. */
export function upsert(change: z.infer<typeof input>, store: CustomerStore = customers()) {
  return upsertCustomer(change, store);
}

export const handler = taskHandler(input, (change) => upsert(change));
