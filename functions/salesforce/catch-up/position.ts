import { z } from "zod";
import type { StateTable } from "#shared/state-table.ts";

const positionSchema = z.object({
  /** Replay id of the last event behind us, hexadecimal. */
  replayId: z.string().regex(/^(?:[0-9a-f]{2})+$/),
  /** Epoch milliseconds: changes that were committed until then are behind us. */
  commitTimestamp: z.int(),
  /** Epoch milliseconds: when the position was stored. */
  updatedAt: z.int(),
});

/** How far a channel has been read. */
export type Position = z.infer<typeof positionSchema>;

/** The stored position of one channel, as this reader knows it. */
export interface StoredPosition {
  readonly current: Position | undefined;
  /** Moves it, unless another reader has done so meanwhile: false then, and nothing is changed. */
  advance(next: Pick<Position, "replayId" | "commitTimestamp">): Promise<boolean>;
}

/** Reads the position kept under a key. */
export async function openPosition(
  state: Pick<StateTable, "read" | "replace">,
  key: string,
  now: () => number,
): Promise<StoredPosition> {
  const kept = await state.read(key, positionSchema);
  let current = kept?.value;
  let revision = kept?.revision ?? 0;
  return {
    get current() {
      return current;
    },
    async advance({ replayId, commitTimestamp }) {
      const next = { replayId, commitTimestamp, updatedAt: now() };
      const moved = await state.replace(key, next, revision);
      if (!moved) return false;
      current = next;
      revision += 1;
      return true;
    },
  };
}
