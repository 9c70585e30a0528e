import type { Cell } from "./cells.ts";
import type { Hop } from "./hops.ts";
import type { Walk } from "./targets.ts";
import { isOfRepeats, outageFor } from "./troubles.ts";

/** Where a hop lies. What lies on one way is used one after the other. */
type Lane = Exclude<Walk, "change"> | "chain" | "write-back" | "slack";

/** Lanes that are worked together: what goes through one goes through the next. */
const LINES: readonly (readonly Lane[])[] = [
  ["chain", "write-back", "slack"],
  ["behind"],
  ["refused"],
  ["obsolete"],
  ["buried"],
];
/** Lanes with a beginning of their own, which go with any other. */
const BESIDE: readonly Lane[] = ["sweep", "catch-up", "backfill", "duplicates", "poison"];

/** Hops of one way in a run. More would meet each other's retries, and what is down for hours would be given up by age. */
const MOST = { passing: 12, short: 8, "2 minutes": 8, "2 hours": 8 } as const;

/**
 * Divides cells into runs: all of one run have the same duration. Several hops of one way are met one after the other: the
 * next when the one before has gone.
 * @param passing hops of one way in a run that let work through after a few calls
 */
export function packsOf(cells: readonly Cell[], passing: number = MOST.passing): Cell[][] {
  const durations = [...new Set(cells.map(({ duration }) => duration))];
  return durations.flatMap((duration) => {
    const some = cells.filter((cell) => cell.duration === duration);
    const [short, long] = partition(some, isPassing);
    return [...packs(short, passing), ...packs(long, MOST[duration])];
  });
}

/** A short fault lets the work through after a few calls, to the next hop and its fault. */
function isPassing({ duration, fault }: Cell): boolean {
  return duration === "short" && fault !== "missing permission" && fault !== "crash";
}

/** A part of a line and of every lane beside it in each. */
function packs(cells: readonly Cell[], most: number): Cell[][] {
  const [everybodys, others] = partition(cells, isNeededByAll);
  const lines = LINES.flatMap((lanes) => partsOf(ofLanes(others, lanes), most));
  const beside = BESIDE.map((lane) => partsOf(ofLanes(others, [lane]), most));
  const count = Math.max(lines.length, ...beside.map(({ length }) => length));
  const mixed = Array.from({ length: count }, (_, index) => [lines, ...beside].flatMap((parts) => parts[index] ?? []));
  return [...chunks(everybodys, most), ...mixed];
}

/** What Salesforce does not answer, everybody lacks. */
function isNeededByAll({ hop }: Cell): boolean {
  return hop.kind === "endpoint" && hop.endpoint.target === "salesforce" && hop.walk === "change";
}

function partsOf(cells: readonly Cell[], most: number): Cell[][] {
  const [alone, together] = partition(cells, isAlone);
  const [ofRepeats, others] = partition(together, ({ hop }) => isOfRepeats(hop));
  return [
    ...chunks(others, most),
    // What makes messages come again keeps a function from all its other work.
    ...turnsOf(ofRepeats, callerOf).flatMap((some) => chunks(some, most)),
    ...turnsOf(alone, occasionOf),
  ];
}

/** One of each kind in turn. */
function turnsOf(cells: readonly Cell[], kindOf: (cell: Cell) => string): Cell[][] {
  const turns: Cell[][] = [];
  const counts = new Map<string, number>();
  for (const cell of cells) {
    const turn = counts.get(kindOf(cell)) ?? 0;
    counts.set(kindOf(cell), turn + 1);
    turns[turn] = [...(turns[turn] ?? []), cell];
  }
  return turns;
}

const callerOf = ({ hop }: Cell) => (hop.kind === "action" ? hop.caller : hop.id);

/** What is over once it was met leaves nothing for the next: a backfill that ended, an outage that has passed. */
function isAlone(cell: Cell): boolean {
  return cell.ending === "by a resume" || (cell.hop.walk !== "behind" && outageFor(cell.hop) !== undefined);
}

/** What one run has once: the end of its backfill, or the outage of an endpoint. */
const occasionOf = ({ hop, ending }: Cell) => (ending === "by a resume" ? ending : String(outageFor(hop)));

function ofLanes(cells: readonly Cell[], lanes: readonly Lane[]): Cell[] {
  return cells.filter(({ hop }) => lanes.includes(laneOf(hop)));
}

function chunks(cells: readonly Cell[], most: number): Cell[][] {
  const count = Math.ceil(cells.length / most);
  // Those of one fault lie beside each other; together they would have each other's copies to work.
  return Array.from({ length: count }, (_, chunk) => cells.filter((_, index) => index % count === chunk));
}

function partition(cells: readonly Cell[], test: (cell: Cell) => boolean): [Cell[], Cell[]] {
  return [cells.filter(test), cells.filter((cell) => !test(cell))];
}

export function laneOf(hop: Hop): Lane {
  if (hop.walk !== "change") return hop.walk;
  if (/slack/i.test(hop.id)) return "slack";
  if (/write-back/.test(hop.id) || hop.id.includes("PATCH")) return "write-back";
  return "chain";
}
