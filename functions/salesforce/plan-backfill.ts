import { z } from "zod";
import type { InputOf } from "#shared/contracts/task.ts";
import { planBackfill as task } from "#shared/contracts/tasks/plan-backfill.ts";
import { readEnv } from "#shared/env.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { planBackfill } from "./backfill/plan.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const environment = { STRIPE_RATE: z.coerce.number().positive(), BULK_BATCH_SIZE: z.coerce.number().int().positive() };
const production = lazy(() => {
  const { STRIPE_RATE: stripeRate, BULK_BATCH_SIZE: batchSize } = readEnv(environment);
  return { orgs: createOrgs("background") as Orgs, lane: { stripeRate, batchSize } };
});

/** Counts the records of a backfill and says what it will take. */
export async function plan({ metadata, data }: InputOf<typeof task>, { orgs, lane } = production()) {
  const salesforce = orgs.salesforce(metadata.orgId);
  const { totalSize } = await salesforce.query(`SELECT COUNT() FROM ${data.entity}`);
  const { apiReserve } = await salesforce.connection();
  const usage = await salesforce.readUsage();
  return planBackfill(totalSize, data.batchSize, { ...usage, reserve: apiReserve }, lane);
}

export const handler = taskHandler(task, (input) => plan(input));
