import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "@jest/globals";
import { eventually } from "../support/wait.ts";
import type { HostileFleet } from "./fleet.ts";
import type { PeoplesOrg } from "./org.ts";

const PATIENCE_MS = 120_000;
const POLL_MS = 250;
/** Looks in a row that find nothing to do: an event on its way from the bus to a queue is in neither for a moment. */
const QUIET_LOOKS = 4;

/** Ends all trouble, and has everything looked at again: first what the feeds missed, then everything. */
export async function calm(fleet: HostileFleet, org: PeoplesOrg): Promise<void> {
  const { kernel, saas } = fleet.current;
  kernel.faults.length = 0;
  for (const { faults } of [saas.salesforce, saas.stripe, saas.slack]) faults.clear();
  for (const path of ["event-faults", "pubsub-faults", "triggers"]) await org.control(path, {}, "DELETE");
  await org.control("limits", { used: 100 });
  await org.control("relay", { state: "RUN" });
  // Sweeps that wait for a new day's calls are replaced by those that follow.
  await fleet.aws("sqs", "PurgeQueue", { QueueUrl: fleet.current.ref("SalesforceSweepQueue") });
  await quiet(fleet, org);
  await fleet.request("catch-up.requested", { graceSeconds: 0 });
  await quiet(fleet, org);
  for (const entity of ["Account", "Contact"]) {
    await fleet.request("reconciliation.requested", { entity, reason: "manual", full: true });
    await quiet(fleet, org);
  }
}

/** Waits until no event is under way. */
export async function quiet(fleet: HostileFleet, org: PeoplesOrg): Promise<void> {
  await eventually(async () => {
    let before = "";
    for (let look = 0; look < QUIET_LOOKS; look += 1) {
      expect([...(await fleet.backlog({ all: true }))]).toEqual([]);
      const { pending, position } = (await org.control("relay", {}, "GET")).body as {
        pending: number;
        position: number;
      };
      expect({ pending }).toEqual({ pending: 0 });
      if (look > 0) expect(String(position)).toBe(before);
      before = String(position);
      await sleep(POLL_MS);
    }
  }, PATIENCE_MS);
}
