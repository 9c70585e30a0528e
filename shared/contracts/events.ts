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
      /** Fields whose value did not fit into billing and was shortened or kept as metadata, such as `phone`. */
      adjusted: z.array(z.string()).optional(),
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

/** Most records that a comparison can be asked for by their ids: as many as one call to Salesforce reads. */
export const MAX_CHOSEN = 2_000;

/** The part of an object's history that shall be compared: all records, or those that moved in a window of time. */
const windowSchema = z.looseObject({ from: z.iso.datetime(), to: z.iso.datetime() });

export const catchUpRequested = defineEvent({
  type: "catch-up.requested",
  source: "fleet.salesforce",
  description:
    "The change events since the stored replay position shall be read; metadata.orgId says of which organisation.",
  data: z.looseObject({
    /** Most events to read in one go. */
    maxEvents: z.int().positive().optional(),
    /** Longest time to read, in seconds. */
    maxSeconds: z.int().positive().optional(),
    /** Events younger than this are left to the live feed, in seconds. */
    graceSeconds: z.int().nonnegative().optional(),
  }),
});

export const reconciliationRequested = defineEvent({
  type: "reconciliation.requested",
  source: "fleet.salesforce",
  description: "The store shall be compared with Salesforce and the differences repaired.",
  data: z.looseObject({
    /** Object whose changes are in doubt. */
    entity: z.string().min(1),
    reason: z.enum(["overflow", "wildcard", "position-lost", "schedule", "manual"]),
    /** Absent: since the last sweep when `full` is false, everything when it is true. */
    window: windowSchema.optional(),
    /** Every record, looking also from the store's side for records that are gone. */
    full: z.boolean(),
    /** Only these accounts, whenever they moved; a window and the mark of the last sweep have no part in it. */
    ids: z.array(salesforceIdSchema).min(1).max(MAX_CHOSEN).optional(),
    /** Where an unfinished sweep goes on; written by the sweep itself. */
    cursor: z.looseObject({}).optional(),
  }),
});

const count = z.int().nonnegative();

/** What a sweep counts. */
export const driftCounts = {
  /** Records looked at. */
  compared: count,
  missing: count,
  different: count,
  deleted: count,
  /** Neither in Salesforce nor in its delete log: out of our sight; nothing was done with them. */
  unexplained: count,
  /** Parked with their reason, such as a field that cannot be used. */
  unusable: count,
  /** API calls that the sweep made. */
  apiCalls: count,
};

export const customerDriftFound = defineEvent({
  type: "customer.drift-found",
  source: "fleet.salesforce",
  description: "A sweep found customers whose stored version differed from Salesforce, and sent them into the sync.",
  data: z.looseObject({
    entity: z.string(),
    reason: z.string(),
    full: z.boolean(),
    window: windowSchema.optional(),
    ...driftCounts,
  }),
});

export const backfillFinished = defineEvent({
  type: "backfill.finished",
  source: "fleet.backfill",
  description: "Every record of an object was compared with the store, and what differed was sent into the sync.",
  data: z.looseObject({
    entity: z.string(),
    compared: z.int().nonnegative(),
    /** Differed, and are on their way through the sync. */
    sent: z.int().nonnegative(),
    equal: z.int().nonnegative(),
    /** Of the equal ones, those that billing had not followed. */
    behind: z.int().nonnegative().optional(),
    /** Parked one by one, such as for a field that cannot be used. */
    unusable: z.int().nonnegative(),
    /** Parked in batches that could not be loaded. */
    parked: z.int().nonnegative(),
  }),
});

export const targetUnreachable = defineEvent({
  type: "target.unreachable",
  source: "fleet.flows",
  description: "A target's circuit breaker is open for a while already; everything for it waits by itself.",
  data: z.looseObject({
    /** `billing`, `salesforce` or `slack`. */
    target: z.string(),
    /** What of it: an endpoint, an organisation or a channel. */
    endpoint: z.string(),
    since: z.iso.datetime(),
    /** Code of the error that opened the breaker. */
    reason: z.string(),
    /** Whether a person must act, as the target refuses the key or the login. */
    needsPerson: z.boolean(),
    /** Customers that wait for the target. */
    waiting: z.int().nonnegative(),
  }),
});

export const targetRecovered = defineEvent({
  type: "target.recovered",
  source: "fleet.flows",
  description: "A target answers again; what waited for it is on its way.",
  data: z.looseObject({
    target: z.string(),
    endpoint: z.string(),
    since: z.iso.datetime(),
    until: z.iso.datetime(),
    /** Whether it was the key or the login that the target refused. */
    neededPerson: z.boolean().optional(),
  }),
});

export const retriesRequested = defineEvent({
  type: "retries.requested",
  source: "fleet.flows",
  description:
    "What is behind its targets and due shall be taken up again; said by a clock, and when a target recovers.",
  data: z.looseObject({
    /** Target that recovered. */
    target: z.string().optional(),
  }),
});

export const duplicatesRequested = defineEvent({
  type: "duplicates.requested",
  source: "fleet.billing",
  description: "The customers that are new in billing shall be looked through for those that are one too many.",
  data: z.looseObject({
    /** Created since; absent: since a little more than a day ago. */
    from: z.iso.datetime().optional(),
    /** Where an unfinished search goes on; written by the search itself. */
    after: z.string().optional(),
  }),
});

export const customerDuplicateFound = defineEvent({
  type: "customer.duplicate-found",
  source: "fleet.billing",
  description:
    "A billing customer says it is an account's, while another one is linked to the account: a person decides.",
  data: z.looseObject({
    customerId: salesforceIdSchema,
    /** The one that is too many. */
    stripeCustomerId: z.string(),
    /** The one that is kept in step. */
    linkedId: z.string(),
    createdAt: z.iso.datetime(),
  }),
});

/** Every event of the fleet, in the order of a customer's way. */
export const events = [
  customerChanged,
  customerDeleted,
  customerSynced,
  customerSyncFailed,
  catchUpRequested,
  reconciliationRequested,
  customerDriftFound,
  backfillFinished,
  targetUnreachable,
  targetRecovered,
  retriesRequested,
  duplicatesRequested,
  customerDuplicateFound,
] as const;
