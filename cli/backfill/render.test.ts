import { describe, expect, test } from "@jest/globals";
import { isBilled, renderPlan, renderStatus } from "./render.ts";
import { billedOf, type Status } from "./runs.ts";

const stream = { isTTY: false } as NodeJS.WriteStream;
const NOW = Date.parse("2026-11-22T10:10:00Z");
const status = (members: Partial<Status> = {}): Status => {
  const about: Status = {
    name: "backfill-1",
    state: "running",
    run: 1,
    phase: "load",
    orgId: "00D",
    total: 100_000,
    listed: 100_000,
    compared: 50_000,
    stored: 49_900,
    sent: 49_000,
    equal: 900,
    behind: 0,
    unusable: 60,
    parked: 40,
    waiting: 19_900,
    refused: 0,
    billedPerSecond: 12.5,
    startedAt: "2026-11-22T10:00:00Z",
    billed: 0,
    ...members,
  };
  return { ...about, billed: billedOf(about) };
};
const lines = (members: Partial<Status> = {}) => renderStatus(status(members), stream, NOW).split("\n");

describe("the status", () => {
  test("shows what is stored and what billing has followed apart, each with a bar and the time left", () => {
    expect(lines()).toEqual([
      `backfill-1  ${"█".repeat(15)}${"░".repeat(15)}  50 %  49,900 of 100,000 stored  running, 10 min, about 10 min left`,
      `    billed  ${"█".repeat(9)}${"░".repeat(21)}  30 %  30,000 of 100,000, 19,900 wait (about 27 min at 12.5/s)`,
      "  49,000 differed and were sent into the sync, 900 were equal, 100 are parked",
    ]);
  });

  test("tells the pace of billing as it is seen, once there is something to see", () => {
    const loadingAt = new Date(NOW - 300_000).toISOString();
    const billing = (members: Partial<Status>) => lines({ loadingAt, sent: 21_400, waiting: 19_900, ...members })[1];
    expect(billing({})).toContain("19,900 wait (about 1 h 6 min at 5/s)");
    expect(billing({ run: 2 })).toContain("at 12.5/s");
    expect(billing({ sent: 19_950 })).toContain("at 12.5/s");
    expect(billing({ waiting: 20 })).toContain("at 12.5/s");
    expect(billing({ loadingAt: new Date(NOW - 50_000).toISOString() })).toContain("at 12.5/s");
  });

  test("is not finished in billing because it is in the store", () => {
    const [store, billing] = lines({ state: "finished", compared: 100_000, stored: 100_000, waiting: 19_000 });
    expect(store).toContain("100 %  100,000 of 100,000 stored  finished");
    expect(billing).toContain("81 %  81,000 of 100,000, 19,000 wait");
  });

  test("counts nobody as billed whom billing refused", () => {
    const [, billing] = lines({ compared: 100_000, stored: 100_000, waiting: 0, refused: 3 });
    expect(billing).toContain("99 %  99,997 of 100,000, 3 are parked");
  });

  test("of an empty organisation is full once it has finished", () => {
    const empty = { total: 0, compared: 0, stored: 0, waiting: 0, endedAt: NOW - 590_000 };
    const [store, billing] = lines({ state: "finished", ...empty });
    expect(store).toContain(`${"█".repeat(30)} 100 %  0 of 0 stored  finished, 10 s`);
    expect(billing).toContain("100 %  0 of 0");
  });

  test("never shows more than all, though accounts were added meanwhile", () => {
    expect(lines({ compared: 100_500 })[0]).toContain("100 %");
  });

  test.each([
    ["plan", "counting"],
    ["wait", "Salesforce makes the list"],
    ["list", "fetching the list"],
  ])("says in the phase %s what it is at", (phase, words) => {
    expect(lines({ phase, compared: 0, stored: 0 })[0]).toContain(words);
  });

  test("says how many of the equal ones were not in billing", () => {
    expect(lines({ behind: 12 })[2]).toContain("900 were equal (12 of them not in billing yet)");
  });

  test("of a failed one says why and how to go on", () => {
    const text = lines({ state: "failed", error: "NotAuthorizedError: no" });
    expect(text.slice(3)).toEqual(["  NotAuthorizedError: no", "  'fleet backfill resume' goes on where it ended."]);
  });

  test.each(["paused", "stopped"] as const)("of a %s one says how to go on", (state) => {
    expect(lines({ state }).at(-1)).toBe("  'fleet backfill resume' goes on where it ended.");
  });

  test("after a pause guesses no end from the time that is gone", () => {
    expect(lines({ run: 2 })[0]).not.toContain("left");
  });

  test("has colour on a terminal only", () => {
    expect(renderStatus(status(), { isTTY: true } as NodeJS.WriteStream, NOW)).toContain("\u001b[");
    expect(lines().join("")).not.toContain("\u001b[");
  });
});

describe("billing", () => {
  test.each([
    [240, 0, true],
    [240, 1, false],
    [100_000, 60, true],
    [100_000, 101, false],
  ])("of %d accounts of which %d wait has followed: %s", (total, waiting, expected) => {
    expect(isBilled({ total, waiting })).toBe(expected);
  });
});

describe("the plan", () => {
  const plan = {
    records: 100_000,
    salesforce: { apiCalls: 1_415, callsLeft: 60_000, reserve: 20_000 },
    usd: 2.1,
    billedPerSecond: 12.5,
    billingMinutes: 134,
  };

  test("counts and prices", () => {
    const text = renderPlan(plan);
    for (const part of ["100,000 accounts", "1,415 API calls", "40,000 are free", "$2.10", "2 h 14 min at 12.5/s"])
      expect(text).toContain(part);
    expect(text).not.toContain("wait");
  });

  test("says when the API budget will make it wait", () => {
    expect(renderPlan({ ...plan, salesforce: { ...plan.salesforce, callsLeft: 20_100 } })).toContain("It will wait");
  });
});
