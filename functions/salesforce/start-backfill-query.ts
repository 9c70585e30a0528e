import type { InputOf } from "#shared/contracts/task.ts";
import { startQuery as task } from "#shared/contracts/tasks/start-query.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { backfillQuery } from "./backfill/pages.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const production = lazy(() => createOrgs("background"));

/** Starts the query job of a backfill. */
export async function start({ metadata, data }: InputOf<typeof task>, orgs: Orgs = production()) {
  const { id } = await orgs.salesforce(metadata.orgId).bulk.createQuery(backfillQuery(data.entity));
  return { jobId: id };
}

export const handler = taskHandler(task, (input) => start(input));
