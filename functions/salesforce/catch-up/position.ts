import { z } from "zod";
import { describeIssues } from "#shared/issues.ts";
import { log } from "#shared/observability.ts";
import type { StateTable } from "#shared/state-table.ts";

/** Epoch milliseconds that a Date can hold. https://tc39.es/ecma262/#sec-time-values-and-time-range */
export const momentSchema = z.int().nonnegative().max(8_640_000_000_000_000);

const positionSchema = z.object({
  /** Replay id of the last event behind us, hexadecimal. */
  replayId: z.string().regex(/^(?:[0-9a-f]{2})+$/),
  /** Epoch milliseconds: changes that were committed until then are behind us. */
  commitTimestamp: momentSchema,
  /** Epoch milliseconds: when the position was stored. */
  updatedAt: momentSchema,
  /** Epoch milliseconds: commit of the first change that the live feed missed since it brought one. */
  missingSince: momentSchema.optional(),
});

/** What is left of a position that cannot be read: no place in the channel, at most a time. */
const remainsSchema = z.object({ commitTimestamp: momentSchema });

/** How far a channel has been read. */
export type Position = z.infer<typeof positionSchema>;

/** A position from which nobody can go on. */
export interface LostPosition {
  readonly replayId?: string;
  /** Changes that were committed until then were behind it; absent when nobody knows. */
  readonly commitTimestamp: number | undefined;
}

/** The stored position of one channel, as this reader knows it. */
export interface StoredPosition {
  readonly current: Position | undefined;
  /** There is one, but it cannot be read. */
  readonly lost: LostPosition | undefined;
  /**
   * Moves it, unless another reader has done so meanwhile: false then, and nothing is changed. A position that could not
   * be read again, such as one without a replay id, is never stored: the last good one stays.
   */
  advance(next: Omit<Position, "updatedAt">): Promise<boolean>;
}

/** Reads the position kept under a key. */
export async function openPosition(
  state: Pick<StateTable, "read" | "replace">,
  key: string,
  now: () => number,
): Promise<StoredPosition> {
  // By a schema that takes everything: of what cannot be read, the time may still be told.
  const kept = await state.read(key, z.unknown());
  const parsed = positionSchema.safeParse(kept?.value);
  let current = parsed.data;
  let lost: LostPosition | undefined =
    kept && !parsed.success
      ? { commitTimestamp: remainsSchema.safeParse(kept.value).data?.commitTimestamp }
      : undefined;
  let revision = kept?.revision ?? 0;
  return {
    get current() {
      return current;
    },
    get lost() {
      return lost;
    },
    async advance(moved) {
      const next = positionSchema.safeParse({ ...moved, updatedAt: now() });
      if (!next.success) {
        const problems = describeIssues(next.error.issues);
        log().warn("Salesforce gave no position that could be kept; the last good one stays", { key, problems });
        return true;
      }
      if (!(await state.replace(key, next.data, revision))) return false;
      current = next.data;
      lost = undefined;
      revision += 1;
      return true;
    },
  };
}

/** Notes that a channel was read as far as it went: a position that stays where it was does not tell. */
export async function noteLook(state: Pick<StateTable, "read" | "replace">, key: string, at: number): Promise<void> {
  const kept = await state.read(key, z.unknown());
  // Where another run has noted a look meanwhile, that one serves.
  await state.replace(key, { at }, kept?.revision ?? 0);
}
