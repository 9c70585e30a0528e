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

/** Waits until nothing has happened in the twin for a moment, and no function works or starts, or for so long. */
export async function untilQuiet(
  kernel: Pick<Kernel, "on" | "off" | "underWay">,
  mostMs = Number.POSITIVE_INFINITY,
): Promise<void> {
  const began = performance.now();
  let last = began;
  const note = () => {
    last = performance.now();
  };
  const passed = () => performance.now() - began;
  const isWorking = () => passed() < LONGEST_RUN_MS && kernel.underWay("lambda", "Invoke") > 0;
  const isBusy = () => performance.now() - last < QUIET_MS || isWorking();
  kernel.on("activity", note);
  try {
    while (passed() < mostMs && isBusy()) await sleep(QUIET_MS / 5);
  } finally {
    kernel.off("activity", note);
  }
}
