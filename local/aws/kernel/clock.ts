/**
 * Time as the twin sees it. A scale above 1 shortens *waits* (retry delays, visibility timeouts, batching
 * windows, event ages); time stamps run at real speed, and limits on real work (function and task timeouts) are never
 * scaled. `advance` lets a span of time be over at once, for everybody who waits or looks at the clock.
 */
export interface Clock {
  /** How many times shorter waits are than real ones. */
  readonly scale: number;
  /** Milliseconds since the epoch: real time, and what it was advanced by. */
  now(): number;
  /** Milliseconds since `since`, as a service would have counted them: real time multiplied by the scale, and advances. */
  elapsed(since: number): number;
  /** A time stamp (`now`) as a service counts time: the difference of two is what `elapsed` gives between them. */
  counted(at: number): number;
  /** The time stamp at which a service had counted so much. */
  stampOf(counted: number): number;
  /** Runs `action` once after `ms` (scaled) milliseconds; returns its cancellation. */
  after(ms: number, action: () => void): () => void;
  /** Resolves after `ms` (scaled) milliseconds; rejects with the signal's reason if it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** What all advances make together, in milliseconds. */
  readonly offset: number;
  /** Puts the clock forward by `ms`: what was due meanwhile happens now, once. */
  advance(ms: number): void;
  /** Tells of every advance; returns the end of it. */
  onAdvance(listener: () => void): () => void;
}

/** What was skipped at once, and the time stamp at which. */
interface Advance {
  readonly at: number;
  readonly ms: number;
}

/** Node.js runs a longer timer at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A clock whose waits are `scale` times shorter than real ones; 1 is real time. */
export function createClock(scale = 1): Clock {
  let offset = 0;
  const advances: Advance[] = [];
  const listeners = new Set<() => void>();
  const now = () => Date.now() + offset;
  const elapsed = (since: number) => {
    let advanced = 0;
    for (const { at, ms } of advances) if (at >= since) advanced += ms;
    return (now() - since - advanced) * scale + advanced;
  };
  const after = (ms: number, action: () => void) => {
    const since = now();
    let timer: NodeJS.Timeout;
    const cancel = () => {
      listeners.delete(wait);
      clearTimeout(timer);
    };
    const wait = () => {
      clearTimeout(timer);
      const left = (ms - elapsed(since)) / scale;
      timer = setTimeout(
        () => {
          if (left > LONGEST_TIMER_MS) return wait();
          cancel();
          action();
        },
        Math.min(LONGEST_TIMER_MS, Math.max(0, left)),
      );
    };
    listeners.add(wait);
    wait();
    return cancel;
  };
  return {
    scale,
    now,
    elapsed,
    counted: (at) => countedAt(at, scale, advances),
    stampOf: (counted) => stampAt(counted, scale, advances),
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
    get offset() {
      return offset;
    },
    advance(ms) {
      advances.push({ at: now(), ms });
      offset += ms;
      for (const listener of [...listeners]) listener();
    },
    onAdvance(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Between advances time counts by the scale; within one as it is. */
function countedAt(at: number, scale: number, advances: readonly Advance[]): number {
  let skipped = 0;
  for (const advance of advances) skipped += Math.max(0, Math.min(at - advance.at, advance.ms));
  return (at - skipped) * scale + skipped;
}

function stampAt(counted: number, scale: number, advances: readonly Advance[]): number {
  let skipped = 0;
  for (const { at, ms } of advances) {
    const begin = countedAt(at, scale, advances);
    if (counted <= begin) break;
    if (counted < begin + ms) return at + counted - begin;
    skipped += ms;
  }
  return (counted - skipped) / scale + skipped;
}
