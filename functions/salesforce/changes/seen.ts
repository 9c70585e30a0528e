import { describeError } from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import type { StateTable } from "#shared/state-table.ts";
import { keys } from "../org/keys.ts";
import type { ChangeEvent } from "./cdc.ts";

// A day longer than Salesforce keeps change events for a catch-up.
const SEEN_SECONDS = 4 * 24 * 3600;

/**
 * Marks changes as captured, so that a catch-up passes over what the live feed brought. A lost mark costs one more read
 * and never loses work, so a failure is only logged.
 * @param marks a change with those of its record ids, or placeholders of ids, that are settled
 * @param now epoch milliseconds
 */
export async function markSeen(
  state: Pick<StateTable, "writeMany">,
  orgId: string,
  marks: readonly { change: ChangeEvent; recordIds: readonly string[] }[],
  now: number,
): Promise<void> {
  const entries = marks.flatMap(({ change, recordIds }) =>
    recordIds.map((recordId) => ({ key: keys.seen(orgId, change, recordId), value: {} })),
  );
  if (entries.length === 0) return;
  const expiresAt = Math.floor(now / 1000) + SEEN_SECONDS;
  await state.writeMany(entries, { expiresAt }).catch((error) => {
    log().warn("Captured changes could not be marked as seen", {
      changes: entries.length,
      error: describeError(error),
    });
  });
}
