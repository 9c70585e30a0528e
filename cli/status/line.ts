import { describeFailure } from "../failure.ts";

/** One thing that was looked at. */
export interface Line {
  readonly name: string;
  /** Undefined when it cannot be told, or was never there. */
  readonly ok: boolean | undefined;
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** A line of what helps, but is not needed: what cannot be read is said and is nobody's alarm. */
export async function optional(name: string, look: () => Promise<Line>): Promise<Line> {
  return look().catch((error) => ({ name, ok: undefined, text: `cannot be told: ${describeFailure(error).sentence}` }));
}

/** A line of several organisations: as bad as the worst of them. */
export function together(name: string, lines: readonly (Omit<Line, "name"> & { readonly orgId: string })[]): Line {
  const [only] = lines;
  const text = lines.length === 1 && only ? only.text : lines.map((line) => `${line.orgId}: ${line.text}`).join("; ");
  const ok = lines.some((line) => line.ok === false)
    ? false
    : lines.every((line) => line.ok) && only
      ? true
      : undefined;
  const advice = lines.find((line) => line.ok === false)?.advice;
  return { name, ok, text: text || "no organisation is connected", ...(advice ? { advice } : {}) };
}
