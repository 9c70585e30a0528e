import { setTimeout as sleep } from "node:timers/promises";
import type { Kernel } from "../../local/aws/kernel/kernel.ts";

const POLL_MS = 100;

/**
 * Waits until `look` no longer throws, and answers with what it found: write what should become true as assertions.
 * @throws the last assertion error after `patienceMs`
 */
export async function eventually<T>(look: () => Promise<T> | T, patienceMs = 30_000): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}

const QUIET_MS = 150;
/** Some functions wait for more to come for as long as they may. */
const LONGEST_RUN_MS = 5_000;

/** Waits until nothing has happened in the twin for a moment, and no function works or starts. */
export async function untilQuiet(kernel: Pick<Kernel, "on" | "off" | "underWay">): Promise<void> {
  const began = performance.now();
  let last = began;
  const note = () => {
    last = performance.now();
  };
  const isWorking = () => performance.now() - began < LONGEST_RUN_MS && kernel.underWay("lambda", "Invoke") > 0;
  kernel.on("activity", note);
  try {
    while (performance.now() - last < QUIET_MS || isWorking()) await sleep(QUIET_MS / 5);
  } finally {
    kernel.off("activity", note);
  }
}
