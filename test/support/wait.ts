import { setTimeout as sleep } from "node:timers/promises";

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
