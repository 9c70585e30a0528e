import { z } from "zod";
import { customerChanged, customerDeleted, customerSyncFailed } from "./events.ts";
import { defineTask, eventInputOf, taskInputOf } from "./task.ts";

const CUSTOMER_ID = "0015f00002J9YaUAAV";
const VERSION = "2026-01-01T00:00:00.000Z/001767225600000/001767225601000";
const metadata = {
  eventId: "event-1",
  occurredAt: "2026-01-01T00:00:00.000Z",
  correlationId: "correlation-1",
  causationId: "event-0",
  orgId: "00D5f000005KcCnEAK",
  actor: "0055f000005mc66AAA",
  schemaVersion: 1 as const,
};
const customer = {
  customerId: CUSTOMER_ID,
  orgId: metadata.orgId,
  ...{ name: "Example", email: null, phone: null, address: null, plan: null },
};
const changed = { type: "customer.changed" as const, metadata, data: { customer, version: VERSION } };
const deleted = {
  type: "customer.deleted" as const,
  metadata: { ...metadata, lane: "bulk" as const },
  data: { customerId: CUSTOMER_ID, orgId: metadata.orgId, version: VERSION },
};
const changeInput = z.discriminatedUnion("type", [eventInputOf(customerChanged), eventInputOf(customerDeleted)]);
const count = z.int().nonnegative();

export const storeCustomer = defineTask({
  name: "customers-upsert",
  input: changeInput,
  output: z.object({
    outcome: z.enum(["created", "updated", "unchanged", "superseded"]),
    version: z.string(),
    customerId: z.string(),
  }),
  examples: [
    { input: changed, output: { outcome: "created", version: VERSION, customerId: CUSTOMER_ID } },
    { input: deleted, output: { outcome: "superseded", version: VERSION, customerId: CUSTOMER_ID } },
  ],
});

export const billCustomer = defineTask({
  name: "billing-upsert-customer",
  input: changeInput,
  output: z.union([
    z.object({
      outcome: z.enum(["created", "updated", "unchanged", "archived", "none"]),
      stripeCustomerId: z.string().nullable(),
      version: z.string(),
      adjusted: z.array(z.string()).readonly().optional(),
    }),
    z.object({ outcome: z.enum(["behind", "waiting"]) }),
  ]),
  examples: [
    {
      input: changed,
      output: { outcome: "created", stripeCustomerId: "cus_1", version: VERSION, adjusted: ["phone"] },
    },
    { input: deleted, output: { outcome: "none", stripeCustomerId: null, version: VERSION } },
    { input: changed, output: { outcome: "waiting" } },
  ],
});

/** What a state caught. */
const caught = z.looseObject({ Error: z.string().optional(), Cause: z.string().optional() });

/** A run of customer-sync that could not go on: its whole input, and what its state caught. */
export const noteRun = defineTask({
  name: "customers-note-failure",
  input: z.looseObject({
    input: z.unknown(),
    failure: z.looseObject({ state: z.string(), error: caught }),
    executionArn: z.string(),
  }),
  /** `detail` of the `customer.sync-failed` to be said; absent while the customer is tried again by itself. */
  output: z.union([
    z.object({ outcome: z.literal("behind") }),
    z.object({ outcome: z.literal("parked"), parkedId: z.string(), detail: customerSyncFailed.detail }),
  ]),
  examples: [
    {
      input: {
        input: changed,
        failure: { state: "UpsertBilling", error: { Error: "TransientError", Cause: "{}" } },
        executionArn: "arn:aws:states:us-east-1:123456789012:express:customer-sync:1:2",
      },
      output: { outcome: "behind" },
    },
    {
      input: { input: "no event", failure: { state: "UpsertCustomer", error: {} }, executionArn: "arn" },
      output: {
        outcome: "parked",
        parkedId: "parked-1",
        detail: {
          metadata,
          data: {
            ...{ customerId: "unknown", version: "unknown", parkedId: "parked-1", state: "UpsertCustomer" },
            error: { name: "Error", message: "no cause given" },
          },
        },
      },
    },
  ],
});

/** The object that is brought in; whatever else feeds a customer is read with it. */
export const entitySchema = z.literal("Account");

/** A record of a page: which one, and when Salesforce last touched it. No personal data. */
export const pageRecordSchema = z.looseObject({ Id: z.string(), SystemModstamp: z.string() });

export type PageRecord = z.infer<typeof pageRecordSchema>;

/** Input of a backfill task: whose backfill it is, and the task's own data. */
const backfillInput = <Data extends z.ZodType>(data: Data) => taskInputOf("backfill", data);
const entity = "Account" as const;
const backfill = <Data>(data: Data) => ({
  type: "backfill" as const,
  metadata: { ...metadata, lane: "bulk" as const },
  data,
});

export const planBackfill = defineTask({
  name: "salesforce-plan-backfill",
  input: backfillInput(z.looseObject({ entity: entitySchema, batchSize: z.int().positive() })),
  output: z.object({
    records: z.number(),
    salesforce: z.object({ apiCalls: z.number(), callsLeft: z.number(), reserve: z.number() }),
    usd: z.number(),
    billedPerSecond: z.number(),
    billingMinutes: z.number(),
  }),
  examples: [
    {
      input: backfill({ entity, batchSize: 500 }),
      output: {
        records: 1_000,
        salesforce: { apiCalls: 20, callsLeft: 100_000, reserve: 10_000 },
        ...{ usd: 0.02, billedPerSecond: 12.5, billingMinutes: 2 },
      },
    },
  ],
});

export const startQuery = defineTask({
  name: "salesforce-start-backfill-query",
  input: backfillInput(z.looseObject({ entity: entitySchema })),
  output: z.object({ jobId: z.string() }),
  examples: [{ input: backfill({ entity }), output: { jobId: "7505f000005KcCnAAK" } }],
});

const gone = z.object({ state: z.literal("gone"), reason: z.string() });

export const checkQuery = defineTask({
  name: "salesforce-check-backfill-query",
  input: backfillInput(z.looseObject({ jobId: z.string() })),
  output: z.union([z.object({ state: z.enum(["running", "done"]) }), gone]),
  examples: [
    { input: backfill({ jobId: "7505f000005KcCnAAK" }), output: { state: "running" } },
    { input: backfill({ jobId: "7505f000005KcCnAAK" }), output: { state: "gone", reason: "NOT_FOUND" } },
  ],
});

const page = { jobId: "7505f000005KcCnAAK", pageSize: 10_000, key: "backfill-1/000001.jsonl" };

export const storePage = defineTask({
  name: "salesforce-store-backfill-page",
  input: backfillInput(
    z.looseObject({
      jobId: z.string(),
      locator: z.string().nullable(),
      pageSize: z.int().positive(),
      key: z.string().min(1),
    }),
  ),
  output: z.union([
    z.object({ state: z.literal("stored"), records: z.number(), locator: z.string().nullable() }),
    gone,
  ]),
  examples: [
    {
      input: backfill({ ...page, locator: null }),
      output: { state: "stored", records: 10_000, locator: "MTAwMDA" },
    },
    { input: backfill({ ...page, locator: "MTAwMDA" }), output: { state: "stored", records: 1, locator: null } },
    { input: backfill({ ...page, locator: null }), output: { state: "gone", reason: "NOT_FOUND" } },
  ],
});

/** What became of a batch's records. */
const loaded = { compared: count, sent: count, equal: count, behind: count, unusable: count };

export const loadBatch = defineTask({
  name: "salesforce-load-backfill-batch",
  input: backfillInput(z.looseObject({ records: z.array(pageRecordSchema).min(1) })),
  output: z.object(loaded),
  examples: [
    {
      input: backfill({ records: [{ Id: CUSTOMER_ID, SystemModstamp: "2026-01-01T00:00:00.000+0000" }] }),
      output: { compared: 1, sent: 1, equal: 0, behind: 0, unusable: 0 },
    },
  ],
});

/** A batch that could not be loaded, and what its state caught. No personal data. */
export const keepBatch = defineTask({
  name: "salesforce-park-backfill-batch",
  input: backfillInput(
    z.looseObject({
      entity: entitySchema,
      recordIds: z.array(z.string()).min(1),
      failure: caught,
      /** Run of the map's child that met it. */
      executionArn: z.string(),
    }),
  ),
  output: z.object({ ...loaded, parked: count }),
  examples: [
    {
      input: backfill({
        entity,
        recordIds: [CUSTOMER_ID],
        failure: { Error: "ContractError", Cause: "{}" },
        executionArn: "arn:aws:states:us-east-1:123456789012:execution:backfill/LoadPage:1",
      }),
      output: { compared: 1, sent: 0, equal: 0, behind: 0, unusable: 0, parked: 1 },
    },
  ],
});

/** Every function that a state machine invokes. */
export const tasks = [
  storeCustomer,
  billCustomer,
  noteRun,
  planBackfill,
  startQuery,
  checkQuery,
  storePage,
  loadBatch,
  keepBatch,
] as const;
