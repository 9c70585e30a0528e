import { type Cell, FAULTS } from "./cells.ts";
import type { Hop } from "./hops.ts";
import type { Walk } from "./targets.ts";

/**
 * Where a hop lies. What lies on one way is used one after the other, so that of two hops which are down for long the
 * second is never met.
 */
type Lane = Exclude<Walk, "change"> | "chain" | "write-back" | "slack";

/** Lanes of which the first blocks the others of its line. */
const TOGETHER: readonly (readonly Lane[])[] = [["chain"], ["write-back", "slack"], ["behind"], ["refused"]];
/** Lanes with a beginning of their own, which go with any other. */
const BESIDE: readonly Lane[] = ["sweep", "catch-up", "backfill", "duplicates", "poison"];

/** More would meet each other's retries, and a failure would say less. */
const MOST = 12;

/**
 * Divides cells into runs: all of one run have the same duration and do not hide each other.
 * @param most hops of one run that let work through after a few calls
 */
export function packsOf(cells: readonly Cell[], most = MOST): Cell[][] {
  const durations = [...new Set(cells.map(({ duration }) => duration))];
  return durations.flatMap((duration) => {
    const some = cells.filter((cell) => cell.duration === duration);
    const short = some.filter((cell) => isPassing(cell));
    return [...passingPacks(short, most), ...longPacks(some.filter((cell) => !isPassing(cell)))];
  });
}

/** A short fault lets the work through after a few calls, to the next hop and its fault. */
function isPassing({ duration, fault }: Cell): boolean {
  return duration === "short" && fault !== "missing permission" && fault !== "crash";
}

function passingPacks(cells: readonly Cell[], most: number): Cell[][] {
  return FAULTS.flatMap((fault) => {
    const some = cells.filter((cell) => cell.fault === fault);
    const groups = [...TOGETHER.slice(2), ...BESIDE.map((lane) => [lane]), ["chain", "write-back", "slack"] as const];
    return groups.flatMap((lanes) =>
      chunks(
        some.filter(({ hop }) => (lanes as readonly Lane[]).includes(laneOf(hop))),
        most,
      ),
    );
  });
}

function chunks(cells: readonly Cell[], most: number): Cell[][] {
  const count = Math.ceil(cells.length / most);
  return Array.from({ length: count }, (_, index) => cells.slice(index * most, (index + 1) * most));
}

/** One cell of every lane that goes together. */
function longPacks(cells: readonly Cell[]): Cell[][] {
  const lanes = Map.groupBy(cells, ({ hop }) => laneOf(hop));
  const take = (lane: Lane) => lanes.get(lane)?.shift();
  const packs: Cell[][] = [];
  for (;;) {
    const line = TOGETHER.map((group) => group.flatMap((lane) => take(lane) ?? [])).find((group) => group.length > 0);
    // What Salesforce does not answer, everybody lacks.
    const beside = line?.some(({ hop }) => hop.kind === "endpoint" && hop.endpoint.target === "salesforce")
      ? []
      : BESIDE;
    const pack = [...(line ?? []), ...beside.flatMap((lane) => take(lane) ?? [])];
    if (pack.length === 0) return packs;
    packs.push(pack);
  }
}

export function laneOf(hop: Hop): Lane {
  if (hop.walk !== "change") return hop.walk;
  if (/slack/i.test(hop.id)) return "slack";
  if (/write-back/.test(hop.id) || hop.id.includes("PATCH")) return "write-back";
  return "chain";
}
