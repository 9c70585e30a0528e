import { cpus } from "node:os";
import { expectInStep, startTestFleet, type TestFleet } from "../test/support/fleet.ts";
import { eventually } from "../test/support/wait.ts";

const HELP = `Measures the fleet on this machine, with waits as long as on AWS.

usage: npm run bench:smoke

Prints: boot of the packaged fleet, one change to all targets (warm, median of ten), 200 changes to 50 accounts, and
what the burst cost in Salesforce calls. Compare figures of one run only; machines differ.`;

const WARM_RUNS = 10;
const ACCOUNTS = 50;
const CHANGES = 200;

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
  const before = salesforceReads(fleet);
  const took = await timed(async () => {
    const ids: string[] = [];
    for (let index = 0; index < ACCOUNTS; index += 1)
      ids.push((await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: `Burst ${index}` })).id);
    for (let change = ACCOUNTS; change < CHANGES; change += 1)
      await fleet.salesforce("PATCH", `sobjects/Account/${ids[change % ACCOUNTS]}`, { Phone: `+1 555 ${change}` });
    await eventually(() => expectInStep(fleet), 120_000);
  });
  const reads = salesforceReads(fleet) - before;
  return [
    { what: `${CHANGES} changes to ${ACCOUNTS} accounts in all targets`, value: seconds(took) },
    {
      what: "Salesforce read calls for them",
      value: `${reads} (${((reads / CHANGES) * 1000).toFixed(0)} per 1,000 changes)`,
    },
  ];
}

function salesforceReads(fleet: TestFleet): number {
  const { routes } = fleet.saas.salesforce.calls.report();
  return Object.entries(routes)
    .filter(([route]) => /^POST .*\/composite\/sobjects\/[^/]+$/.test(route))
    .reduce((sum, [, { calls }]) => sum + calls, 0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

if (process.argv.includes("--help")) console.log(HELP);
else {
  let fleet: TestFleet | undefined;
  const boot = await timed(async () => {
    fleet = await startTestFleet({ clockScale: 1 });
  });
  if (!fleet) throw new Error("The fleet did not start.");
  try {
    const figures = [{ what: "boot of the packaged fleet", value: seconds(boot) }];
    console.error("Measuring one change …");
    figures.push(...(await oneChange(fleet)));
    console.error("Measuring a burst …");
    figures.push(...(await burst(fleet)));
    const cpu = cpus()[0]?.model ?? "unknown processor";
    console.log(`${cpus().length} × ${cpu}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}\n`);
    for (const { what, value } of figures) console.log(`${value.padStart(30)}  ${what}`);
  } finally {
    await fleet.stop();
  }
}
