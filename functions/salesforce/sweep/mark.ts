import { z } from "zod";
import { TransientError } from "#shared/errors.ts";
import type { StateTable } from "#shared/state-table.ts";
import { keys } from "../org/keys.ts";
import type { SweepScope } from "./scope.ts";

/** Before any record of Salesforce. */
const BEGINNING = new Date(0).toISOString();

const markSchema = z.looseObject({ until: z.iso.datetime() });
const TRIES = 3;

/** Until when an object is known to be equal, ISO 8601; undefined when it was never swept, or nobody can read since when. */
export async function readMark(
  state: Pick<StateTable, "read">,
  orgId: string,
  entity: string,
): Promise<string | undefined> {
  return (await state.read(keys.sweep(orgId, entity), markSchema))?.value?.until;
}

/**
 * Notes that an object is equal until the end of a sweep, unless something between was never swept.
 * @throws TransientError when others kept writing the mark
 */
export async function moveMark(
  { orgId, entity, window }: SweepScope,
  state: Pick<StateTable, "read" | "replace">,
): Promise<void> {
  const key = keys.sweep(orgId, entity);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const kept = await state.read(key, markSchema);
    // A mark that cannot be read is as good as none: everything is compared, and that sweep writes a new one.
    const until = kept?.value?.until ?? BEGINNING;
    if (window.from > until || window.to <= until) return;
    if (await state.replace(key, { until: window.to }, kept?.revision ?? 0)) return;
  }
  throw new TransientError("MARK_CONTENDED", `The end of the sweep of ${entity} could not be noted ${TRIES} times.`);
}
