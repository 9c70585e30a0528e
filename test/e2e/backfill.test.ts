import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { runFleetAt } from "../../cli/testing.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const ACCOUNTS = 240;
let stateDir: string;
let fleet: TestFleet;

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "fleet-backfill-"));
  fleet = await startTestFleet({ stateDir });
}, 120_000);

afterEach(async () => {
  await fleet?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Accounts that were there before anybody listened: no event tells of them. */
async function seed(): Promise<void> {
  await fleet.control("seed", { generate: { accounts: ACCOUNTS, seed: 7 }, quiet: true });
}

async function start(name: string, settings: object = {}): Promise<string> {
  const input = JSON.stringify({ orgId: fleet.saas.salesforce.orgId, pageSize: 60, batchSize: 20, ...settings });
  const { executionArn } = await fleet.aws<{ executionArn: string }>("states", "StartExecution", {
    stateMachineArn: fleet.ref("Backfill"),
    name,
    input,
  });
  return executionArn;
}

async function outputOf(executionArn: string): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const run = await fleet.aws<{ status: string; output?: string; error?: string }>("states", "DescribeExecution", {
      executionArn,
    });
    expect([run.status, run.error]).toEqual(["SUCCEEDED", undefined]);
    return JSON.parse(run.output ?? "null");
  }, 120_000);
}

async function storedIds(): Promise<string[]> {
  return (await fleet.stored()).map(({ customerId }) => customerId).sort();
}

async function accountIds(): Promise<string[]> {
  return (await fleet.accounts()).map(({ Id }) => Id).sort();
}

/** The pages in the bucket. */
async function pages(): Promise<{ key: string; lines: object[] }[]> {
  const Bucket = fleet.ref("BackfillBucket");
  const { Contents } = await fleet.aws<{ Contents: { key: string }[] }>("s3", "ListObjectsV2", { Bucket });
  return Promise.all(
    Contents.map(async ({ key }) => {
      const { Body } = await fleet.aws<{ Body: AsyncIterable<Buffer> }>("s3", "GetObject", { Bucket, Key: key });
      const text = await new Response(ReadableStream.from(Body)).text();
      return {
        key,
        lines: text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
      };
    }),
  );
}

const pagesStored = () =>
  fleet.saas.salesforce.calls.report().routes["GET /services/data/:version/jobs/query/:id/results"];

test("every account comes in, page by page, and a second time nothing differs", async () => {
  await seed();
  const plan = await outputOf(await start("plan", { dryRun: true }));
  expect(plan).toMatchObject({ records: ACCOUNTS });
  expect(await storedIds()).toEqual([]);

  const first = await outputOf(await start("first"));
  expect(first).toEqual({ compared: ACCOUNTS, sent: ACCOUNTS, equal: 0, behind: 0, unusable: 0, parked: 0 });
  expect(await storedIds()).toEqual(await accountIds());
  expect(pagesStored()?.calls).toBe(ACCOUNTS / 60);

  expect((await pages()).map(({ key }) => key)).toEqual([1, 2, 3, 4].map((page) => `first/00000${page}.jsonl`));
  // Nobody has to guard or erase them: ids and dates, no personal data.
  for (const { lines } of await pages())
    for (const line of lines) expect(Object.keys(line)).toEqual(["Id", "SystemModstamp"]);

  const second = await outputOf(await start("second"));
  expect(second).toMatchObject({ compared: ACCOUNTS, sent: 0, equal: ACCOUNTS, unusable: 0, parked: 0 });
  expect(await fleet.parked()).toEqual([]);
}, 240_000);

test("a fleet that stops in the middle goes on where it was", async () => {
  await seed();
  const executionArn = await start("interrupted");
  await eventually(async () => expect((await storedIds()).length).toBeGreaterThan(0), 60_000);
  await fleet.stop();
  fleet = await startTestFleet({ stateDir });
  expect(await outputOf(executionArn)).toMatchObject({ compared: ACCOUNTS, parked: 0 });
  expect(await storedIds()).toEqual(await accountIds());
}, 240_000);

/** Runs the command line on the fleet under test. */
const cli = (...args: string[]) => runFleetAt(fleet.twin.origin, ["backfill", ...args, "--stage", "local"]);

/** The phase that a backfill has reached, as its runs keep it. */
async function phaseOf(name: string): Promise<string | undefined> {
  const { Item } = await fleet.aws("dynamodb", "GetItem", {
    TableName: fleet.ref("SalesforceStateTable"),
    Key: { key: { S: `backfill/${name}` } },
    ConsistentRead: true,
  });
  return Item && JSON.parse(Item.progress.S).phase;
}

test("stopped in every phase it goes on, and a pause outlives the results that Salesforce keeps", async () => {
  await seed();
  await fleet.control("bulk", { pollsInProgress: 2 });
  const name = "backfill-stopped";
  await start(name, { pageSize: 12, batchSize: 6 });
  const phases = ["plan", "query", "wait", "list", "load"];
  for (const [index, phase] of phases.entries()) {
    await eventually(
      async () => expect(phases.indexOf((await phaseOf(name)) ?? "")).toBeGreaterThanOrEqual(index),
      60_000,
    );
    expect(await cli("stop", name)).toMatchObject({ code: 0, err: "" });
    // Results are kept for seven days: the list is fetched anew.
    if (phase === "list") await forgetJobs();
    expect(await cli("resume", name)).toMatchObject({ code: 0, out: `${name} goes on.\n` });
  }
  expect(await cli("pause", name)).toMatchObject({ code: 0 });
  await eventually(async () => expect(JSON.parse((await cli("status", "--json")).out).state).toBe("paused"), 60_000);
  await forgetJobs();
  expect(await cli("resume", name)).toMatchObject({ code: 0 });
  await eventually(async () => expect(await phaseOf(name)).toBe("finished"), 60_000);
  expect(await storedIds()).toEqual(await accountIds());
  const status = JSON.parse((await cli("status", name, "--json")).out);
  expect(status).toMatchObject({ state: "finished", stored: ACCOUNTS, total: ACCOUNTS });
  // Billing follows at its own pace, and nobody says otherwise.
  expect(status.waiting).toBeGreaterThan(0);
  expect(await fleet.parked()).toEqual([]);
}, 240_000);

/** Takes the results of every query job away. */
async function forgetJobs(): Promise<void> {
  const { records } = await fleet.salesforce<{ records: { id: string; state: string }[] }>("GET", "jobs/query");
  for (const { id, state } of records)
    if (state === "JobComplete") await fleet.salesforce("DELETE", `jobs/query/${id}`);
}

test("a live change does not wait behind it", async () => {
  await seed();
  await outputOf(await start("busy"));
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", {
    Name: "Live",
    Phone: "+1 555 1",
  });
  const waiting = await fleet.aws<{ Attributes: { ApproximateNumberOfMessages: string } }>(
    "sqs",
    "GetQueueAttributes",
    {
      QueueUrl: fleet.ref("CustomerSyncBulkQueue"),
      AttributeNames: ["ApproximateNumberOfMessages"],
    },
  );
  expect(Number(waiting.Attributes.ApproximateNumberOfMessages)).toBeGreaterThan(ACCOUNTS / 4);
  await eventually(async () => {
    const linked = (await fleet.stripeCustomers()).filter(({ metadata }) => metadata.salesforce_account_id === id);
    expect(linked).toEqual([expect.objectContaining({ name: "Live" })]);
  }, 60_000);
}, 240_000);
