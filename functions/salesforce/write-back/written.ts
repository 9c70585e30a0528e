import { z } from "zod";
import { hashOf } from "#shared/hash.ts";
import { canonicalValue, isWritten, type WrittenName, type WrittenValues } from "./fields.ts";
import { outcomeSchema } from "./outcome.ts";

/** Events may come late and in any order, so the last few values of a field are known as ours. */
const VALUES_PER_FIELD = 5;
/** Change events live for three days, and the archive's replay of them needs some more. */
const KEPT_SECONDS = 7 * 24 * 3600;
// 64 bits: an accident is out of question, and 15 of them stay within one write unit.
const HASH_LENGTH = 16;

/** Hashes of the values last written to a record, newest first, by field. */
export const writtenSchema = z.looseObject({ written: z.record(z.string(), z.array(z.string())) });

/** What the fleet remembers of a record it wrote to: `keys.written`. */
export const keptSchema = writtenSchema.extend({
  /** The newest outcome that is, or was about to be, told in the record. */
  outcome: outcomeSchema,
  /** How often in a row this very outcome was found overwritten by somebody else. */
  repairs: z.int().nonnegative(),
});

export type Written = z.infer<typeof writtenSchema>["written"];
export type Kept = z.infer<typeof keptSchema>;

/** Remembers values that are about to be written. */
export function remember(written: Written, values: WrittenValues): Written {
  const news = Object.entries(values).flatMap(([name, value]) => (isWritten(name) ? [[name, value] as const] : []));
  const lists = news.map(([name, value]) => {
    const hash = hashOfValue(name, value);
    const others = (written[name] ?? []).filter((known) => known !== hash);
    return [name, [hash, ...others].slice(0, VALUES_PER_FIELD)];
  });
  return { ...written, ...Object.fromEntries(lists) };
}

/** Whether the fleet wrote this value to the field a while ago. */
export function isKnown(written: Written, name: WrittenName, value: unknown): boolean {
  return written[name]?.includes(hashOfValue(name, value)) ?? false;
}

/** When to forget what is written at `now` (epoch milliseconds), in epoch seconds. */
export function forgetAt(now: number): number {
  return Math.ceil(now / 1000) + KEPT_SECONDS;
}

function hashOfValue(name: WrittenName, value: unknown): string {
  return hashOf(canonicalValue(name, value)).slice(0, HASH_LENGTH);
}
