import { describe, expect, test } from "@jest/globals";
import type { Answer, SeenRequest } from "#shared/testing/server.ts";
import { runFleet } from "../testing.ts";

const ARN = "arn:aws:events:us-east-1:123456789012";
const FROM = "2026-11-22T10:00:00.000Z";
const TO = "2026-11-22T12:00:00.000Z";

/** An EventBridge with the fleet's bus, archive and rules; `states` are what the replay goes through. */
function eventBridge(states: readonly object[]) {
  let looked = 0;
  return ({ headers, body }: SeenRequest): Answer => {
    const operation = String(headers["x-amz-target"]).split(".")[1];
    const input = JSON.parse(body);
    if (operation === "DescribeEventBus") return { body: { Arn: `${ARN}:event-bus/${input.Name}` } };
    if (operation === "DescribeArchive") return { body: { ArchiveArn: `${ARN}:archive/${input.ArchiveName}` } };
    if (operation === "DescribeRule") return { body: { Arn: `${ARN}:rule/${input.EventBusName}/${input.Name}` } };
    if (operation === "StartReplay") return { body: { State: "STARTING" } };
    const state = states[Math.min(looked, states.length - 1)];
    looked += 1;
    return { body: { EventStartTime: Date.parse(FROM) / 1000, EventEndTime: Date.parse(TO) / 1000, ...state } };
  };
}

const fleet = (args: string[], ...states: object[]) => runFleet(["replay", ...args], eventBridge(states));
const startOf = (requests: readonly SeenRequest[]) =>
  JSON.parse(requests.find(({ headers }) => String(headers["x-amz-target"]).endsWith("StartReplay"))?.body ?? "null");

describe("fleet replay", () => {
  test("replays a time to the rules of customer-sync alone, and waits for its end", async () => {
    const { code, out, err, requests } = await fleet(
      ["--from", FROM, "--to", TO],
      { State: "RUNNING", EventLastReplayedTime: Date.parse(FROM) / 1000 + 60 },
      { State: "COMPLETED" },
    );
    expect([code, err]).toEqual([0, `Replays the events from ${FROM} to ${TO} to customer-sync.\n`]);
    expect(out).toMatch(/^connector-fleet-local-\d{8}T\d{6}-[0-9a-f]{8} {2}completed\n$/);
    expect(startOf(requests)).toEqual({
      ReplayName: out.split(" ")[0],
      EventSourceArn: `${ARN}:archive/connector-fleet-local`,
      EventStartTime: Date.parse(FROM) / 1000,
      EventEndTime: Date.parse(TO) / 1000,
      Destination: {
        Arn: `${ARN}:event-bus/connector-fleet-local`,
        FilterArns: ["customer-sync", "customer-sync-bulk"].map(
          (name) => `${ARN}:rule/connector-fleet-local/connector-fleet-local-${name}`,
        ),
      },
    });
  });

  test("ends badly when the replay does", async () => {
    const { code, out } = await fleet(["--from", "2h", "--json"], { State: "FAILED", StateReason: "archive is gone" });
    expect([code, JSON.parse(out)]).toEqual([
      1,
      expect.objectContaining({ state: "FAILED", reason: "archive is gone" }),
    ]);
  });

  test("gives each a name of its own, also when several people start one at the same moment", async () => {
    const runs = await Promise.all([1, 2, 3].map(() => fleet(["--from", "2h", "--no-wait"], { State: "RUNNING" })));
    const names = runs.map(({ out }) => out.trim().replace(/\d{8}T\d{6}/, "same second"));
    expect(new Set(names).size).toBe(3);
    // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html
    for (const { out } of runs) expect(out.trim()).toMatch(/^[.\-_A-Za-z0-9]{1,64}$/);
  });

  test("starts it and does not wait", async () => {
    const { code, out, requests } = await fleet(["--from", "2h", "--no-wait"], { State: "RUNNING" });
    expect([code, out.trim()]).toEqual([0, startOf(requests).ReplayName]);
    expect(requests.some(({ headers }) => String(headers["x-amz-target"]).endsWith("DescribeReplay"))).toBe(false);
  });

  test("says that partner buses have no archive", async () => {
    const { code, out, requests } = await fleet(["--help"]);
    expect([code, requests]).toEqual([0, []]);
    expect(out).toMatch(/partner buses, on which Salesforce\s+sends, have no archive/);
  });

  test.each([
    [[], "give --from, such as 2h"],
    [["--from", "yesterday"], "--from takes a span such as 2h, or a moment"],
    [["--from", TO, "--to", FROM], "is not before the end"],
    [["--from", "2h", "now"], "now"],
  ])("%j is wrong usage and starts nothing", async (args, sentence) => {
    const { code, out, err, requests } = await fleet(args);
    expect([code, out, startOf(requests)]).toEqual([2, "", null]);
    expect(err).toContain(sentence);
  });
});
