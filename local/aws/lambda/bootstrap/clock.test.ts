import { afterAll, expect, test } from "@jest/globals";
import { shiftClock, trueNow } from "./clock.ts";

const HOUR_MS = 3_600_000;
const RealDate = Date;

afterAll(() => {
  shiftClock(0);
  globalThis.Date = RealDate;
});

test("every way to ask for the time follows a shift, also one that was kept before the first", () => {
  const kept = Date.now;
  const start = trueNow();
  expect(kept() - start).toBeLessThan(HOUR_MS);
  shiftClock(HOUR_MS);
  for (const moment of [kept(), Date.now(), Date.parse(new Date().toISOString())])
    expect(moment - start).toBeGreaterThanOrEqual(HOUR_MS);
  expect(trueNow() - start).toBeLessThan(HOUR_MS);
});
