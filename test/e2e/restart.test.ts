import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let stateDir: string;
let fleet: TestFleet | undefined;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "fleet-restart-"));
});

afterEach(async () => {
  await fleet?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

test("what was under way when the fleet stopped arrives after the next start", async () => {
  fleet = await startTestFleet({ stateDir });
  const names = ["Early", "Halfway", "Late"];
  for (const name of names) await fleet.salesforce("POST", "sobjects/Account", { Name: name, Phone: "+1 555 0100" });
  const running = fleet;
  await eventually(async () => expect((await running.stored()).length).toBeGreaterThan(0));
  await fleet.stop();

  fleet = await startTestFleet({ stateDir });
  const restarted = fleet;
  await eventually(() => expectInStep(restarted), 90_000);
  expect((await restarted.accounts()).map(({ Name }) => Name).sort()).toEqual([...names].sort());
  expect(await restarted.stripeCustomers()).toHaveLength(names.length);
}, 120_000);
