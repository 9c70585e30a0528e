import { z } from "zod";
import { createBehind } from "#shared/behind/behind.ts";
import { noteRun } from "#shared/contracts/tasks/note-run.ts";
import { readEnv } from "#shared/env.ts";
import { withStack } from "#shared/handler/stack.ts";
import { billedIn } from "#shared/handler/successes.ts";
import { lazy } from "#shared/lazy.ts";
import { createParkedTable } from "#shared/parked/table.ts";
import { awayUntil, createBreakers } from "#shared/targets/breakers.ts";
import { type FailedRun, type FailureDependencies, noteFailure } from "./failure.ts";

const environment = {
  CUSTOMERS_TABLE: z.string().min(1),
  PARKED_TABLE: z.string().min(1),
  FLEET_STATE_TABLE: z.string().min(1),
  GIVE_UP_AFTER_SECONDS: z.coerce.number().int().positive(),
};

const production = lazy((): FailureDependencies => {
  const { CUSTOMERS_TABLE, PARKED_TABLE, FLEET_STATE_TABLE, GIVE_UP_AFTER_SECONDS } = readEnv(environment);
  const breakers = createBreakers(FLEET_STATE_TABLE);
  return {
    behind: createBehind(CUSTOMERS_TABLE),
    park: createParkedTable(PARKED_TABLE).park,
    now: Date.now,
    giveUpAfterSeconds: GIVE_UP_AFTER_SECONDS,
    billedLast: billedIn(FLEET_STATE_TABLE).last,
    awayUntil: async () => awayUntil(await breakers.list(), "billing", Date.now()),
  };
});

/** Notes what became of a run that could not go on; its input is whatever the run was given. */
export const note = (run: FailedRun, deps = production()) => noteFailure(run, deps);

export const handler = withStack(noteRun.input, (run) => note(run));
