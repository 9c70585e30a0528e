import { z } from "zod";
import { describeError } from "../errors.ts";
import { log } from "../observability.ts";
import { createStateTable, type StateTable } from "../state-table.ts";

/** Remembers that something works for others, so that whoever fails alone can be told from what fails for all. */
export interface Successes {
  /** Notes a success: at once, or every half minute at most. Never throws: it is only said in the log. */
  note(atOnce?: boolean): Promise<void>;
  /** Epoch milliseconds of the last one; 0 when nobody knows. @throws what DynamoDB answers, in the fleet's errors */
  last(): Promise<number>;
}

const EVERY_MS = 30_000;
const KEPT_MS = 15 * 86_400_000;
const schema = z.looseObject({ at: z.number() });

/** The successes under this name, in the table that all functions share. */
export function createSuccesses(name: string, state: StateTable, now: () => number): Successes {
  const key = `success#${name}`;
  let notedAt = Number.NEGATIVE_INFINITY;
  return {
    async note(atOnce = false) {
      const at = now();
      if (!atOnce && at - notedAt < EVERY_MS) return;
      notedAt = at;
      const options = { expiresAt: Math.ceil((at + KEPT_MS) / 1000) };
      await state.writeMany([{ key, value: { at } }], options).catch((error) => {
        log().warn("A success could not be kept", { error: describeError(error) });
      });
    },
    async last() {
      return (await state.readMany([key], schema)).get(key)?.value?.at ?? 0;
    },
  };
}

/** Customers brought to billing, by whichever lane. */
export function billedIn(tableName: string): Successes {
  return createSuccesses("customer-sync/billing", createStateTable(tableName), Date.now);
}
