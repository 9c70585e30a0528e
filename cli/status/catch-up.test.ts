import { describe, expect, test } from "@jest/globals";
import type { SalesforceConnection } from "../../functions/salesforce/org/connection.ts";
import { ORG } from "../../functions/salesforce/testing.ts";
import { parseSchedule } from "../../local/aws/events/schedule.ts";
import type { StateTable } from "../../shared/state-table.ts";
import { type Clock, lineOfCatchUp } from "./catch-up.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const HOUR = 3_600_000;
const OFF: Clock = { kind: "none", why: "its clock is switched off" };
const clockOf = (expression: string): Clock => parseSchedule(expression) ?? OFF;
const OFTEN = clockOf("rate(15 minutes)");

/** What is said of a position; hours ago. */
function lineOf(
  hours: { commit: number; updated?: number; looked?: number } | undefined,
  clock = OFTEN,
  swept?: number,
) {
  const at = (ago: number) => NOW - ago * HOUR;
  const value = hours && {
    replayId: "00",
    commitTimestamp: at(hours.commit),
    updatedAt: at(hours.updated ?? hours.commit),
  };
  const look = hours?.looked === undefined ? undefined : { at: at(hours.looked) };
  const mark = swept === undefined ? undefined : { until: new Date(at(swept)).toISOString() };
  const read = async (key: string) => {
    const found = { position: value, looked: look, sweep: mark }[key.split("/")[0] as "position" | "looked" | "sweep"];
    return found && { value: found, revision: 1 };
  };
  const state = { read } as unknown as Pick<StateTable, "read">;
  const connection = { pubSubChannel: "/data/ChangeEvents" } as SalesforceConnection;
  return lineOfCatchUp({ orgId: ORG, connection }, state, clock, NOW);
}

describe("the line of the catch-up", () => {
  test.each([
    ["nothing has changed since Friday evening, and it looked a moment ago", { commit: 40, updated: 20, looked: 0.1 }],
    ["its position moved a moment ago, as from before looks were noted", { commit: 0.1 }],
    ["a look or three are missing", { commit: 2, looked: 1 }],
  ])("is well when %s", async (_what, hours) => {
    expect(await lineOf(hours)).toMatchObject({ ok: true, text: expect.stringContaining("read until 2026-11-2") });
  });

  test.each([
    ["for days", { commit: 47, updated: 47, looked: 47 }],
    ["for much longer than its clock asks for", { commit: 1.5, looked: 1.5 }],
  ])("is not well when nobody has looked %s", async (_what, hours) => {
    const advice =
      /^nobody looks for missed events: see .* log of salesforce-catch-up, mend it and run 'fleet catch-up'$/;
    expect(await lineOf(hours)).toMatchObject({ ok: false, advice: expect.stringMatching(advice) });
  });

  test("judges by the clock's own pace", async () => {
    const hours = { commit: 5, looked: 5 };
    expect(await lineOf(hours, clockOf("rate(2 hours)"))).toMatchObject({ ok: true });
    expect(await lineOf(hours, clockOf("cron(0 0/2 * * ? *)"))).toMatchObject({ ok: true });
    expect(await lineOf(hours, clockOf("rate(1 hour)"))).toMatchObject({ ok: false });
    expect(await lineOf(hours, clockOf("cron(30 * * * ? *)"))).toMatchObject({ ok: false });
  });

  test("is not well when Salesforce will soon have no more of what comes next, however lately somebody looked", async () => {
    expect(await lineOf({ commit: 50, looked: 0.1 })).toMatchObject({
      ok: false,
      advice: expect.stringMatching(/^Salesforce drops events in 22 h 0 min that nobody has read: see /),
    });
    expect(await lineOf({ commit: 80, looked: 80 }, OFF)).toMatchObject({
      ok: false,
      advice: expect.stringMatching(
        /^Salesforce keeps events for 72 h, so some are lost: see .*, which has the rest swept$/,
      ),
    });
  });

  test("is not well when a sweep was hours ago and there is no position yet: nobody ever looked", async () => {
    const bad = {
      ok: false,
      text: "no position yet",
      advice: expect.stringMatching(/^nobody looks for missed events: /),
    };
    expect(await lineOf(undefined, OFTEN, 8)).toEqual(bad);
    expect(await lineOf(undefined, OFTEN, 0.5)).toEqual({ ok: undefined, text: "no position yet" });
  });

  test("cannot be told without a position, and without a clock to judge by", async () => {
    expect(await lineOf(undefined)).toEqual({ ok: undefined, text: "no position yet" });
    expect(await lineOf({ commit: 5, looked: 5 }, OFF)).toMatchObject({
      ok: undefined,
      text: expect.stringMatching(/looked 5 h 0 min ago; its clock is switched off$/),
    });
  });
});
