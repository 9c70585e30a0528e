import { z } from "zod";
import { customerSchema, salesforceIdSchema, versionSchema } from "./customer.ts";
import { defineEvent } from "./event.ts";

export const customerChanged = defineEvent({
  type: "customer.changed",
  source: "fleet.salesforce",
  description: "An account moved in Salesforce; data holds the whole customer as it was read afterwards.",
  data: z.looseObject({ customer: customerSchema, version: versionSchema }),
});

export const customerDeleted = defineEvent({
  type: "customer.deleted",
  source: "fleet.salesforce",
  description: "An account was deleted in Salesforce.",
  data: z.looseObject({ customerId: salesforceIdSchema, orgId: z.string(), version: versionSchema }),
});

export const customerSynced = defineEvent({
  type: "customer.synced",
  source: "fleet.customer-sync",
  description: "Store and billing are equal to this version of the customer.",
  data: z.looseObject({
    customerId: salesforceIdSchema,
    version: versionSchema,
    change: z.enum(["changed", "deleted"]),
    /** What the store did with it. */
    store: z.enum(["created", "updated", "superseded", "unchanged"]),
    /** What billing did with it, and the customer's id there. */
    billing: z.looseObject({
      outcome: z.enum(["created", "updated", "unchanged", "archived", "none"]),
      stripeCustomerId: z.string().nullable(),
    }),
  }),
});

export const customerSyncFailed = defineEvent({
  type: "customer.sync-failed",
  source: "fleet.customer-sync",
  description: "A change could not be brought to every target; the work is parked under parkedId.",
  data: z.looseObject({
    customerId: z.string(),
    version: z.string(),
    parkedId: z.string(),
    state: z.string(),
    error: z.looseObject({ name: z.string(), message: z.string() }),
  }),
});

/** Every event of the fleet, in the order of a customer's way. */
export const events = [customerChanged, customerDeleted, customerSynced, customerSyncFailed] as const;
