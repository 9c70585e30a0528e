import type { TaskContract } from "#shared/contracts/task.ts";
import { checkQuery } from "#shared/contracts/tasks/check-query.ts";
import { keepBatch } from "#shared/contracts/tasks/keep-batch.ts";
import { loadBatch } from "#shared/contracts/tasks/load-batch.ts";
import { planBackfill } from "#shared/contracts/tasks/plan-backfill.ts";
import { startQuery } from "#shared/contracts/tasks/start-query.ts";
import { storePage } from "#shared/contracts/tasks/store-page.ts";

const TASKS: Readonly<Record<string, TaskContract>> = {
  plan: planBackfill,
  start: startQuery,
  check: checkQuery,
  store: storePage,
  load: loadBatch,
  park: keepBatch,
};

/** Holds what the definition hands to a function, and what a stand-in for it answers, against what was agreed. */
export async function agreed(name: string, payload: unknown, answer: () => unknown): Promise<unknown> {
  const { input, output } = TASKS[name] as TaskContract;
  input.parse(payload);
  return output.parse(await answer());
}
