import { describe, expect, test } from "@jest/globals";
import { renderPlan, renderStatus } from "./render.ts";
import type { Status } from "./runs.ts";

const stream = { isTTY: false } as NodeJS.WriteStream;
const NOW = Date.parse("2026-11-22T10:10:00Z");
const status = (members: Partial<Status> = {}): Status => ({
  name: "backfill-1",
  state: "running",
  orgId: "00D",
  total: 100_000,
  pages: 5,
  compared: 50_000,
  sent: 49_000,
  equal: 900,
  unusable: 60,
  parked: 40,
  startedAt: "2026-11-22T10:00:00Z",
  ...members,
});
const lines = (members: Partial<Status> = {}) => renderStatus(status(members), stream, NOW).split("\n");

describe("the status", () => {
  test("shows a bar, the share, the time gone and the time left", () => {
    expect(lines()).toEqual([
      `backfill-1  ${"█".repeat(15)}${"░".repeat(15)} 50 %  50,000 of 100,000  running, 10 min, about 10 min left`,
      "  49,000 differed and were sent into the sync, 900 were equal, 100 are parked",
    ]);
  });

  test("of an empty organisation is full once it has finished", () => {
    const [line] = lines({ state: "finished", total: 0, compared: 0, endedAt: NOW - 590_000 });
    expect(line).toContain(`${"█".repeat(30)} 100 %  0 of 0  finished, 10 s`);
  });

  test("never shows more than all, though accounts were added meanwhile", () => {
    expect(lines({ compared: 100_500 })[0]).toContain("100 %");
  });

  test("of a failed one says why and how to go on", () => {
    const text = lines({ state: "failed", error: "NotAuthorizedError: no" });
    expect(text.slice(2)).toEqual(["  NotAuthorizedError: no", "  'fleet backfill resume' goes on where it stopped."]);
  });

  test("has colour on a terminal only", () => {
    expect(renderStatus(status(), { isTTY: true } as NodeJS.WriteStream, NOW)).toContain("\u001b[");
    expect(lines().join("")).not.toContain("\u001b[");
  });
});

describe("the plan", () => {
  const plan = {
    records: 100_000,
    salesforce: { apiCalls: 1_415, callsLeft: 60_000, reserve: 20_000 },
    usd: 2.1,
    billingMinutes: 134,
  };

  test("counts and prices", () => {
    const text = renderPlan(plan);
    for (const part of ["100,000 accounts", "1,415 API calls", "40,000 are free", "$2.10", "2 h 14 min"])
      expect(text).toContain(part);
    expect(text).not.toContain("wait");
  });

  test("says when the API budget will make it wait", () => {
    expect(renderPlan({ ...plan, salesforce: { ...plan.salesforce, callsLeft: 20_100 } })).toContain("It will wait");
  });
});
