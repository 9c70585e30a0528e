import { isProbing } from "./breaker.ts";
import type { Row } from "./gate-table.ts";

/** What one function knows of the rows, so that 10,000 pieces of work during an outage do not ask 10,000 times. */
export interface Memory {
  /** The last row seen. */
  get(key: string): Row | undefined;
  /** Whether the breaker was seen open so lately that the table need not be asked. */
  believesOpen(key: string): boolean;
  /** Keeps a row and gives it back. */
  keep(key: string, row: Row): Row;
  /** Keeps a row that could not be written: this function at least obeys it. */
  keepUnsaved(key: string, row: Row): void;
}

/** So long after a breaker closed some functions still find it open. */
export const BELIEVED_MS = 5_000;
/** A probe is decided within about a second. */
const PROBE_BELIEVED_MS = 1_000;

export function createMemory(now: () => number): Memory {
  const rows = new Map<string, { row: Row; believedUntil: number }>();
  return {
    get: (key) => rows.get(key)?.row,

    believesOpen(key) {
      const known = rows.get(key);
      return known?.row.breaker.open !== undefined && now() < known.believedUntil;
    },

    keep(key, row) {
      const { open } = row.breaker;
      const probing = open !== undefined && isProbing(open, now());
      rows.set(key, { row, believedUntil: now() + (probing ? PROBE_BELIEVED_MS : BELIEVED_MS) });
      return row;
    },

    keepUnsaved(key, row) {
      rows.set(key, { row, believedUntil: row.breaker.open?.until ?? 0 });
    },
  };
}
