import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "@jest/globals";
import { catchUpRequested } from "#shared/contracts/events.ts";
import { type Answer, type SeenRequest, serve } from "#shared/testing/server.ts";

const MAIN = join(import.meta.dirname, "..", "main.ts");
const [ORG, OTHER] = ["00D5f000005KcCnEAK", "00D000000000002EAA"];
const TAKEN: Answer = { body: { FailedEntryCount: 0, Entries: [{ EventId: "event-1" }] } };

/** An AWS with connections to these organisations, whose bus answers as told. */
const aws = (orgs: readonly string[], bus: Answer) => (request: SeenRequest) => {
  if (!String(request.headers["x-amz-target"]).endsWith("ListSecrets")) return bus;
  return { body: { SecretList: orgs.map((org) => ({ Name: `connector-fleet/dev/salesforce/${org}` })) } };
};

async function catchUp(args: string[], { orgs = [ORG], bus = TAKEN }: { orgs?: string[]; bus?: Answer } = {}) {
  await using server = await serve(aws(orgs, bus));
  const env = {
    AWS_ENDPOINT_URL: server.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_MAX_ATTEMPTS: "1",
  };
  const child = spawn(process.execPath, [MAIN, "catch-up", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  const put = server.requests.filter(({ headers }) => String(headers["x-amz-target"]).endsWith("PutEvents"));
  return { code, out, err, entries: put.flatMap(({ body }) => JSON.parse(body).Entries) };
}

describe("fleet catch-up", () => {
  test("puts the request on the bus and prints its id", async () => {
    const { code, out, err, entries } = await catchUp(["--grace", "0"]);
    expect([code, err]).toEqual([0, `Asked for a catch-up of organisation ${ORG}.\n`]);
    expect(entries).toEqual([
      expect.objectContaining({
        EventBusName: "connector-fleet-dev",
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
    const { code, entries } = await catchUp(["--org", OTHER, "--stage", "dev", "--max-events", "50"], {
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
    [["--org", "00Dother"], `organisation '00Dother' is none of: ${ORG}`],
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
