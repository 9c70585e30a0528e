import { z } from "zod";
import { chunks } from "../chunks.ts";
import { describeError } from "../errors.ts";
import type { Failing } from "../failing.ts";
import { hashOf } from "../hash.ts";
import { logger } from "../observability.ts";
import type { StateTable } from "../state-table.ts";
import { createSuccesses } from "./successes.ts";
import { type Known, type Mark, NOTHING_KNOWN, nextMark } from "./suspects.ts";

/**
 * Notices runs that end without an answer, and remembers since when messages fail. No method throws: without its table a
 * consumer works on, unprotected, and its log says so.
 */
export interface Attempts {
  /** What is known about messages that were handed out before. */
  look(messageIds: readonly string[]): Promise<Known>;
  /** Marks messages before their run of `size` messages; answers with the marks, also when they could not be kept. */
  begin(messageIds: readonly string[], size: number, known: Known): Promise<readonly Mark[]>;
  /** Takes the marks away: the run ended with an answer, whatever it was. Of `failing` is kept since when they fail. */
  end(messageIds: readonly string[], failing?: ReadonlyMap<string, Failing>): Promise<void>;
  /** Groups of suspects that this process has worked in the last minute; it would know of none if one had ended it. */
  readonly survived: number;
  /** Notes that this process has worked a group of suspects. */
  survive(): void;
  /** Remembers that the consumer works: at once while it has suspects, otherwise now and then. */
  succeeded(hasSuspects: boolean): Promise<void>;
}

/** For a consumer that gives nothing up. */
export const noAttempts: Attempts = {
  look: async () => NOTHING_KNOWN,
  begin: async () => [],
  end: async () => undefined,
  survived: 0,
  survive: () => undefined,
  succeeded: async () => undefined,
};

const KEPT_MS = 15 * 86_400_000;
const LATELY_MS = 60_000;
/** Strikes are kept in so many places, by the message: no place is ever read and written back. */
const SLOTS = 16;
const MAX_WRITE = 25;

const time = z.number();
const markSchema = z.looseObject({ firstAt: time, at: time, runs: time, size: time, alone: time, proven: z.boolean() });
const keptSchema = z.looseObject({
  mark: markSchema.optional(),
  failing: z.looseObject({ since: time, at: time }).optional(),
});
const strikeSchema = z.looseObject({ messageId: z.string(), at: time });

/**
 * Keeps marks in the table that all functions share, under the queue's name. One action each to read and to write: a role
 * that may mark may also take marks away.
 */
export function createAttempts(queueName: string, state: StateTable, now: () => number): Attempts {
  const keyOf = (messageId: string) => `attempt#${queueName}#${messageId}`;
  const strikeKey = (slot: number) => `strike#${queueName}#${slot}`;
  const successes = createSuccesses(queueName, state, now);
  const slots = Array.from({ length: SLOTS }, (_, slot) => strikeKey(slot));
  let survived = { groups: 0, at: Number.NEGATIVE_INFINITY };

  const options = () => ({ expiresAt: Math.ceil((now() + KEPT_MS) / 1000) });
  async function put(entries: readonly { key: string; value: unknown }[]): Promise<void> {
    await Promise.all(chunks(entries, MAX_WRITE).map((some) => state.writeMany(some, options())));
  }

  return {
    async look(messageIds) {
      const reading = Promise.all([
        state.readMany(messageIds.map(keyOf), keptSchema),
        successes.last(),
        state.readMany(slots, strikeSchema),
      ]);
      return reading.then(
        ([found, lastSuccess, strikes]): Known => {
          const kept = messageIds.map((id) => ({ id, ...found.get(keyOf(id))?.value }));
          return {
            marks: new Map(kept.flatMap(({ id, mark }) => (mark ? [[id, mark]] : []))),
            failing: new Map(kept.flatMap(({ id, failing }) => (failing ? [[id, failing]] : []))),
            lastSuccess,
            strikes: [...strikes.values()].flatMap(({ value }) => value ?? []),
          };
        },
        (error) => {
          unprotected("read", error);
          return NOTHING_KNOWN;
        },
      );
    },

    async begin(messageIds, size, { marks, failing, lastSuccess }) {
      const at = now();
      const next = messageIds.map((id) => ({ id, mark: nextMark(marks.get(id), size, lastSuccess, at) }));
      const strikes = messageIds.filter((id) => marks.get(id)?.size === 1);
      await put([
        ...next.map(({ id, mark }) => ({ key: keyOf(id), value: { mark, failing: failing.get(id) } })),
        ...strikes.map((messageId) => ({ key: strikeKey(slotOf(messageId)), value: { messageId, at } })),
      ]).catch((error) => unprotected("write", error));
      return next.map(({ mark }) => mark);
    },

    async end(messageIds, failing = new Map()) {
      const kept = messageIds.filter((id) => failing.has(id));
      const gone = messageIds.filter((id) => !failing.has(id));
      const works = chunks(gone.map(keyOf), MAX_WRITE).map((keys) => state.removeMany(keys));
      const notes = put(kept.map((id) => ({ key: keyOf(id), value: { failing: failing.get(id) } })));
      await Promise.all([notes, ...works]).catch((error) => unprotected("write", error));
    },

    get survived() {
      return now() - survived.at > LATELY_MS ? 0 : survived.groups;
    },

    survive() {
      survived = { groups: this.survived + 1, at: now() };
    },

    succeeded: (hasSuspects) => successes.note(hasSuspects),
  };
}

function slotOf(messageId: string): number {
  return Number.parseInt(hashOf(messageId).slice(0, 8), 16) % SLOTS;
}

function unprotected(what: "read" | "write", error: unknown): void {
  logger.warn(`Attempts could not be ${what === "read" ? "read" : "kept"}; a crash of this run will not be noticed`, {
    error: describeError(error),
  });
}
