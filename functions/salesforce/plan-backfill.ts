import { z } from "zod";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { backfillInput, entitySchema } from "./backfill/input.ts";
import { planBackfill } from "./backfill/plan.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const input = backfillInput(z.looseObject({ entity: entitySchema, batchSize: z.int().positive() }));
const production = lazy(() => createOrgs("background"));

/** Counts the records of a backfill and says what it will take. */
export async function plan({ metadata, data }: z.infer<typeof input>, orgs: Orgs = production()) {
  const salesforce = orgs.salesforce(metadata.orgId);
  const { totalSize } = await salesforce.query(`SELECT COUNT() FROM ${data.entity}`);
  const { apiReserve } = await salesforce.connection();
  const usage = await salesforce.readUsage();
  return planBackfill(totalSize, data.batchSize, { ...usage, reserve: apiReserve });
}

export const handler = taskHandler(input, (task) => plan(task));
