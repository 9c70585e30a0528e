import { runFleetAt } from "../../cli/testing.ts";
import { compare } from "../hostile/compare.ts";
import { backlogOf } from "../hostile/fleet.ts";
import type { Armed } from "./armed.ts";
import { type Cell, DURATIONS } from "./cells.ts";
import { armWhole } from "./troubles.ts";
import { driversOf } from "./walks.ts";
import { createAccounts, deleteAccounts, pass, settle, updateAccounts, type World } from "./world.ts";

/** What became of the cells of one run. */
export interface Outcome {
  readonly cells: readonly { readonly cell: Cell; readonly hits: number }[];
  /** What is not as it must be, hours after the faults have gone. */
  readonly problems: readonly string[];
  /** Seconds on the scaled clock from the end of the faults until everything was equal. */
  readonly healedAfter: number;
  readonly realMs: number;
}

/** How the time of a fault passes once it is met, in seconds: hours at once, minutes one by one, for the reconciler's turns. */
const PARTS: Readonly<Record<Cell["duration"], readonly number[]>> = {
  short: [60],
  "2 minutes": [60, 60],
  "2 hours": [60, 3_540, 3_600],
};
const MINUTES = [60, 60, 60];
/** Real time that a part of a fault takes at most: those whom it keeps busy would be so for ever. */
const PART_MS = 1_500;
/** Real time in which the changes come to their first faults. */
const BEGIN_MS = 4_000;
/** Hits of a fault that ends by itself. */
const FEW = 100;
/** How it is waited until short faults have been met, a message that comes again after half an hour at the latest. */
const SPENDING: readonly number[] = [...MINUTES, 300, 60, 900, 60, 1_800, 60];
/** How it is waited until everything is equal; half an hour is the longest pause of the reconciler. */
const RECOVERY: readonly number[] = [
  ...[0, ...MINUTES, ...MINUTES],
  ...[300, ...MINUTES, 300, ...MINUTES, 300, ...MINUTES],
  ...[1_800, ...MINUTES, 1_800, ...MINUTES, 1_800, ...MINUTES, 1_800, ...MINUTES],
  ...[7_200, ...MINUTES, 7_200, ...MINUTES, 7_200, ...MINUTES],
];

/** Lets faults happen at once, with changes of every kind, and looks at every system after they have gone. */
export async function runCells(world: World, cells: readonly Cell[]): Promise<Outcome> {
  const began = performance.now();
  const drivers = driversOf(cells);
  for (const { prepare } of drivers) await prepare?.(world);
  const armed: Armed[] = [];
  for (const cell of cells) armed.push(await armWhole(world, cell));
  for (const { begin } of drivers) await begin?.(world);
  const touched = await changeEverything(world);
  await settle(world, BEGIN_MS);
  await pass(world, 60, BEGIN_MS);
  for (const { met } of drivers) await met?.(world);
  await untilSpent(world, armed);
  const lasting = cells.flatMap((cell, index) => {
    const one = armed[index];
    return one && one.most > FEW ? [{ cell, armed: one }] : [];
  });
  await oneAfterTheOther(world, lasting, touched);
  for (const one of armed) if (one.most <= FEW) await one.clear();
  for (const { mend } of drivers) await mend?.(world);
  world.blows += blowsOf(cells, armed);
  if (cells.some(({ ending }) => ending === "by a redrive")) await redriveAll(world);
  const { problems, healedAfter } = await recover(world, async () =>
    (await Promise.all(drivers.map(async (one) => (await one.problems?.(world)) ?? []))).flat(),
  );
  const hits = cells.map((cell, index) => ({ cell, hits: armed[index]?.hits() ?? 0 }));
  return { cells: hits, problems, healedAfter, realMs: performance.now() - began };
}

/** Crashes of several hops can meet one message twice, which is then parked as promised; those of one hop cannot. */
function blowsOf(cells: readonly Cell[], armed: readonly Armed[]): number {
  const crashes = armed.filter((_, index) => cells[index]?.fault === "crash");
  return crashes.length > 1 ? crashes.reduce((sum, one) => sum + one.hits(), 0) : 0;
}

/** Deletes what was changed last, changes what was made last, and makes new accounts. @returns what was changed */
async function changeEverything(world: World): Promise<string[]> {
  const { young, old } = world;
  await updateAccounts(world, young);
  await deleteAccounts(world, old);
  // One that is gone before anybody has read it.
  const brief = await createAccounts(world, 1);
  await updateAccounts(world, brief);
  await deleteAccounts(world, brief);
  world.old = young;
  world.young = await createAccounts(world);
  return young;
}

/** What a person does about what AWS itself has given up; what was overtaken meanwhile is skipped. */
async function redriveAll(world: World): Promise<void> {
  await settle(world);
  await pass(world, 60);
  const all = ["parked", "redrive", "--all", "--json", "--stage", "local"];
  const { out, err } = await runFleetAt(world.current.twin.origin, all);
  const failed = (JSON.parse(out || "[]") as { outcome: string; how: string }[]).filter(
    ({ outcome }) => outcome === "failed",
  );
  if (out === "" || failed.length > 0) throw new Error(`fleet parked redrive: ${failed[0]?.how ?? err}`);
}

/** A fault that lasts until it is taken away. */
interface Lasting {
  readonly cell: Cell;
  readonly armed: Armed;
}

/** Takes each fault away when it was met for its time; the next one on the same way is met then. What nothing meets goes at the end. */
async function oneAfterTheOther(world: World, lasting: readonly Lasting[], touched: readonly string[]): Promise<void> {
  let left = lasting;
  while (left.length > 0) {
    const duration = left[0]?.cell.duration ?? "short";
    if (DURATIONS[duration] > 0) await updateAccounts(world, touched.slice(0, 1));
    await waitUntil(world, () => left.some(isMet));
    const met = left.filter(isMet);
    if (met.length > 0) for (const seconds of PARTS[duration]) await pass(world, seconds, PART_MS);
    const over = met.length > 0 ? met : left;
    for (const { armed } of over) await armed.clear();
    left = left.filter((one) => !over.includes(one));
    await settle(world, PART_MS);
  }
}

/** Every change is an event, and events are counted only when their fault has gone. */
const isMet = ({ cell, armed }: Lasting) => armed.hits() > 0 || cell.hop.kind === "feed";

/** Lets faults that end by themselves do so: behind each of them the next one is met. */
async function untilSpent(world: World, armed: readonly Armed[]): Promise<void> {
  await waitUntil(world, () => armed.every((one) => one.hits() >= one.most || one.most > FEW));
}

/** Waits until something is so, or for the longest time after which a message comes again. */
async function waitUntil(world: World, isSo: () => boolean): Promise<void> {
  for (const seconds of SPENDING) {
    if (isSo()) return;
    await pass(world, seconds, PART_MS);
  }
}

/** Lets hours pass until everything is equal. */
export async function recover(
  world: World,
  more: () => Promise<string[]>,
): Promise<{ problems: string[]; healedAfter: number }> {
  let healedAfter = 0;
  let problems: string[] = [];
  for (const seconds of RECOVERY) {
    if (seconds > 0) await pass(world, seconds);
    else await settle(world);
    healedAfter += seconds;
    problems = await lookAtAll(world, more);
    if (problems.length === 0) break;
  }
  return { problems, healedAfter };
}

/** Everything that is not as it must be. */
async function lookAtAll(world: World, more: () => Promise<string[]>): Promise<string[]> {
  const { current, org, ledger } = world;
  const waiting = await backlogOf(current, { all: true });
  const backlog = [...waiting].map(([queue, count]) => `${count} messages in ${queue}`);
  const behind = (await current.stored()).filter(({ behindKey }) => behindKey);
  const left = behind.map(({ customerId, behindKey }) => `${customerId}: behind ${String(behindKey)}`);
  const known = [...backlog, ...left, ...(await more())];
  // The long look only when the short one finds nothing.
  if (known.length > 0) return known;
  const { problems } = await compare(world, org, ledger);
  return [...problems];
}
