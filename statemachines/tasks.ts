import type { z } from "zod";
import type { ExemplifiedTask, TaskContract } from "#shared/contracts/task.ts";
import { billCustomer } from "#shared/contracts/tasks/bill-customer.ts";
import { checkQuery } from "#shared/contracts/tasks/check-query.ts";
import { keepBatch } from "#shared/contracts/tasks/keep-batch.ts";
import { loadBatch } from "#shared/contracts/tasks/load-batch.ts";
import { noteRun } from "#shared/contracts/tasks/note-run.ts";
import { planBackfill } from "#shared/contracts/tasks/plan-backfill.ts";
import { startQuery } from "#shared/contracts/tasks/start-query.ts";
import { storeCustomer } from "#shared/contracts/tasks/store-customer.ts";
import { storePage } from "#shared/contracts/tasks/store-page.ts";
import { METADATA as metadata } from "#shared/testing/metadata.ts";

const CUSTOMER_ID = "0015f00002J9YaUAAV";
const JOB = "7505f000005KcCnAAK";
const VERSION = "2026-01-01T00:00:00.000Z/001767225600000/001767225601000";
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
const backfill = <Data>(data: Data) => ({
  type: "backfill" as const,
  metadata: { ...metadata, lane: "bulk" as const },
  data,
});
const entity = "Account" as const;
const page = { jobId: JOB, pageSize: 10_000, key: "backfill-1/000001.jsonl" };

function exemplified<Input extends z.ZodType, Output extends z.ZodType>(
  task: TaskContract<Input, Output>,
  ...examples: ExemplifiedTask<Input, Output>["examples"]
): ExemplifiedTask<Input, Output> {
  return { ...task, examples };
}

/** Every function that a state machine invokes, with calls as they may be made. */
export const tasks = [
  exemplified(
    storeCustomer,
    { input: changed, output: { outcome: "created", version: VERSION, customerId: CUSTOMER_ID } },
    { input: deleted, output: { outcome: "superseded", version: VERSION, customerId: CUSTOMER_ID } },
  ),
  exemplified(
    billCustomer,
    {
      input: changed,
      output: { outcome: "created", stripeCustomerId: "cus_1", version: VERSION, adjusted: ["phone"] },
    },
    { input: deleted, output: { outcome: "none", stripeCustomerId: null, version: VERSION } },
    { input: changed, output: { outcome: "waiting" } },
  ),
  exemplified(
    noteRun,
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
  ),
  exemplified(planBackfill, {
    input: backfill({ entity, batchSize: 500 }),
    output: {
      records: 1_000,
      salesforce: { apiCalls: 20, callsLeft: 100_000, reserve: 10_000 },
      ...{ usd: 0.02, billedPerSecond: 12.5, billingMinutes: 2 },
    },
  }),
  exemplified(startQuery, { input: backfill({ entity }), output: { jobId: JOB } }),
  exemplified(
    checkQuery,
    { input: backfill({ jobId: JOB }), output: { state: "running" } },
    { input: backfill({ jobId: JOB }), output: { state: "gone", reason: "NOT_FOUND" } },
  ),
  exemplified(
    storePage,
    {
      input: backfill({ ...page, locator: null }),
      output: { state: "stored", records: 10_000, locator: "MTAwMDA" },
    },
    { input: backfill({ ...page, locator: "MTAwMDA" }), output: { state: "stored", records: 1, locator: null } },
    { input: backfill({ ...page, locator: null }), output: { state: "gone", reason: "NOT_FOUND" } },
  ),
  exemplified(loadBatch, {
    input: backfill({ records: [{ Id: CUSTOMER_ID, SystemModstamp: "2026-01-01T00:00:00.000+0000" }] }),
    output: { compared: 1, sent: 1, equal: 0, behind: 0, unusable: 0 },
  }),
  exemplified(keepBatch, {
    input: backfill({
      entity,
      recordIds: [CUSTOMER_ID],
      failure: { Error: "ContractError", Cause: "{}" },
      executionArn: "arn:aws:states:us-east-1:123456789012:execution:backfill/LoadPage:1",
    }),
    output: { compared: 1, sent: 0, equal: 0, behind: 0, unusable: 0, parked: 1 },
  }),
] as const;
