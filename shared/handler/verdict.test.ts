import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import { readEnv } from "../env.ts";
import {
  ContractError,
  type FleetError,
  InvalidInputError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TargetUnavailableError,
  TransientError,
} from "../errors.ts";
import { NOW, recordOf } from "./testing.ts";
import { ageOf, judge } from "./verdict.ts";

const [HOUR, DAY] = [3_600, 86_400];
/** What becomes of a message that has failed ever since it was sent. */
const judged = (error: unknown, ageSeconds: number, receives = 1) =>
  judge(error, { ageSeconds, receives, failingSeconds: ageSeconds }, DAY, 0);

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

const ACCESS_DENIED = Object.assign(new Error("not authorized"), { name: "AccessDeniedException" });
const PASSING: [string, unknown][] = [
  ["TransientError", new TransientError("T", "down")],
  ["RateLimitedError", new RateLimitedError("R", "slow")],
  ["an error that is not ours", new TypeError("bug")],
  ["no error at all", "text"],
];
const PATIENT: [string, unknown][] = [
  ["TargetUnavailableError", new TargetUnavailableError("OPEN", "breaker open")],
  ["NotAuthorizedError", new NotAuthorizedError("D", "no")],
  ["AWS's own refusal", ACCESS_DENIED],
  ["a wrong environment", thrownBy(() => readEnv({ TABLE: z.string() }, {}))],
];
/** As the gate throws it while a target is away. */
const ofProbe = <E extends FleetError>(error: E): E => Object.assign(error, { wasProbe: true });
const FINAL: [string, unknown][] = [
  ["InvalidInputError", new InvalidInputError("I", "wrong")],
  ["RejectedByTargetError", new RejectedByTargetError("J", "no")],
  ["ContractError", new ContractError("C", "shape")],
];

describe("a message that failed with", () => {
  test.each(PASSING)("%s is tried again for a day", (_what, error) => {
    expect(judged(error, 0)).toEqual({ again: true, seconds: 5, denied: false });
    expect(judged(error, DAY - 1, 50)).toEqual({ again: true, seconds: 300, denied: false });
    expect(judged(error, DAY, 2)).toEqual({ again: false });
  });

  test.each(PASSING)("%s after days of waiting is tried again too", (_what, error) => {
    const waited = { ageSeconds: 12.9 * DAY, receives: 2 };
    expect(judge(error, { ...waited, failingSeconds: DAY - 1 }, DAY, 0)).toMatchObject({ again: true });
    expect(judge(error, { ...waited, failingSeconds: DAY }, DAY, 0)).toEqual({ again: false });
    expect(judge(error, { ...waited, ageSeconds: 13 * DAY, failingSeconds: 0 }, DAY, 0)).toEqual({ again: false });
  });

  test.each(PATIENT)("%s waits for days, until the queue would drop it", (_what, error) => {
    for (const age of [0, DAY, 12.9 * DAY]) expect(judged(error, age)).toMatchObject({ again: true });
    expect(judged(error, 13 * DAY)).toEqual({ again: false });
  });

  test.each([
    ofProbe(new TransientError("HTTP_503", "still down")),
    ofProbe(new RateLimitedError("DAILY_LIMIT", "still used up", { retryAfterSeconds: 3_600 })),
  ])("%s only because it was the one to look whether a target is back waits like all others", (error) => {
    for (const age of [0, DAY, 12.9 * DAY]) expect(judged(error, age)).toMatchObject({ again: true, denied: false });
    expect(judged(error, 13 * DAY)).toEqual({ again: false });
    expect(judged(ofProbe(new RejectedByTargetError("J", "no")), 0)).toEqual({ again: false });
  });

  test.each(FINAL)("%s is parked at once", (_what, error) => {
    expect(judged(error, 0)).toEqual({ again: false });
  });

  test.each(PATIENT.slice(1))("%s says so, for the alarm", (_what, error) => {
    expect(judged(error, 0)).toMatchObject({ denied: true });
  });
});

describe("a wait that the target names", () => {
  test.each([
    [new RateLimitedError("R", "slow", { retryAfterSeconds: 120 }), 120],
    [new RateLimitedError("R", "slow", { retryAfterSeconds: 3 * HOUR + 7 }), 3 * HOUR + 7],
    [new TargetUnavailableError("OPEN", "breaker open", { retryAfterSeconds: 41 }), 41],
    // SQS hides a message for 12 hours from its receipt, and some of them have passed.
    [new RateLimitedError("R", "tomorrow", { retryAfterSeconds: DAY }), 11 * HOUR],
    [new RateLimitedError("R", "now", { retryAfterSeconds: 0 }), 5],
  ])("%s is kept to the second, within what SQS can wait", (error, seconds) => {
    expect(judged(error, 0)).toMatchObject({ seconds });
    expect(judge(error, { ageSeconds: 0, receives: 1, failingSeconds: 0 }, DAY, 1)).toMatchObject({
      seconds: seconds === 5 ? expect.any(Number) : seconds,
    });
  });
});

test("the consumer's patience decides, and no wait is longer than SQS allows", () => {
  const errors = [...PASSING, ...PATIENT].map(([, error]) => error);
  fc.assert(
    fc.property(
      fc.constantFrom(...errors),
      fc.integer({ min: 0, max: 14 * DAY }),
      fc.integer({ min: 60, max: 13 * DAY }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 0, max: 14 * DAY }),
      (error, ageSeconds, giveUpAfter, receives, failing) => {
        const failingSeconds = Math.min(ageSeconds, failing);
        const verdict = judge(error, { ageSeconds, receives, failingSeconds }, giveUpAfter, 0.5);
        if (ageSeconds < 13 * DAY && failingSeconds < giveUpAfter) expect(verdict.again).toBe(true);
        if (ageSeconds >= 13 * DAY) expect(verdict.again).toBe(false);
        if (verdict.again) expect(ageSeconds + verdict.seconds).toBeLessThan(14 * DAY);
      },
    ),
  );
});

test.each([
  [1, new TargetUnavailableError("BUDGET", "used up", { retryAfterSeconds: 1 })],
  [60, new TargetUnavailableError("OPEN", "breaker open", { retryAfterSeconds: 60 })],
  [300, new TargetUnavailableError("OPEN", "breaker open", { retryAfterSeconds: 300 })],
  [30, new RateLimitedError("R", "slow", { retryAfterSeconds: 30 })],
  ["no", ACCESS_DENIED],
])(
  "waits of %s seconds do not use up the thousand receives of the queue in all the days that it keeps a message",
  (named, error) => {
    let [ageSeconds, receives] = [0, 1];
    const waits: number[] = [];
    for (;;) {
      const verdict = judge(error, { ageSeconds, receives, failingSeconds: ageSeconds }, DAY, 1);
      if (!verdict.again) break;
      waits.push(verdict.seconds);
      ageSeconds += verdict.seconds;
      receives += 1;
    }
    expect(receives).toBeLessThan(1_000);
    if (named !== "no") expect(new Set(waits.slice(0, 100))).toEqual(new Set([named]));
  },
);

test("the age counts from the sending, whatever the clocks say", () => {
  expect(ageOf(recordOf("m", "", 3, 90), NOW)).toBe(90);
  expect(ageOf(recordOf("m", "", 3, -5), NOW)).toBe(0);
});
