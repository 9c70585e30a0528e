import { z } from "zod";
import type { InputOf } from "#shared/contracts/task.ts";
import { storeCustomer } from "#shared/contracts/tasks/store-customer.ts";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { readEnv } from "#shared/env.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { upsertCustomer } from "./upsert-customer.ts";

const customers = lazy(() => createCustomerStore(readEnv({ CUSTOMERS_TABLE: z.string() }).CUSTOMERS_TABLE));

/** Keeps the newest version of a customer; answers what was done and the version that is stored now. */
export function upsert(change: InputOf<typeof storeCustomer>, store: CustomerStore = customers()) {
  return upsertCustomer(change, store);
}

export const handler = taskHandler(storeCustomer, (change) => upsert(change));
