import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Retrier } from "./definition/types.ts";
import { StateError } from "./errors.ts";
import { matches, RetryCounters, retryDelay } from "./retry.ts";
import { TaskTimeout } from "./tokens.ts";

// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-retrying-after-an-error

const retriers = fc.record(
  {
    ErrorEquals: fc.constant(["States.ALL"]),
    IntervalSeconds: fc.integer({ min: 1, max: 1000 }),
    BackoffRate: fc.double({ min: 1, max: 10, noNaN: true }),
    MaxDelaySeconds: fc.integer({ min: 1001, max: 31_622_400 }),
    MaxAttempts: fc.integer({ min: 0, max: 20 }),
  },
  { requiredKeys: ["ErrorEquals"] },
) as fc.Arbitrary<Retrier>;

describe("retry delays", () => {
  test("defaults: one second, doubled", () => {
    const retrier = { ErrorEquals: ["States.ALL"] };
    expect([1, 2, 3].map((attempt) => retryDelay(retrier, attempt, 0.5))).toEqual([1000, 2000, 4000]);
  });

  test("grow with every attempt and never pass the maximum", () => {
    fc.assert(
      fc.property(retriers, fc.integer({ min: 1, max: 30 }), (retrier, attempt) => {
        const delay = retryDelay(retrier, attempt, 0.5);
        expect(delay).toBeGreaterThanOrEqual(retryDelay(retrier, Math.max(1, attempt - 1), 0.5));
        expect(delay).toBeLessThanOrEqual((retrier.MaxDelaySeconds ?? Number.POSITIVE_INFINITY) * 1000);
        expect(delay).toBeGreaterThanOrEqual(1000);
      }),
    );
  });

  test("full jitter stays between nothing and the plain delay", () => {
    fc.assert(
      fc.property(
        retriers,
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (retrier, attempt, random) => {
          const jittered = retryDelay({ ...retrier, JitterStrategy: "FULL" }, attempt, random);
          expect(jittered).toBeGreaterThanOrEqual(0);
          expect(jittered).toBeLessThanOrEqual(retryDelay(retrier, attempt, random));
        },
      ),
    );
  });

  test("there are exactly MaxAttempts of them, three by default", () => {
    fc.assert(
      fc.property(retriers, (retrier) => {
        const counters = new RetryCounters([retrier]);
        let retries = 0;
        while (counters.next(new StateError("Any"), () => 0) !== undefined) retries += 1;
        expect(retries).toBe(retrier.MaxAttempts ?? 3);
      }),
    );
  });
});

describe("retry counters", () => {
  test("each retrier counts its own attempts", () => {
    const counters = new RetryCounters([
      { ErrorEquals: ["A"], MaxAttempts: 1, IntervalSeconds: 5 },
      { ErrorEquals: ["B"], MaxAttempts: 2, IntervalSeconds: 7 },
    ]);
    const next = (error: string) => counters.next(new StateError(error), () => 0);
    expect([next("A"), next("B"), next("B")]).toEqual([5000, 7000, 14_000]);
    expect([next("A"), next("B")]).toEqual([undefined, undefined]);
  });

  test("a used-up retrier hides the later ones that would match", () => {
    const counters = new RetryCounters([
      { ErrorEquals: ["A"], MaxAttempts: 0 },
      { ErrorEquals: ["States.ALL"], MaxAttempts: 9 },
    ]);
    expect(counters.next(new StateError("A"), () => 0)).toBeUndefined();
    expect(counters.next(new StateError("B"), () => 0)).toBe(1000);
  });
});

describe("error names", () => {
  test.each<[string, StateError, boolean]>([
    ["States.ALL", new StateError("Mine"), true],
    ["States.ALL", new StateError("States.Timeout"), true],
    ["States.ALL", new StateError("States.Runtime"), false],
    ["States.ALL", new StateError("States.DataLimitExceeded"), true],
    ["States.ALL", new StateError(undefined), true],
    ["States.TaskFailed", new StateError("Mine"), true],
    ["States.TaskFailed", new StateError("States.Permissions"), true],
    ["States.TaskFailed", new StateError("States.Timeout"), false],
    ["States.Timeout", new TaskTimeout("task"), true],
    ["States.HeartbeatTimeout", new TaskTimeout("task"), false],
    ["States.HeartbeatTimeout", new TaskTimeout("heartbeat"), true],
    ["States.Timeout", new TaskTimeout("heartbeat"), true],
    ["States.Runtime", new StateError("States.Runtime"), false],
    ["Mine", new StateError("Mine"), true],
    ["Mine", new StateError("Mine2"), false],
  ])("%s matches %s: %s", (name, error, expected) => {
    expect(matches([name], error)).toBe(expected);
  });
});
