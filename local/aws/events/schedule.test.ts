import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseCron } from "./cron.ts";
import { type Harness, harness, queueArn, until } from "./harness.ts";
import { parseSchedule } from "./schedule.ts";

// Every case: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
describe("schedule expressions", () => {
  test.each([
    ["rate(1 minute)", 60_000],
    ["rate(5 minutes)", 300_000],
    ["rate(1 hour)", 3_600_000],
    ["rate(7 days)", 604_800_000],
  ])("%s", (expression, intervalMs) => {
    expect(parseSchedule(expression)).toEqual({ kind: "rate", intervalMs });
  });

  test.each([
    "rate(1 minutes)",
    "rate(5 minute)",
    "rate(0 minutes)",
    "rate(1 second)",
    "every minute",
    "cron(0 12 * * *)",
    "cron(0 12 * * * *)",
    "cron(0 12 ? * ? *)",
    "cron(60 12 * * ? *)",
    "cron(0 24 * * ? *)",
    "cron(0 12 32 * ? *)",
    "cron(0 12 * 13 ? *)",
    "cron(0 12 ? * 8 *)",
    "cron(0 12 ? * MON#6 *)",
    "cron(5-1 12 * * ? *)",
    "cron(0/0 12 * * ? *)",
  ])("%s is not valid", (expression) => {
    expect(parseSchedule(expression)).toBeUndefined();
  });

  test.each([
    ["0 10 * * ? *", "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"],
    ["15 12 * * ? *", "2026-11-22T10:00:00Z", "2026-11-22T12:15:00Z"],
    ["0 18 ? * MON-FRI *", "2026-11-21T00:00:00Z", "2026-11-23T18:00:00Z"],
    ["0 8 1 * ? *", "2026-11-22T00:00:00Z", "2026-12-01T08:00:00Z"],
    ["0/15 * * * ? *", "2026-11-22T10:16:00Z", "2026-11-22T10:30:00Z"],
    ["0/5 8-17 ? * MON-FRI *", "2026-11-20T17:55:00Z", "2026-11-23T08:00:00Z"],
    ["0 0 L * ? *", "2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z"],
    ["0 0 15W * ? *", "2026-11-01T00:00:00Z", "2026-11-16T00:00:00Z"],
    ["0 0 1W * ? *", "2026-07-30T00:00:00Z", "2026-08-03T00:00:00Z"],
    ["0 9 ? * 2#1 *", "2026-11-22T00:00:00Z", "2026-12-07T09:00:00Z"],
    ["0 9 ? * 6L *", "2026-11-22T00:00:00Z", "2026-11-27T09:00:00Z"],
    ["0 0 29 2 ? *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["0 0 1 JAN,JUL ? 2027-2028", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  ])("cron(%s) after %s is %s", (fields, after, due) => {
    const next = parseCron(fields)?.(Date.parse(after));
    expect(new Date(next ?? 0).toISOString()).toBe(due.replace("Z", ".000Z"));
  });

  test("a cron expression that lies in the past never comes again", () => {
    expect(parseCron("0 0 1 1 ? 2020")?.(Date.parse("2026-01-01T00:00:00Z"))).toBeUndefined();
  });

  test("the next time is later, on the named minute and hour, and nothing lies between", () => {
    const time = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }), time, (minute, hour, after) => {
        const due = parseCron(`${minute} ${hour} * * ? *`)?.(after) ?? 0;
        expect(due).toBeGreaterThan(after);
        expect(due - after).toBeLessThanOrEqual(86_400_000);
        expect([new Date(due).getUTCMinutes(), new Date(due).getUTCHours()]).toEqual([minute, hour]);
      }),
    );
  });
});

describe("scheduled rules", () => {
  async function scheduled(h: Harness, ScheduleExpression: string) {
    await h.sqs("CreateQueue", "q");
    await h.call("PutRule", { Name: "tick", ScheduleExpression });
    await h.call("PutTargets", { Rule: "tick", Targets: [{ Id: "t", Arn: queueArn("q") }] });
  }

  test.each(["rate(1 minute)", "cron(* * * * ? *)"])(
    "%s fires again and again, without a trace",
    async (expression) => {
      const h = await harness(1000);
      await scheduled(h, expression);
      const ids = new Set<string>();
      for (let n = 0; n < 3; n += 1) {
        const { body, attributes } = await h.next("q");
        ids.add(body.id);
        expect(attributes).not.toHaveProperty("AWSTraceHeader");
        expect(body).toMatchObject({
          source: "aws.events",
          "detail-type": "Scheduled Event",
          resources: ["arn:aws:events:us-east-1:123456789012:rule/tick"],
          detail: {},
        });
      }
      expect(ids.size).toBe(3);
      await h.stop();
    },
  );

  test("stop firing when they are disabled", async () => {
    const h = await harness(1000);
    await scheduled(h, "rate(1 minute)");
    await h.next("q");
    await h.call("DisableRule", { Name: "tick" });
    await until(() => h.pending().length === 0);
    await h.sqs("PurgeQueue", "q");
    expect(await h.sqs("ReceiveMessage", "q", { WaitTimeSeconds: 20 })).toEqual({});
    await h.call("EnableRule", { Name: "tick" });
    await h.next("q");
    await h.stop();
  });

  test("keep their rhythm over a restart", async () => {
    const before = await harness(1);
    await before.call("PutRule", { Name: "tick", ScheduleExpression: "rate(1 day)" });
    const state = before.events.snapshot?.() as { store: { scheduledSince: Record<string, number> } };
    await before.stop();
    const after = await harness(1, state);
    expect(after.events.snapshot?.()).toMatchObject({ store: { scheduledSince: state.store.scheduledSince } });
    expect(Object.keys(state.store.scheduledSince)).toEqual(["arn:aws:events:us-east-1:123456789012:rule/tick"]);
    await after.stop();
  });
});
