import { z } from "zod";
import { BoundedRegExp, SearchTimedOut } from "../../bounded-regexp.ts";

/**
 * Faults that break the connection or the timing. `…AfterEffect` and `timeoutAfterSuccess` happen once the work is done:
 * the server has changed and the client does not know.
 */
const TRANSPORT_FAULTS = [
  "socketReset",
  "socketResetAfterEffect",
  "timeout",
  "timeoutAfterSuccess",
  "slow",
  "truncatedBody",
] as const;

const ruleSchema = z
  .strictObject({
    /** HTTP method; absent or `*` matches all. */
    method: z.string().default("*"),
    /** Glob over the path without its query: `*` within a segment, `**` over segments. */
    path: z.string().startsWith("/"),
    /** First matching call that fails, counted from 1. */
    nth: z.int().positive().default(1),
    /** How many calls fail; by default 1, or all when a probability is given. */
    times: z.int().positive().optional(),
    probability: z.number().min(0).max(1).optional(),
    /** Seed of the probability's random numbers: the same seed fails the same calls. */
    seed: z.int().default(1),
    /** A transport fault or a name that the emulator knows. */
    error: z.string().optional(),
    status: z.int().min(100).max(599).optional(),
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    /** For `slow`: milliseconds before the call is served. */
    delayMs: z.int().nonnegative().default(1000),
  })
  .refine((rule) => (rule.error === undefined) !== (rule.status === undefined), {
    message: "give either 'error' or 'status'",
  });

/** A fault that one call has drawn. */
export type DrawnFault = Pick<z.output<typeof ruleSchema>, "error" | "status" | "body" | "headers" | "delayMs">;

/** A rule as it stands. */
export type ArmedRule = z.infer<typeof ruleSchema> & {
  readonly id: number;
  /** Calls that fitted. */
  readonly matchedCalls: number;
  /** Calls that it will fail; `null` when there is no end to them. */
  readonly timesLeft: number | null;
};

interface Armed {
  readonly id: number;
  readonly rule: z.output<typeof ruleSchema>;
  readonly pattern: RegExp;
  readonly random: () => number;
  seen: number;
  left: number;
}

/** The faults that wait for a matching call. */
export class Faults {
  readonly #known: ReadonlySet<string>;
  #armed: Armed[] = [];
  #nextId = 1;

  constructor(names: readonly string[]) {
    this.#known = new Set([...TRANSPORT_FAULTS, ...names]);
  }

  /** @throws Error that names the wrong member, or the errors that exist when `error` is unknown */
  add(input: unknown): { id: number } {
    const parsed = ruleSchema.safeParse(input);
    if (!parsed.success) throw new Error(`The fault is not valid: ${z.prettifyError(parsed.error)}`);
    const rule = parsed.data;
    if (rule.error !== undefined && !this.#known.has(rule.error))
      throw new Error(`There is no fault '${rule.error}'; there are: ${[...this.#known].sort().join(", ")}.`);
    const id = this.#nextId++;
    const unlimited = rule.probability === undefined ? 1 : Number.POSITIVE_INFINITY;
    const random = seededRandom(rule.seed);
    this.#armed.push({ id, rule, pattern: globPattern(rule.path), random, seen: 0, left: rule.times ?? unlimited });
    return { id };
  }

  /** The fault for this call, if one is due; the first rule that fits is used up by one. */
  draw(method: string, path: string): DrawnFault | undefined {
    for (const armed of this.#armed) if (armed.left > 0 && matches(armed, method, path)) return take(armed);
    return undefined;
  }

  list(): readonly ArmedRule[] {
    return this.#armed.map(({ id, rule, seen, left }) => ({
      id,
      ...rule,
      matchedCalls: seen,
      timesLeft: Number.isFinite(left) ? left : null,
    }));
  }

  /** Takes single faults back; the others stay. */
  remove(ids: ReadonlySet<number>): void {
    this.#armed = this.#armed.filter(({ id }) => !ids.has(id));
  }

  clear(): void {
    this.#armed = [];
  }
}

/** A small seeded generator (mulberry32) of numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function matches(armed: Armed, method: string, path: string): boolean {
  const { rule } = armed;
  if (rule.method !== "*" && rule.method.toUpperCase() !== method) return false;
  if (!isMet(armed.pattern, path)) return false;
  armed.seen += 1;
  if (armed.seen < rule.nth) return false;
  return rule.probability === undefined || armed.random() < rule.probability;
}

/** A pattern of too many stars fits nothing. */
function isMet(pattern: RegExp, path: string): boolean {
  try {
    return pattern.test(path);
  } catch (cause) {
    if (cause instanceof SearchTimedOut) return false;
    throw cause;
  }
}

function take(armed: Armed): DrawnFault {
  armed.left -= 1;
  return armed.rule;
}

/** More than these take more than moments on a long path. */
const MANY_STARS = 4;

function globPattern(glob: string): RegExp {
  const source = glob
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")))
    .join("");
  return glob.split("*").length > MANY_STARS ? new BoundedRegExp(`^${source}$`) : new RegExp(`^${source}$`);
}
