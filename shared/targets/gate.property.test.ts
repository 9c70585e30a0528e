import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { NotAuthorizedError, RateLimitedError, RejectedByTargetError, TransientError } from "../errors.ts";
import { startTable } from "../testing/dynamo.ts";
import { virtualClock } from "../testing/virtual-clock.ts";
import { createBreakers } from "./breakers.ts";
import { createGate } from "./gate.ts";

// Several functions, each with a gate of its own, call one endpoint through one table. How their writes interleave is left
// to the real input and output; when they call, how long a call takes and how it ends is arbitrary.

const TABLE = "fleet-state-test";
const START = Date.parse("2026-01-01T00:00:00Z");
const RUNS = { numRuns: 15, endOnFailure: true };

let client: DynamoDBClient;
let close: () => Promise<void>;
let count = 0;

beforeAll(async () => {
  ({ client, close } = await startTable(TABLE, "key"));
});

afterAll(() => close());

type End = "well" | "failed" | "refused" | "rejected" | number;

interface Call {
  /** Milliseconds after the start. */
  readonly at: number;
  readonly gate: number;
  readonly subject: string;
  readonly bulk: boolean;
  readonly lasts: number;
  /** A number is a named wait in seconds. */
  readonly end: End;
}

interface Made extends Call {
  readonly from: number;
  readonly to: number;
}

const GATES = 4;
/** Shorter than the lease of a probe. */
const LONGEST_MS = 9_000;

function calls(within: number, ends: fc.Arbitrary<End>, subjects = 5): fc.Arbitrary<Call[]> {
  const call = fc.record({
    // Often at the same moment, or just after it, so that writes meet.
    at: fc.oneof(
      fc.nat({ max: within }),
      fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 20 })).map(([n, ms]) => (n * within) / 8 + ms),
    ),
    gate: fc.nat({ max: GATES - 1 }),
    subject: fc.nat({ max: subjects - 1 }).map(String),
    bulk: fc.boolean(),
    lasts: fc.oneof(fc.constant(0), fc.nat({ max: 20 }), fc.nat({ max: 500 }), fc.nat({ max: LONGEST_MS })),
    end: ends,
  });
  return fc.array(call, { minLength: 5, maxLength: 40 });
}

const well = fc.constant<End>("well");
const anyEnd = fc.oneof(
  { weight: 4, arbitrary: well },
  { weight: 4, arbitrary: fc.constant<End>("failed") },
  { weight: 1, arbitrary: fc.constantFrom<End>("refused", "rejected") },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20 }) },
);

function errorOf(end: End): Error | undefined {
  if (end === "well") return undefined;
  if (end === "failed") return new TransientError("api_error", "HTTP 503");
  if (end === "refused") return new NotAuthorizedError("invalid_api_key", "no");
  if (end === "rejected") return new RejectedByTargetError("parameter_invalid", "no");
  return new RateLimitedError("rate_limit", "slow down", { retryAfterSeconds: end });
}

/** Makes the calls; those of them that reached the target, in order, and whether the breaker opened. */
async function play(all: readonly Call[], rate: number | undefined, skews: readonly number[] = []) {
  count += 1;
  const target = `target${count}`;
  const clock = virtualClock(START);
  const options = { target, probeLeaseMs: 10_000, ...(rate ? { ratePerSecond: rate } : {}) };
  const gates = Array.from({ length: GATES }, (_, n) =>
    createGate(TABLE, options, { client, now: () => clock.now() + (skews[n] ?? 0), wait: clock.wait }),
  );
  const made: Made[] = [];
  const works = all.map((call) => async () => {
    await clock.wait(call.at);
    const work = async () => {
      const from = clock.now();
      made.push({ ...call, from, to: from + call.lasts });
      await clock.wait(call.lasts);
      const error = errorOf(call.end);
      if (error) throw error;
    };
    const lane = call.bulk ? { lane: "bulk" as const } : {};
    await gates[call.gate]?.call("POST /x", work, { subject: call.subject, ...lane }).catch(() => {});
  });
  await clock.run(works);
  const states = await createBreakers(TABLE, { client, now: clock.now }).list();
  return { made, opened: states.some((state) => state.target === target) };
}

/** How many calls began in each second. */
function perSecond(made: readonly Made[]): Map<number, Made[]> {
  return Map.groupBy(made, ({ from }) => Math.floor(from / 1000));
}

test("never more than the budget in any second, whatever happens to the calls", async () => {
  await fc.assert(
    fc.asyncProperty(calls(6_000, anyEnd), fc.integer({ min: 1, max: 5 }), async (all, rate) => {
      const { made } = await play(all, rate);
      for (const second of perSecond(made).values()) expect(second.length).toBeLessThanOrEqual(rate);
    }),
    RUNS,
  );
});

test("never more than the budget in the long run, though clocks differ by up to two seconds", async () => {
  const skews = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: GATES, maxLength: GATES });
  await fc.assert(
    fc.asyncProperty(calls(6_000, well), fc.integer({ min: 1, max: 5 }), skews, async (all, rate, skewed) => {
      const { made } = await play(all, rate, skewed);
      for (const { from } of made) {
        const since = made.filter((other) => other.from >= from);
        for (const { from: to } of since) {
          const between = since.filter((other) => other.from <= to).length;
          // Windows that lie in this stretch for the fastest clock, the ones at its ends included.
          expect(between).toBeLessThanOrEqual(rate * (Math.floor((to - from) / 1000) + 2 + 2));
        }
      }
    }),
    RUNS,
  );
});

test("never a call during a named wait, but those that were under way", async () => {
  await fc.assert(
    fc.asyncProperty(calls(60_000, anyEnd), fc.option(fc.constant(5), { nil: undefined }), async (all, rate) => {
      const { made } = await play(all, rate);
      for (const { to, end } of made) {
        if (typeof end !== "number") continue;
        const during = made.filter(({ from }) => from > to && from < to + end * 1000);
        expect(during).toEqual([]);
      }
    }),
    RUNS,
  );
});

test("never two probes at once, and none before the wait is over", async () => {
  const outage = Array.from({ length: 6 }, (_, n): Call => {
    return { at: n, gate: n % GATES, subject: String(n), bulk: false, lasts: 0, end: "failed" };
  });
  const later = calls(90_000, fc.constant<End>("failed"));
  await fc.assert(
    fc.asyncProperty(later, async (all) => {
      const shifted = all.map((call) => ({ ...call, at: call.at + 100 }));
      const { made } = await play([...outage, ...shifted], undefined);
      const probes = made.filter(({ from }) => from >= START + 100).toSorted((a, b) => a.from - b.from);
      for (const [n, probe] of probes.entries()) {
        const before = probes[n - 1];
        const end = before ? before.to : START + 4;
        const wait = 1000 * Math.min(5 * 2 ** n, 60);
        expect(probe.from).toBeGreaterThanOrEqual(end + wait);
      }
    }),
    RUNS,
  );
});

test("one customer's failures never open, whatever the others do without failing", async () => {
  await fc.assert(
    fc.asyncProperty(calls(30_000, fc.constantFrom<End>("well", "rejected", "failed")), async (all) => {
      const mine = all.map((call) => (call.end === "failed" ? { ...call, subject: "poison" } : call));
      const { made, opened } = await play(mine, undefined);
      expect(opened).toBe(false);
      expect(made).toHaveLength(all.length);
    }),
    RUNS,
  );
});

test("bulk work never takes more than half of a second while live work waits", async () => {
  const rate = 4;
  // More live work than the budget in each of the first seconds, so that some of it always waits.
  const live = Array.from({ length: 6 * rate + 6 }, (_, n): Call => {
    return { at: n < 6 ? 0 : 200 * (n - 6), gate: n % GATES, subject: "a", bulk: false, lasts: 0, end: "well" };
  });
  const bulk = calls(4_000, well).map((all) => all.map((call) => ({ ...call, bulk: true, lasts: 0 })));
  await fc.assert(
    fc.asyncProperty(bulk, async (all) => {
      const { made } = await play([...live, ...all], rate);
      // In the first second nobody may have waited yet.
      const seconds = [...perSecond(made)].filter(([second]) => second > START / 1000 && second < START / 1000 + 4);
      for (const [, second] of seconds) expect(second.filter((call) => call.bulk).length).toBeLessThanOrEqual(rate / 2);
      expect(made.some((call) => call.bulk)).toBe(true);
    }),
    RUNS,
  );
});
