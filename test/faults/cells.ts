import { apartOf } from "./apart.ts";
import type { Hop } from "./hops.ts";

export const FAULTS = [
  "error",
  "throttle",
  "timeout",
  "lost answer",
  "duplicate",
  "reorder",
  "crash",
  "missing permission",
] as const;
export type FaultName = (typeof FAULTS)[number];

export const DURATIONS = { short: 0, "2 minutes": 120, "2 hours": 7_200 } as const;
export type Duration = keyof typeof DURATIONS;

/**
 * How work comes to its end: nobody does anything; or a person takes it up again, because AWS itself gave it up at once, or
 * because a backfill, which a person has begun, has ended with what only a person can mend.
 */
export type Ending = "by itself" | "by a redrive" | "by a resume";

/** One fault at one hop for some time, with changes of every kind meanwhile. */
export interface Cell {
  readonly hop: Hop;
  readonly fault: FaultName;
  readonly duration: Duration;
  readonly ending: Ending;
}

const EVERY_CALL: readonly FaultName[] = ["error", "throttle", "timeout", "lost answer"];

/** The faults that a hop can have. */
const POSSIBLE: Readonly<Record<Hop["kind"], readonly FaultName[]>> = {
  // Salesforce's own: nobody has a permission to take away, and none of our processes to crash.
  feed: [...EVERY_CALL, "duplicate", "reorder"],
  delivery: [...EVERY_CALL, "duplicate", "reorder", "missing permission"],
  mapping: [...EVERY_CALL, "duplicate", "reorder", "crash", "missing permission"],
  // Somebody waits for the answer, so nothing overtakes; a call made twice is one whose answer was lost.
  action: [...EVERY_CALL, "crash", "missing permission"],
  endpoint: [...EVERY_CALL, "crash", "missing permission"],
};

/** Why a hop cannot have a fault; undefined when it can. */
export function whyNot(hop: Hop, fault: FaultName): string | undefined {
  if (!POSSIBLE[hop.kind].includes(fault)) return hop.kind === "feed" ? "Salesforce's own" : "does not arise";
  if (fault === "crash" && hop.kind === "action" && !/LambdaFunction$/.test(hop.caller)) return "does not arise";
  return apartOf(hop)?.when;
}

function endingOf(hop: Hop, fault: FaultName): Ending {
  if (fault !== "missing permission") return "by itself";
  // EventBridge tries nothing again that it may not do: the event goes to the dead-letter queue at once.
  if (hop.kind === "delivery") return "by a redrive";
  const endsBackfill = hop.walk === "backfill" && hop.kind !== "mapping";
  return endsBackfill ? "by a resume" : "by itself";
}

/** The whole matrix, in a fixed order. */
export function cellsOf(hops: readonly Hop[]): Cell[] {
  return (Object.keys(DURATIONS) as Duration[]).flatMap((duration) =>
    FAULTS.flatMap((fault) =>
      hops
        .filter((hop) => whyNot(hop, fault) === undefined)
        .map((hop) => ({ hop, fault, duration, ending: endingOf(hop, fault) })),
    ),
  );
}
