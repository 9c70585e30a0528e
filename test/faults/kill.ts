import { setTimeout as sleep } from "node:timers/promises";
import type { Principal } from "../../local/aws/kernel/service.ts";
import { Random } from "../hostile/random.ts";
import { eventually } from "../support/wait.ts";
import { recover } from "./run.ts";
import { createAccounts, deleteAccounts, updateAccounts, type World } from "./world.ts";

/** About as long as most functions work. */
const LATEST_MS = 40;

export interface Killing {
  readonly changes: number;
  readonly kills: number;
  readonly seed: number;
}

/**
 * Kills all functions that work, at random moments, while people create, change and delete accounts.
 * @returns what is not as it must be hours later, and how many functions were killed in the midst of their work
 */
export async function killWhileChanging(world: World, { changes, kills, seed }: Killing) {
  const random = new Random(seed);
  const { kernel } = world.current;
  const callers = new Map<string, Principal>();
  kernel.on("activity", ({ principal }) => {
    if (principal.kind === "role") callers.set(principal.arn, principal);
  });
  const moments = new Set(
    Array.from({ length: kills }, (_, index) => momentOf(index, { changes, kills, seed }, random)),
  );
  let killed = 0;
  for (let at = 0; at < changes; at += 1) {
    await change(world, random);
    if (!moments.has(at)) continue;
    killed += await inTheMidstOfWork(world, random);
    for (const caller of callers.values()) kernel.emit("crash", caller);
    world.blows += 1;
  }
  const { problems, healedAfter } = await recover(world, async () => []);
  return { problems, healedAfter, killed };
}

/** Waits for a moment at which functions work. @returns how many do */
async function inTheMidstOfWork({ current: { kernel } }: World, random: Random): Promise<number> {
  const working = () => kernel.underWay("lambda", "Invoke");
  await eventually(() => {
    if (working() === 0) throw new Error("No function works.");
  });
  await sleep(random.between(0, LATEST_MS));
  return working();
}

/** One moment in every part of the changes. */
function momentOf(index: number, { changes, kills }: Killing, random: Random): number {
  const part = changes / kills;
  return Math.floor(index * part) + random.between(0, Math.max(1, Math.floor(part)));
}

async function change(world: World, random: Random): Promise<void> {
  const alive = world.ledger.alive().map(({ id }) => id);
  const chance = random.between(0, 100);
  if (alive.length < 10 || chance < 30) await createAccounts(world, 1);
  else if (chance < 85) await updateAccounts(world, [random.pick(alive)]);
  else await deleteAccounts(world, [random.pick(alive)]);
}
