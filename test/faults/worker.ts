/** A process with one fleet of its own: works each run of cells that it is sent, until nobody sends any more. */
import type { Cell } from "./cells.ts";
import { type Outcome, runCells } from "./run.ts";
import { startWorld, type World } from "./world.ts";

let world: Promise<World> | undefined;

process.on("message", async (cells: Cell[]) => {
  process.send?.(await work(cells));
});
process.once("disconnect", async () => {
  await world?.then(({ stop }) => stop()).catch(() => undefined);
  process.exit();
});

async function work(cells: readonly Cell[]): Promise<Outcome> {
  try {
    world ??= startWorld();
    return await runCells(await world, cells);
  } catch (error) {
    const problems = [`the run broke off: ${error instanceof Error ? error.message : String(error)}`];
    return { cells: cells.map((cell) => ({ cell, hits: 0 })), problems, healedAfter: 0, realMs: 0 };
  }
}
