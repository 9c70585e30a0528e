import { ACCOUNT } from "../mapping/mapping.ts";
import { sweepAccounts, sweepChosen, sweepDeletedAccounts, sweepStore } from "./accounts.ts";
import { sweepBehind } from "./behind.ts";
import type { Phase } from "./progress.ts";
import { sweepContents, sweepDeletedRelated, sweepRelated } from "./related.ts";
import type { SweepScope, WorkPage } from "./scope.ts";

/** One part of a sweep, worked page by page. */
export interface PhaseWork {
  readonly name: Phase;
  readonly work: WorkPage;
}

/**
 * What a sweep does, one after the other. What moved is found in the organisation; what left no record there is found by
 * the delete log, or by asking for everything that is stored. A related record that is gone may not say which account it
 * belonged to, so a full sweep of its object compares the content of every customer. Who is behind a target has no part in
 * any window, and is compared in each.
 */
export function phasesOf({ entity, full, ids }: Pick<SweepScope, "entity" | "full" | "ids">): readonly PhaseWork[] {
  if (ids) return [{ name: "records", work: sweepChosen }];
  if (entity === ACCOUNT)
    return [
      { name: "records", work: sweepAccounts },
      ...(full
        ? [{ name: "store" as const, work: sweepStore }]
        : [
            { name: "log" as const, work: sweepDeletedAccounts },
            { name: "behind" as const, work: sweepBehind },
          ]),
    ];
  if (full) return [{ name: "contents", work: sweepContents }];
  return [
    { name: "records", work: sweepRelated },
    { name: "log", work: sweepDeletedRelated },
  ];
}
