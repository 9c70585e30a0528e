import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "@jest/globals";
import { eventually, untilQuiet } from "../support/wait.ts";
import { endOutages, type Troubled } from "./trouble.ts";

type Ended = Pick<Troubled, "fleet" | "org" | "outages">;

/** By then whatever waits for a target has been tried again twice, however long it waited. */
const PATIENCE_MINUTES = 120;
/** How long work may take before a minute is let go by: what waits for one will not come by itself. */
const WORK_MS = 5_000;
const POLL_MS = 250;
/** Looks in a row that find nothing to do: an event on its way from the bus to a queue is in neither for a moment. */
const QUIET_LOOKS = 4;

/** Ends all trouble, and has everything looked at again: first what the feeds missed, then everything. */
export async function calm(on: Ended): Promise<void> {
  const { fleet, org } = on;
  const { kernel, saas } = fleet.current;
  kernel.faults.length = 0;
  await endOutages(on);
  for (const { faults } of [saas.salesforce, saas.stripe, saas.slack]) faults.clear();
  for (const path of ["event-faults", "pubsub-faults", "triggers"]) await org.control(path, {}, "DELETE");
  await org.control("limits", { used: 100 });
  await org.control("relay", { state: "RUN" });
  // Sweeps that wait for a new day's calls are replaced by those that follow.
  await fleet.aws("sqs", "PurgeQueue", { QueueUrl: fleet.current.ref("SalesforceSweepQueue") });
  await inStep(on);
  await fleet.request("catch-up.requested", { graceSeconds: 0 });
  await inStep(on);
  for (const entity of ["Account", "Contact"]) {
    await fleet.request("reconciliation.requested", { entity, reason: "manual", full: true });
    await inStep(on);
  }
}

/** Waits until no event is under way and nobody is behind, and lets a minute go by whenever there still is one. */
async function inStep(on: Ended): Promise<void> {
  for (let minute = 1; minute <= PATIENCE_MINUTES; minute += 1) {
    const isInStep = await eventually(() => expectInStep(on), WORK_MS).then(
      () => true,
      () => false,
    );
    if (isInStep) return;
    await untilQuiet(on.fleet.current.kernel);
    await on.fleet.current.pass(60);
  }
  await expectInStep(on);
}

async function expectInStep({ fleet, org }: Ended): Promise<void> {
  let before = "";
  for (let look = 0; look < QUIET_LOOKS; look += 1) {
    expect([...(await fleet.backlog({ all: true }))]).toEqual([]);
    const { pending, position } = (await org.control("relay", {}, "GET")).body as { pending: number; position: number };
    expect({ pending }).toEqual({ pending: 0 });
    if (look > 0) expect(String(position)).toBe(before);
    before = String(position);
    await sleep(POLL_MS);
  }
  const behind = (await fleet.current.stored()).filter(({ behindKey }) => behindKey !== undefined);
  expect(behind.map(({ customerId }) => customerId)).toEqual([]);
}
