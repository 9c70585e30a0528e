/** A clock that moves only when everybody who works by it is waiting. */
export interface VirtualClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Works until everything given has ended, moving the clock from one waiter to the next. */
  run<T>(works: readonly (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]>;
}

/**
 * Starts at `start`. Only `wait` makes time pass: real input and output takes none, so that many functions against one
 * real table are seen side by side at one moment.
 */
export function virtualClock(start: number): VirtualClock {
  let time = start;
  let working = 0;
  let waiting: { at: number; wake: () => void }[] = [];

  function advance(): void {
    if (working > 0 || waiting.length === 0) return;
    time = Math.min(...waiting.map(({ at }) => at));
    const due = waiting.filter(({ at }) => at === time);
    waiting = waiting.filter(({ at }) => at !== time);
    working += due.length;
    for (const { wake } of due) wake();
  }

  return {
    now: () => time,

    wait(ms) {
      return new Promise((wake) => {
        waiting.push({ at: time + ms, wake });
        working -= 1;
        advance();
      });
    },

    run(works) {
      working += works.length;
      const ended = works.map((work) =>
        work().finally(() => {
          working -= 1;
          advance();
        }),
      );
      return Promise.allSettled(ended);
    },
  };
}
