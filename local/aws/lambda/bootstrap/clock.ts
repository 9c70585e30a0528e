const RealDate = Date;
const realNow = RealDate.now;
let offset = 0;
const now = () => realNow() + offset;

// From the start: a function that keeps `Date.now` from before the first shift is to see it too.
RealDate.now = now;

/** The runtime's own time, by which invocations time out. */
export const trueNow = (): number => realNow();

/** Puts every `Date` of this process ahead of real time, as the twin's clock is. */
export function shiftClock(clockOffset: number): void {
  if (offset === 0 && clockOffset !== 0) globalThis.Date = shifted();
  offset = clockOffset;
}

function shifted(): DateConstructor {
  return new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
  });
}
