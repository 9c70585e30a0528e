import { z } from "zod";
import { TARGETS } from "#shared/behind/marks.ts";
import { driftCounts } from "#shared/contracts/events.ts";

/** What a sweep does one after the other; every phase goes through pages. */
export const phaseSchema = z.enum(["records", "log", "store", "contents", "behind", "end"]);

/** The last record that a phase has worked: the next page begins after it. */
export const positionSchema = z.object({
  /** 18 characters. */
  id: z.string().regex(/^[a-zA-Z0-9]{18}$/),
  /** Its moment, where the phase goes by moments. */
  at: z.iso.datetime().optional(),
  /** The target it is behind, where the phase goes by targets. */
  target: z.enum(TARGETS).optional(),
});

/** What was found so far, from the beginning of the sweep. */
export const countsSchema = z.object(driftCounts);

/** Where a sweep stands; the cursor of a request that goes on with it. */
export const progressSchema = z.object({
  phase: phaseSchema,
  after: positionSchema.optional(),
  counts: countsSchema,
});

export type Phase = z.infer<typeof phaseSchema>;
export type Position = z.infer<typeof positionSchema>;
export type Counts = z.infer<typeof countsSchema>;
export type Progress = z.infer<typeof progressSchema>;

export const NOTHING: Counts = {
  compared: 0,
  missing: 0,
  different: 0,
  deleted: 0,
  unexplained: 0,
  unusable: 0,
  apiCalls: 0,
};

/** Customers that were sent into the sync. */
export function repairsOf({ missing, different, deleted }: Counts): number {
  return missing + different + deleted;
}

export function addCounts(a: Counts, b: Partial<Counts>): Counts {
  const sum = Object.entries(a).map(([name, value]) => [name, value + (b[name as keyof Counts] ?? 0)]);
  return Object.fromEntries(sum) as Counts;
}
