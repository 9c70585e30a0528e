import { z } from "zod";
import type { InputOf } from "#shared/contracts/task.ts";
import { storePage as task } from "#shared/contracts/tasks/store-page.ts";
import { readEnv } from "#shared/env.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { createObjectStore, type ObjectStore } from "#shared/object-store.ts";
import { storePage } from "./backfill/pages.ts";
import { createOrgs, type Orgs } from "./org/orgs.ts";

const production = lazy(() => ({
  orgs: createOrgs("background"),
  objects: createObjectStore(readEnv({ BACKFILL_BUCKET: z.string().min(1) }).BACKFILL_BUCKET),
}));

/** Brings one page of the query job's result into the bucket. */
export async function store(
  { metadata, data }: InputOf<typeof task>,
  { orgs, objects }: { orgs: Orgs; objects: ObjectStore } = production(),
) {
  return storePage(data, orgs.salesforce(metadata.orgId), objects);
}

export const handler = taskHandler(task, (input) => store(input));
