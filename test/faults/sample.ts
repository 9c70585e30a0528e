import { type Cell, FAULTS } from "./cells.ts";
import { laneOf, packsOf } from "./packs.ts";

/** Hops of one run in the sample: fewer runs, less told by one that fails. */
const MOST = 40;

/**
 * Runs that meet every hop, every fault and every duration at least once: all hops fail for a few calls, and one of each
 * lane in every other way and for longer. The same template gives the same sample.
 */
export function sampleOf(cells: readonly Cell[]): Cell[][] {
  const short = cells.filter(({ duration }) => duration === "short");
  const errors = packsOf(
    short.filter(({ fault }) => fault === "error"),
    MOST,
  );
  const others = FAULTS.slice(1).map((fault, index) =>
    nthOfLanes(
      short.filter((cell) => cell.fault === fault),
      index,
    ),
  );
  const longer = (["2 minutes", "2 hours"] as const).map((duration, index) =>
    nthOfLanes(
      cells.filter((cell) => cell.duration === duration && cell.fault === "error"),
      index,
    ),
  );
  return [...errors, ...others, ...longer];
}

/** Of the lanes that have a way of their own, one cell each; another one for each number. */
function nthOfLanes(cells: readonly Cell[], number: number): Cell[] {
  const lanes = Map.groupBy(cells, ({ hop }) => laneOf(hop));
  return (["chain", "sweep", "backfill"] as const).flatMap((lane) => {
    const some = lanes.get(lane) ?? [];
    return some[(number * 7) % some.length] ?? [];
  });
}
