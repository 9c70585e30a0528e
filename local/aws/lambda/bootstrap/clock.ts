const RealDate = Date;
const realNow = RealDate.now;
let offset = 0;

/** The runtime's own time, by which invocations time out. */
export const trueNow = (): number => realNow();

/** Puts every `Date` of this process ahead of real time, as the twin's clock is. */
export function shiftClock(clockOffset: number): void {
  if (offset === 0 && clockOffset !== 0) globalThis.Date = shifted();
  offset = clockOffset;
}

// Whoever keeps `Date.now` itself, as a default argument does, keeps this one.
RealDate.now = () => realNow() + offset;

function shifted(): DateConstructor {
  return new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [RealDate.now()] : args, newTarget),
    apply: () => new RealDate(RealDate.now()).toString(),
  });
}
