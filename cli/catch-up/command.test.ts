import { describe, expect, test } from "@jest/globals";
import { catchUpRequested } from "#shared/contracts/events.ts";
import type { Answer } from "#shared/testing/server.ts";
import { runRequest } from "../testing.ts";

const [ORG, OTHER] = ["00D5f000005KcCnEAK", "00D000000000002EAA"];

const catchUp = (args: string[], { orgs = [ORG], bus }: { orgs?: string[]; bus?: Answer } = {}) =>
  runRequest(["catch-up", ...args], orgs, bus);

describe("fleet catch-up", () => {
  test("puts the request on the bus and prints its id", async () => {
    const { code, out, err, entries } = await catchUp(["--grace", "0"]);
    expect([code, err]).toEqual([0, `Asked for a catch-up of organisation ${ORG}.\n`]);
    expect(entries).toEqual([
      expect.objectContaining({
        EventBusName: "connector-fleet-local",
        Source: "fleet.salesforce",
        DetailType: "catch-up.requested",
      }),
    ]);
    const detail = catchUpRequested.detail.parse(JSON.parse(entries[0].Detail));
    expect(detail.data).toEqual({ graceSeconds: 0 });
    expect(detail.metadata).toMatchObject({ orgId: ORG, correlationId: out.trim(), actor: "system:cli" });
    expect(detail.metadata.traceHeader).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=1$/);
  });

  test("takes an organisation, a stage and a limit", async () => {
    const { code, entries } = await catchUp(["--org", OTHER, "--stage", "local", "--max-events", "50"], {
      orgs: [ORG, OTHER],
    });
    expect(code).toBe(0);
    const { metadata, data } = JSON.parse(entries[0].Detail);
    expect([metadata.orgId, data]).toEqual([OTHER, { graceSeconds: 120, maxEvents: 50 }]);
  });

  test.each([
    [["--grace", "-1"], "--grace"],
    [["--grace", "1.5"], "--grace takes a whole number from 0 on; got '1.5'"],
    [["--grace", ""], "--grace takes a whole number from 0 on; got ''"],
    [["--max-events", "0"], "--max-events takes a whole number from 1 on; got '0'"],
    [["now"], "now"],
    [["--org", "00D000000000009EAA"], `organisation '00D000000000009EAA' is none of: ${ORG}`],
  ])("%j is wrong usage and asks for nothing", async (args, sentence) => {
    const { code, out, err, entries } = await catchUp(args);
    expect([code, out, entries]).toEqual([2, "", []]);
    expect(err).toContain(sentence);
  });

  test("says why the bus did not take it", async () => {
    const bus = {
      body: { FailedEntryCount: 1, Entries: [{ ErrorCode: "ThrottlingException", ErrorMessage: "slow" }] },
    };
    const { code, out, err } = await catchUp([], { bus });
    expect([code, out, err]).toEqual([
      1,
      "",
      "error: EventBridge did not take the request: ThrottlingException: slow\n",
    ]);
  });
});
