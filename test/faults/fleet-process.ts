import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Cell } from "./cells.ts";
import type { Outcome } from "./run.ts";

const WORKER = join(import.meta.dirname, "worker.ts");

/** A fleet in a process of its own, so that fleets side by side do not wait for each other. */
export class FleetProcess {
  readonly #child: ChildProcess = fork(WORKER, {
    serialization: "advanced",
    execArgv: ["--no-warnings"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });

  /** Works one run of cells. @throws Error when the process ends meanwhile */
  async work(cells: readonly Cell[]): Promise<Outcome> {
    const ended = new AbortController();
    const { signal } = ended;
    const died = once(this.#child, "exit", { signal }).then(([code]) => {
      throw new Error(`The fleet's process ended with ${code}.`);
    });
    try {
      this.#child.send(cells);
      const answered = once(this.#child, "message", { signal }).then(([outcome]): Outcome => outcome);
      const outcome = await Promise.race([answered, died]);
      // The caller's own cells, not the copies that went through the process.
      return { ...outcome, cells: outcome.cells.map(({ hits }, index) => ({ cell: cells[index] as Cell, hits })) };
    } finally {
      died.catch(() => undefined);
      ended.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
