import { z } from "zod";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { backfillInput } from "./backfill/input.ts";
import { checkQuery } from "./backfill/pages.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const input = backfillInput(z.looseObject({ jobId: z.string() }));
const production = lazy(() => createOrgs("background"));

/** Says whether the query job of a backfill has its result. */
export async function check({ metadata, data }: z.infer<typeof input>, orgs: Orgs = production()) {
  return checkQuery(data.jobId, orgs.salesforce(metadata.orgId));
}

export const handler = taskHandler(input, (task) => check(task));
