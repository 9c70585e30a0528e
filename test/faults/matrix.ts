import type { Cell } from "./cells.ts";
import { FleetProcess } from "./fleet-process.ts";
import type { Outcome } from "./run.ts";

/** What became of one cell. */
export interface Result {
  readonly cell: Cell;
  readonly hits: number;
  readonly problems: readonly string[];
  readonly healedAfter: number;
}

export interface Options {
  /** Fleets that work at the same time. */
  readonly fleets: number;
  readonly say: (line: string) => void;
  /** Told of every result. */
  readonly onResult?: (result: Result) => void;
}

/** More would only wait for each other. */
export const MOST_FLEETS = 16;

/** Runs after which a fleet is replaced: what it has done is looked at after each. */
const RUNS_PER_FLEET = 25;

/** Works runs side by side; where one leaves something behind, each of its cells once more alone. */
export async function workPacks(runs: readonly Cell[][], options: Options): Promise<Result[]> {
  const packs = [...runs];
  const results: Result[] = [];
  let done = 0;
  let next = 0;
  const work = async (nextPack: () => Cell[] | undefined) => {
    let fleet: FleetProcess | undefined;
    let worked = 0;
    for (let pack = nextPack(); pack; pack = nextPack()) {
      fleet ??= new FleetProcess();
      const outcome = await fleet.work(pack);
      worked += 1;
      done += 1;
      options.say(`${done}/${packs.length}  ${describe(pack)}: ${verdict(outcome)}`);
      const isWell = outcome.problems.length === 0;
      if (!isWell && pack.length > 1) {
        packs.push(...pack.map((cell) => [cell]));
        options.say(`        one by one: ${outcome.problems.slice(0, 3).join("; ")}`);
      } else results.push(...toResults(outcome, options.onResult));
      if (!isWell || worked >= RUNS_PER_FLEET) {
        await fleet.stop();
        fleet = undefined;
        worked = 0;
      }
    }
    await fleet?.stop();
  };
  await Promise.all(Array.from({ length: options.fleets }, () => work(() => packs[next++])));
  return results;
}

/** Minutes and seconds since a moment: `3:07`. */
export function elapsed(since: number): string {
  const seconds = Math.round((Date.now() - since) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function toResults({ cells, problems, healedAfter }: Outcome, onResult: Options["onResult"]): Result[] {
  const results = cells.map(({ cell, hits }): Result => ({ cell, hits, problems, healedAfter }));
  for (const result of results) onResult?.(result);
  return results;
}

function describe(pack: readonly Cell[]): string {
  const [first] = pack;
  const faults = [...new Set(pack.map(({ fault }) => fault))].join(", ");
  return `${first?.duration}, ${faults}, ${pack.length === 1 ? first?.hop.id : `${pack.length} hops (${first?.hop.id}, …)`}`;
}

function verdict({ problems, healedAfter, realMs }: Outcome): string {
  const seconds = `${(realMs / 1000).toFixed(1)} s`;
  return problems.length === 0 ? `equal after ${healedAfter} s (${seconds})` : `NOT equal (${seconds})`;
}
