import { describe, expect, test } from "@jest/globals";
import { reconciliationRequested } from "#shared/contracts/events.ts";
import type { Answer } from "#shared/testing/server.ts";
import { runRequest } from "../testing.ts";

const ORG = "00D5f000005KcCnEAK";

/** Runs the command against an AWS that is connected to one organisation. */
const sweep = (args: string[], bus?: Answer) => runRequest(["sweep", ...args], [ORG], bus);

describe("fleet sweep", () => {
  test("asks for what moved since the last sweep, and prints the id of the request", async () => {
    const { code, out, err, entries } = await sweep([]);
    expect([code, err]).toEqual([0, `Asked for a sweep of Account in organisation ${ORG}.\n`]);
    expect(entries).toEqual([
      expect.objectContaining({ EventBusName: "connector-fleet-local", DetailType: "reconciliation.requested" }),
    ]);
    const { metadata, data } = reconciliationRequested.detail.parse(JSON.parse(entries[0].Detail));
    expect(data).toEqual({ entity: "Account", reason: "manual", full: false });
    expect(metadata).toMatchObject({ orgId: ORG, correlationId: out.trim(), actor: "system:cli" });
    expect(metadata.traceHeader).toMatch(/^Root=1-/);
  });

  test("takes an object and a window, whatever offset its moments are written in", async () => {
    const window = ["--from", "2026-11-22T10:00:00+02:00", "--to", "2026-11-22T09:00:00Z"];
    const { entries } = await sweep(["--org", ORG, "--stage", "local", "--entity", "Contact", ...window]);
    expect(JSON.parse(entries[0].Detail).data).toEqual({
      entity: "Contact",
      reason: "manual",
      full: false,
      window: { from: "2026-11-22T08:00:00.000Z", to: "2026-11-22T09:00:00.000Z" },
    });
  });

  test("asks for everything", async () => {
    const { err, entries } = await sweep(["--full"]);
    expect(err).toBe(`Asked for a full sweep of Account in organisation ${ORG}.\n`);
    expect(JSON.parse(entries[0].Detail).data).toEqual({ entity: "Account", reason: "manual", full: true });
  });

  test("prints its help", async () => {
    const { code, out, entries } = await sweep(["--help"]);
    expect([code, entries]).toEqual([0, []]);
    expect(out).toContain("usage: fleet sweep");
  });

  test.each([
    [["--from", "2026-11-22"], "--from takes a moment with its offset"],
    [["--from", "2026-11-22T10:00:00"], "got '2026-11-22T10:00:00'"],
    [["--from", "2026-13-22T10:00:00Z"], "--from takes a moment"],
    [["--to", "2026-11-22T10:00:00Z"], "--to needs --from"],
    [["--from", "2026-11-22T10:00:00Z", "--to", "2026-11-22T09:00:00Z"], "is later than the end of the window"],
    [["--full", "--from", "2026-11-22T10:00:00Z"], "--full compares everything"],
    [["--entity", "Account; DROP"], "--entity takes the name of an object"],
    [["--entity", ""], "--entity takes the name of an object"],
    [["now"], "now"],
    [["--org", "00D000000000009EAA"], `organisation '00D000000000009EAA' is none of: ${ORG}`],
  ])("%j is wrong usage and asks for nothing", async (args, sentence) => {
    const { code, out, err, entries } = await sweep(args);
    expect([code, out, entries]).toEqual([2, "", []]);
    expect(err).toContain(sentence);
  });

  test("says why the bus did not take it", async () => {
    const entry = { ErrorCode: "ThrottlingException", ErrorMessage: "slow" };
    const { code, out, err } = await sweep([], { body: { FailedEntryCount: 1, Entries: [entry] } });
    expect([code, out]).toEqual([1, ""]);
    expect(err).toBe("error: EventBridge did not take the request: ThrottlingException: slow\n");
  });
});
