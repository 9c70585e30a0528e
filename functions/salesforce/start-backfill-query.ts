import { z } from "zod";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { backfillInput, entitySchema } from "./backfill/input.ts";
import { backfillQuery } from "./backfill/pages.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const input = backfillInput(z.looseObject({ entity: entitySchema }));
const production = lazy(() => createOrgs("background"));

/** Starts the query job of a backfill. */
export async function start({ metadata, data }: z.infer<typeof input>, orgs: Orgs = production()) {
  const { id } = await orgs.salesforce(metadata.orgId).bulk.createQuery(backfillQuery(data.entity));
  return { jobId: id };
}

export const handler = taskHandler(input, (task) => start(task));
