import { describe, expect, test } from "@jest/globals";
import { createClock } from "./clock.ts";

const HOUR = 3_600_000;

describe("a clock that is advanced", () => {
  test("is later for everybody who looks", () => {
    const clock = createClock(20);
    const before = clock.now();
    clock.advance(HOUR);
    expect(clock.now() - before).toBeGreaterThanOrEqual(HOUR);
    expect(clock.now() - before).toBeLessThan(HOUR + 10_000);
    expect(clock.offset).toBe(HOUR);
  });

  test("counts an advance once, whatever the scale", () => {
    const clock = createClock(1000);
    const since = clock.now();
    clock.advance(HOUR);
    const after = clock.now();
    expect(clock.elapsed(since)).toBeGreaterThanOrEqual(HOUR);
    expect(clock.elapsed(since)).toBeLessThan(HOUR + 10_000_000);
    expect(clock.elapsed(after)).toBeLessThan(HOUR);
  });

  test("tells time stamps as they are counted, and back, before, within and after an advance", () => {
    const clock = createClock(20);
    const begin = clock.now();
    clock.advance(HOUR);
    const end = clock.now();
    const stamps = [begin - 1000, begin, begin + HOUR / 2, end, end + 1000];
    const counted = stamps.map((stamp) => clock.counted(stamp));
    expect(counted).toEqual([...counted].sort((a, b) => a - b));
    expect((counted[4] as number) - (counted[3] as number)).toBe(20_000);
    expect((counted[2] as number) - (counted[1] as number)).toBeLessThanOrEqual(HOUR / 2 + 1000);
    for (const [index, stamp] of stamps.entries())
      expect(Math.abs(clock.stampOf(counted[index] as number) - stamp)).toBeLessThan(1);
  });

  test("ends the waits that are over, and shortens the others", async () => {
    const clock = createClock();
    const done: string[] = [];
    const one = clock.sleep(HOUR).then(() => done.push("an hour"));
    const cancel = clock.after(3 * HOUR, () => done.push("three hours"));
    clock.advance(HOUR);
    await one;
    expect(done).toEqual(["an hour"]);
    clock.advance(2 * HOUR);
    await clock.sleep(1);
    expect(done).toEqual(["an hour", "three hours"]);
    cancel();
  });

  test("leaves alone what was cancelled", async () => {
    const clock = createClock();
    let ran = false;
    clock.after(HOUR, () => {
      ran = true;
    })();
    clock.advance(2 * HOUR);
    await clock.sleep(1);
    expect(ran).toBe(false);
  });

  test("waits longer than a timer can", async () => {
    const clock = createClock();
    let ran = false;
    const cancel = clock.after(60 * 24 * HOUR, () => {
      ran = true;
    });
    await clock.sleep(20);
    expect(ran).toBe(false);
    clock.advance(60 * 24 * HOUR);
    await clock.sleep(1);
    expect(ran).toBe(true);
    cancel();
  });
});
