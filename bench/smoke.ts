import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { FleetOptions } from "../local/fleet.ts";
import { packageFleet } from "../local/packaging.ts";
import { expectInStep, startTestFleet, type TestFleet } from "../test/support/fleet.ts";
import { eventually } from "../test/support/wait.ts";

const HELP = `Measures the fleet on this machine, with waits as long as on AWS.

usage: npm run bench:smoke

Prints: boot of the packaged fleet, one change to all targets (warm, median of ten), 1,000 changes to 250
accounts, and what they cost in Salesforce API calls, write-back included. Compare figures of one run only; machines differ.`;

const WARM_RUNS = 10;
const ACCOUNTS = 250;
const CHANGES = 1_000;
const PEOPLE = 10;
/** The burst is measured with the windows of production, by which many changes share one call. */
const PRODUCTION_WINDOWS = { captureWindow: "5", writeBackWindow: "30" };

/** One line of the result. */
interface Figure {
  readonly what: string;
  readonly value: string;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Milliseconds from the answer of Salesforce until store, billing and Slack show the change. */
async function changeOnce(fleet: TestFleet, id: string, phone: string): Promise<number> {
  await fleet.salesforce("PATCH", `sobjects/Account/${id}`, { Phone: phone });
  const posts = (await fleet.slackTexts()).length;
  return timed(() =>
    eventually(async () => {
      await expectInStep(fleet);
      if ((await fleet.slackTexts()).length === posts) throw new Error("Slack has not been told yet.");
    }),
  );
}

async function oneChange(fleet: TestFleet): Promise<Figure[]> {
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Bench", Phone: "0" });
  const cold = await timed(() => eventually(() => expectInStep(fleet)));
  const runs: number[] = [];
  for (let run = 1; run <= WARM_RUNS; run += 1) runs.push(await changeOnce(fleet, id, `+1 555 ${run}`));
  runs.sort((a, b) => a - b);
  const at = (share: number) => seconds(runs[Math.floor((runs.length - 1) * share)] ?? Number.NaN);
  return [
    { what: "first change to all targets, every function cold", value: seconds(cold) },
    {
      what: `one change to all targets, warm (min, median, max of ${WARM_RUNS})`,
      value: `${at(0)}, ${at(0.5)}, ${at(1)}`,
    },
  ];
}

async function burst(fleet: TestFleet): Promise<Figure[]> {
  const calls = countFleetCalls(fleet);
  const took = await timed(async () => {
    const ids: string[] = [];
    await sideBySide(ACCOUNTS, async (index) => {
      ids.push((await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: `Burst ${index}` })).id);
    });
    await sideBySide(CHANGES - ACCOUNTS, (index) =>
      fleet.salesforce("PATCH", `sobjects/Account/${ids[index % ACCOUNTS]}`, { Phone: `+1 555 ${index}` }),
    );
    await eventually(() => expectInStep(fleet), 300_000);
    await eventually(() => expectWrittenBack(fleet), 300_000);
  });
  const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
  const kinds = [...calls].map(([route, count]) => `${count} ${route.replace("/services/data/:version", "")}`);
  return [
    { what: `${CHANGES} changes to ${ACCOUNTS} accounts in all targets, written back`, value: seconds(took) },
    {
      what: `Salesforce API calls for them: ${kinds.join(", ")}`,
      value: `${total} (${perThousand(total)} per 1,000 changes)`,
    },
  ];
}

/** As several people do it. */
async function sideBySide(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const person = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: PEOPLE }, person));
}

/** Counts the calls that the fleet itself makes from now on, by route. */
function countFleetCalls(fleet: TestFleet): Map<string, number> {
  const { integrationClientName } = fleet.saas.connections().salesforce;
  const counts = new Map<string, number>();
  fleet.saas.salesforce.calls.on("call", ({ route, caller }) => {
    if (caller === integrationClientName) counts.set(route, (counts.get(route) ?? 0) + 1);
  });
  return counts;
}

async function expectWrittenBack(fleet: TestFleet): Promise<void> {
  const soql = "SELECT COUNT() FROM Account WHERE Sync_State__c != 'synced'";
  const { totalSize } = await fleet.salesforce<{ totalSize: number }>("GET", `query?q=${encodeURIComponent(soql)}`);
  if (totalSize > 0) throw new Error(`${totalSize} accounts are not written back.`);
}

function perThousand(calls: number): string {
  return ((calls / CHANGES) * 1000).toFixed(0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** Runs `work` against a fleet of its own, which it boots first. */
async function withFleet(options: FleetOptions, work: (fleet: TestFleet) => Promise<Figure[]>): Promise<Figure[]> {
  let fleet: TestFleet | undefined;
  const boot = await timed(async () => {
    fleet = await startTestFleet({ clockScale: 1, ...options });
  });
  if (!fleet) throw new Error("The fleet did not start.");
  try {
    return [{ what: "boot of the packaged fleet", value: seconds(boot) }, ...(await work(fleet))];
  } finally {
    await fleet.stop();
  }
}

if (process.argv.includes("--help")) console.log(HELP);
else {
  console.error("Measuring one change …");
  const figures = await withFleet({}, oneChange);
  console.error("Measuring a burst …");
  const { template } = await packageFleet("local", undefined, PRODUCTION_WINDOWS);
  const [, ...rest] = await withFleet({ template: JSON.parse(readFileSync(template, "utf8")) }, burst);
  const cpu = cpus()[0]?.model ?? "unknown processor";
  console.log(`${cpus().length} × ${cpu}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}\n`);
  for (const { what, value } of [...figures, ...rest]) console.log(`${value.padStart(30)}  ${what}`);
}
