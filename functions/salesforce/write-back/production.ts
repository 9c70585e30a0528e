import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { readEnv } from "#shared/env.ts";
import { createStateTable } from "#shared/state-table.ts";
import { awayUntil, createBreakers } from "#shared/targets/breakers.ts";
import { inChange } from "#shared/tracing.ts";
import { createOrgs } from "../org/orgs.ts";
import type { WriteBackDependencies } from "./write-outcomes.ts";

const name = z.string().min(1);
const environment = {
  SALESFORCE_STATE_TABLE: name,
  CUSTOMERS_TABLE: name,
  FLEET_STATE_TABLE: name,
  GIVE_UP_AFTER_SECONDS: z.coerce.number().int().positive(),
};

/** The write-back on AWS, as its environment has it. */
export function productionDependencies(): WriteBackDependencies {
  const env = readEnv(environment);
  const breakers = createBreakers(env.FLEET_STATE_TABLE);
  return {
    orgs: { live: createOrgs("live"), background: createOrgs("background") },
    state: createStateTable(env.SALESFORCE_STATE_TABLE),
    behind: createBehind(env.CUSTOMERS_TABLE),
    inChange,
    now: Date.now,
    giveUpAfterSeconds: env.GIVE_UP_AFTER_SECONDS,
    awayUntil: async (orgId) => awayUntil(await breakers.list(), "salesforce", Date.now(), orgId),
  };
}
