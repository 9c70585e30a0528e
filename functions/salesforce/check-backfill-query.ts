import { z } from "zod";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { backfillInput } from "./backfill/input.ts";
import { isDone } from "./backfill/pages.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const input = backfillInput(z.looseObject({ jobId: z.string() }));
const production = lazy(() => createOrgs("background"));

/** Says whether the query job of a backfill has its result. */
export async function check({ metadata, data }: z.infer<typeof input>, orgs: Orgs = production()) {
  return { done: isDone(await orgs.salesforce(metadata.orgId).bulk.readJob(data.jobId)) };
}

export const handler = taskHandler(input, (task) => check(task));
