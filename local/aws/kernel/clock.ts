/**
 * Time as the twin sees it. A scale above 1 shortens *waits* (retry delays, visibility timeouts, batching
 * windows, event ages); time stamps stay real, and limits on real work (function and task timeouts) are never scaled.
 */
export interface Clock {
  /** How many times shorter waits are than real ones. */
  readonly scale: number;
  /** Wall-clock milliseconds since the epoch, never scaled. */
  now(): number;
  /** Milliseconds since `since`, as a service would have counted them: real time multiplied by the scale. */
  elapsed(since: number): number;
  /** Runs `action` once after `ms` (scaled) milliseconds; returns its cancellation. */
  after(ms: number, action: () => void): () => void;
  /** Resolves after `ms` (scaled) milliseconds; rejects with the signal's reason if it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A clock whose waits are `scale` times shorter than real ones; 1 is real time. */
export function createClock(scale = 1): Clock {
  const after = (ms: number, action: () => void) => {
    const timer = setTimeout(action, Math.max(0, ms / scale));
    return () => clearTimeout(timer);
  };
  return {
    scale,
    now: () => Date.now(),
    elapsed: (since) => (Date.now() - since) * scale,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = () => {
          cancel();
          reject(signal?.reason);
        };
        const cancel = after(ms, () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        });
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
  };
}
