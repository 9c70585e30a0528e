import type { InputOf } from "#shared/contracts/task.ts";
import { checkQuery as task } from "#shared/contracts/tasks/check-query.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { checkQuery } from "./backfill/pages.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const production = lazy(() => createOrgs("background"));

/** Says whether the query job of a backfill has its result. */
export async function check({ metadata, data }: InputOf<typeof task>, orgs: Orgs = production()) {
  return checkQuery(data.jobId, orgs.salesforce(metadata.orgId));
}

export const handler = taskHandler(task, (input) => check(input));
