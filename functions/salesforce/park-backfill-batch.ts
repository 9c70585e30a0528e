import { z } from "zod";
import type { InputOf } from "#shared/contracts/task.ts";
import { keepBatch as task } from "#shared/contracts/tasks/keep-batch.ts";
import { readEnv } from "#shared/env.ts";
import { taskHandler } from "#shared/handler/task.ts";
import { lazy } from "#shared/lazy.ts";
import { createParkedTable } from "#shared/parked/table.ts";
import { parkBatch } from "./backfill/park-batch.ts";
import type { ParkDependencies } from "./sweep/park.ts";

const environment = { PARKED_TABLE: z.string().min(1) };
const production = lazy(
  (): ParkDependencies => ({ park: createParkedTable(readEnv(environment).PARKED_TABLE).park, now: Date.now }),
);

/** Keeps a batch that only a person can decide about. */
export async function park({ metadata, data }: InputOf<typeof task>, deps = production()) {
  return parkBatch(data, metadata, deps);
}

export const handler = taskHandler(task, (input) => park(input));
