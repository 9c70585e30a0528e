import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { eventually } from "../support/wait.ts";
import { calm } from "./calm.ts";
import { compare } from "./compare.ts";
import { mostCalls } from "./counts.ts";
import { HostileFleet } from "./fleet.ts";
import { Ledger } from "./ledger.ts";
import { operate } from "./operations.ts";
import { PeoplesOrg, type User } from "./org.ts";
import type { Outage } from "./outages.ts";
import { Random } from "./random.ts";
import { arm, OUTAGE_STEP, passTime, planTrouble, type Troubled } from "./trouble.ts";

// Other runs, and longer ones: npm run hostile.
const SEED = Number(process.env.HOSTILE_SEED ?? 1);
const OPERATIONS = Number(process.env.HOSTILE_OPERATIONS ?? 300);
/** Share of Stripe's answers that repeat an earlier one: whoever was to hear that one was killed or cut off. */
const MAX_REPEATED = 0.1;
/** In a short run chance weighs more. */
const FEW = 20;
const USERS: readonly User[] = ["ada", "ada", "grace", "us"];
/** People do not hurry far ahead of the fleet: what piles up is only read once. */
const MAX_BACKLOG = 40;

const stateDir = mkdtempSync(join(tmpdir(), "fleet-hostile-"));
// Below the ports that the system hands out, and others than those of another run.
const fleet = new HostileFleet(stateDir, 10_000 + (process.pid % 2_000) * 10);

afterAll(async () => {
  await fleet.current?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Works all operations in the midst of trouble; the fleet is killed and started again at two of them. */
async function workAll(on: Troubled): Promise<void> {
  const random = new Random(SEED);
  const plan = planTrouble(OPERATIONS, on.random);
  const restarts = new Set([1, 2].map((part) => Math.floor((part * OPERATIONS) / 3) + on.random.between(0, 50)));
  for (let at = 0; at < OPERATIONS; at += 1) {
    while (plan[0] && plan[0].at <= at) await plan.shift()?.make(on);
    if (restarts.has(at)) await restart(on);
    await operate({ org: on.org, ledger: on.ledger, random, at, user: random.pick(USERS) });
    if (at % OUTAGE_STEP === 0) await passTime(on);
    if (at % 10 === 0) await keepStep();
  }
}

async function restart(on: Troubled): Promise<void> {
  fleet.killFunctions();
  await fleet.current.stop();
  await fleet.start();
  on.org.moveTo(fleet.current.saas.salesforce);
  await arm(on);
}

async function keepStep(): Promise<void> {
  const waiting = async () => (await fleet.backlog({ all: false })).get("connector-fleet-local-customer-sync") ?? 0;
  await eventually(async () => expect(await waiting()).toBeLessThan(MAX_BACKLOG), 2_000).catch(() => undefined);
}

test("every system equals the org after thousands of operations in the midst of trouble", async () => {
  console.info(`HOSTILE_SEED=${SEED} HOSTILE_OPERATIONS=${OPERATIONS}`);
  const startedAt = Date.now();
  await fleet.start();
  const org = new PeoplesOrg(fleet.current.saas.salesforce);
  const on = { fleet, org, ledger: new Ledger(), random: new Random(SEED + 1), outages: new Set<Outage>() };
  await arm(on);
  await workAll(on);
  const workedMs = Date.now() - startedAt;
  const skipped = Math.round(fleet.current.clock.offset / 60_000);
  await calm(on);
  const { counter } = fleet;
  counter.calls.set("update", (counter.calls.get("update") ?? 0) - org.collectionUpdates);
  const calls = [...counter.calls.values()].reduce((sum, count) => sum + count, 0);
  const { problems, billingChanges } = await compare(fleet, org, on.ledger);
  const kinds = [...counter.calls].map(([kind, count]) => `${kind} ${count}`).join(", ");
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.info(
    `HOSTILE_SEED=${SEED}: ${OPERATIONS} operations in ${seconds} s (${Math.round(workedMs / 1000)} s of work, ${skipped} minutes of outages skipped), ` +
      `${calls} calls of Salesforce (${kinds}), at most ${mostCalls(counter)} expected; ${counter.billingUpdates} updates answered by Stripe, ${billingChanges} of them changes; ${fleet.blows} blows; people were refused ` +
      JSON.stringify(Object.fromEntries(org.refusals)),
  );
  expect({ seed: SEED, problems }).toEqual({ seed: SEED, problems: [] });
  expect(calls).toBeLessThanOrEqual(mostCalls(counter));
  expect(counter.billingUpdates).toBeLessThanOrEqual(billingChanges * (1 + MAX_REPEATED) + FEW);
}, 900_000);
