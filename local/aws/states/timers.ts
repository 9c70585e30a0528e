import type { Clock } from "../kernel/clock.ts";

/** setTimeout fires at once above 2^31 - 1 ms, so longer times are cut into pieces. */
const LONGEST_MS = 2 ** 30;

/** Waits `ms` scaled milliseconds, however many. @throws the signal's reason when it is aborted first */
export async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (let left = ms; left > 0; left -= LONGEST_MS) await clock.sleep(Math.min(left, LONGEST_MS), signal);
}

/** Runs `action` after `ms` real milliseconds; returns its cancellation. */
export function afterReal(ms: number, action: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    timer = setTimeout(() => (left > LONGEST_MS ? arm(left - LONGEST_MS) : action()), Math.min(left, LONGEST_MS));
  };
  arm(Math.max(0, ms));
  return () => clearTimeout(timer);
}

/**
 * Runs `work` until it settles, `timeoutMs` real milliseconds are over, or `outer` is aborted.
 * The signal given to `work` is aborted as soon as one of them happens.
 * @throws what `work` threw, `timeout()` or the reason of `outer`
 */
export function withTimeout<T>(
  work: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number | undefined,
  timeout: () => Error,
  outer: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const end = (settle: () => void, reason?: unknown) => {
      cancel?.();
      outer.removeEventListener("abort", interrupted);
      controller.abort(reason);
      settle();
    };
    const fail = (reason: unknown) => end(() => reject(reason), reason);
    const interrupted = () => fail(outer.reason);
    const cancel = timeoutMs === undefined ? undefined : afterReal(timeoutMs, () => fail(timeout()));
    if (outer.aborted) return fail(outer.reason);
    outer.addEventListener("abort", interrupted, { once: true });
    work(controller.signal).then((value) => end(() => resolve(value)), fail);
  });
}
