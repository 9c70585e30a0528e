import type { TaskContract } from "#shared/contracts/task.ts";
import { checkQuery, keepBatch, loadBatch, planBackfill, startQuery, storePage } from "#shared/contracts/tasks.ts";

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
