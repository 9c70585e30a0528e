import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { INDEX, keysOf } from "#shared/behind/marks.ts";
import { startTestFleet, type TestFleet } from "../test/support/fleet.ts";

const HELP = `Measures a backfill on this machine: a large organisation comes into an empty store.

usage: npm run bench:backfill -- [--accounts 100000] [--concurrency 4]

In the middle every running batch is killed once, and the whole fleet is stopped and started again. Prints the time until
every account is in the store, the calls to Salesforce and the memory of each function. Billing follows at a pace of its
own, which is measured for a minute afterwards; it fails when that is more than half off what the plan said.`;

const POLL_MS = 1_000;
const PACE_MS = 60_000;

interface Run {
  readonly status: string;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
}

const { values } = parseArgs({
  options: {
    accounts: { type: "string", default: "100000" },
    concurrency: { type: "string", default: "4" },
    help: { type: "boolean", default: false },
  },
});

const began = performance.now();
const say = (text: string) =>
  console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${text}`);

/** Accounts in the store, as far as the finished batches have brought them. */
async function loaded(fleet: TestFleet, executionArn: string): Promise<number> {
  const { mapRuns } = await fleet.aws<{ mapRuns: { mapRunArn: string }[] }>("states", "ListMapRuns", {
    executionArn,
  });
  let total = 0;
  for (const { mapRunArn } of mapRuns) {
    const run = await fleet.aws<{ itemCounts: { succeeded: number } }>("states", "DescribeMapRun", { mapRunArn });
    total += Number(run.itemCounts.succeeded);
  }
  return total;
}

/** Customers that billing has not followed yet. */
async function waiting(fleet: TestFleet): Promise<number> {
  const counts = keysOf("billing").map((key) =>
    fleet.aws<{ Count: number }>("dynamodb", "Query", {
      TableName: fleet.ref("CustomersTable"),
      IndexName: INDEX,
      KeyConditionExpression: "behindKey = :key",
      ExpressionAttributeValues: { ":key": { S: key } },
      Select: "COUNT",
    }),
  );
  return (await Promise.all(counts)).reduce((sum, { Count }) => sum + Count, 0);
}

/** Customers that billing follows with in a second, measured while there are enough of them. */
async function billedPerSecond(fleet: TestFleet): Promise<number> {
  const [before, since] = [await waiting(fleet), performance.now()];
  await sleep(PACE_MS);
  const after = await waiting(fleet);
  if (after === 0) throw new Error("Billing has followed already; give more --accounts to measure its pace.");
  return ((before - after) / (performance.now() - since)) * 1000;
}

/** Waits until `count` accounts are loaded or the run is over. */
async function follow(fleet: TestFleet, executionArn: string, count: number): Promise<Run> {
  let shown = -1;
  for (;;) {
    const run = await fleet.aws<Run>("states", "DescribeExecution", { executionArn });
    const done = await loaded(fleet, executionArn);
    if (done !== shown) say(`${done.toLocaleString("en-US")} accounts`);
    shown = done;
    if (run.status !== "RUNNING" || done >= count) return run;
    await sleep(POLL_MS);
  }
}

/** Kills whichever function writes to the customers table next, once for every batch that runs now. */
function killBatches(fleet: TestFleet, batches: number): void {
  fleet.kernel.faults.push({
    service: "dynamodb",
    operation: "UpdateItem",
    resource: "customers",
    times: batches,
    afterEffect: true,
    crash: true,
  });
}

/** Largest memory that a function of each name has used, in MB, as its REPORT lines say. */
async function memory(fleet: TestFleet): Promise<Map<string, number>> {
  const { logGroups } = await fleet.aws<{ logGroups: { logGroupName: string }[] }>("logs", "DescribeLogGroups", {});
  const used = new Map<string, number>();
  for (const { logGroupName } of logGroups) {
    if (!logGroupName.startsWith("/aws/lambda/")) continue;
    let nextToken: string | undefined;
    do {
      const input = { logGroupName, filterPattern: "REPORT", ...(nextToken ? { nextToken } : {}) };
      const page = await fleet.aws<{ events: { message: string }[]; nextToken?: string }>(
        "logs",
        "FilterLogEvents",
        input,
      );
      for (const { message } of page.events) {
        const megabytes = Number(/Max Memory Used: (\d+) MB/.exec(message)?.[1] ?? 0);
        const name = logGroupName.replace(/^.*-local-/, "");
        used.set(name, Math.max(used.get(name) ?? 0, megabytes));
      }
      nextToken = page.nextToken;
    } while (nextToken);
  }
  return used;
}

/** What a plan says of billing. */
async function plannedPace(fleet: TestFleet): Promise<number> {
  const { executionArn } = await fleet.aws<{ executionArn: string }>("states", "StartExecution", {
    stateMachineArn: fleet.ref("Backfill"),
    input: JSON.stringify({ orgId: fleet.saas.salesforce.orgId, dryRun: true }),
  });
  const { output } = await follow(fleet, executionArn, Number.POSITIVE_INFINITY);
  return JSON.parse(output ?? "{}").billedPerSecond;
}

async function main(accounts: number, maxConcurrency: number): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), "fleet-bench-"));
  let fleet = await startTestFleet({ clockScale: 1, stateDir });
  const used = new Map<string, number>();
  const noteMemory = async () => {
    for (const [name, megabytes] of await memory(fleet)) used.set(name, Math.max(used.get(name) ?? 0, megabytes));
  };
  try {
    say(`seeding ${accounts.toLocaleString("en-US")} accounts …`);
    await fleet.control("seed", { generate: { accounts, seed: 1 }, quiet: true });
    say("starting the backfill …");
    const start = performance.now();
    const { executionArn } = await fleet.aws<{ executionArn: string }>("states", "StartExecution", {
      stateMachineArn: fleet.ref("Backfill"),
      name: "backfill-bench",
      input: JSON.stringify({ orgId: fleet.saas.salesforce.orgId, maxConcurrency }),
    });
    await follow(fleet, executionArn, accounts / 3);
    say("killing the batches that run …");
    killBatches(fleet, maxConcurrency);
    await follow(fleet, executionArn, accounts / 2);
    say("stopping the fleet in the middle, and starting it again …");
    await noteMemory();
    const calls = new Map<string, number>();
    const noteCalls = () => {
      for (const [route, { calls: count }] of Object.entries(fleet.saas.salesforce.calls.report().routes))
        calls.set(route, (calls.get(route) ?? 0) + count);
    };
    noteCalls();
    await fleet.stop();
    fleet = await startTestFleet({ clockScale: 1, stateDir });
    const run = await follow(fleet, executionArn, Number.POSITIVE_INFINITY);
    const took = (performance.now() - start) / 1000;
    if (run.status !== "SUCCEEDED") throw new Error(`The backfill ended ${run.status}: ${run.error} ${run.cause}`);
    noteCalls();
    await noteMemory();
    const stored = (await fleet.stored()).length;
    say("measuring the pace of billing …");
    const pace = await billedPerSecond(fleet);
    const planned = await plannedPace(fleet);
    const cpu = cpus()[0]?.model ?? "unknown processor";
    console.log(`${cpus().length} × ${cpu}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}\n`);
    console.log(`${took.toFixed(0)} s until ${stored} of ${accounts} accounts were in the store; ${run.output}`);
    console.log(
      `${await waiting(fleet)} wait for billing, which follows with ${pace.toFixed(1)} a second; planned ${planned}`,
    );
    for (const [route, count] of calls)
      console.log(`${String(count).padStart(8)}  ${route.replace("/services/data/:version", "")}`);
    for (const [name, megabytes] of [...used].sort((a, b) => b[1] - a[1]))
      console.log(`${String(megabytes).padStart(5)} MB  ${name}`);
    if (stored !== accounts) throw new Error("Not every account is in the store.");
    if (Math.abs(pace / planned - 1) > 0.5) throw new Error("The plan is more than half off the pace of billing.");
  } finally {
    await fleet.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

if (values.help) console.log(HELP);
else await main(Number(values.accounts), Number(values.concurrency));
