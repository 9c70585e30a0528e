import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ADMINISTRATOR } from "../../local/aws/kernel/kernel.ts";
import { reconciliationRequested } from "../../shared/contracts/events.ts";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const LOG_GROUP = "/aws/lambda/connector-fleet-local-salesforce-sweep";
const PATIENCE_MS = 60_000;

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 120_000);

afterAll(() => fleet?.stop());

/** Lets the relay lose every event from now on. */
async function loseEvents(): Promise<void> {
  const body = JSON.stringify({ kind: "drop", times: 1_000_000 });
  const url = `${fleet.saas.salesforce.url}/__emulator__/event-faults`;
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  expect(response.ok).toBe(true);
}

/** Asks for a sweep of accounts, as a person does at the command line. */
async function askForSweep(correlationId: string, full: boolean): Promise<void> {
  const metadata = {
    eventId: correlationId,
    occurredAt: new Date().toISOString(),
    correlationId,
    causationId: correlationId,
    orgId: fleet.saas.salesforce.orgId,
    actor: "system:cli",
    schemaVersion: 1,
  };
  const Detail = JSON.stringify({ metadata, data: { entity: "Account", reason: "manual", full } });
  const { source: Source, type: DetailType } = reconciliationRequested;
  const Entries = [{ EventBusName: fleet.ref("FleetBus"), Source, DetailType, Detail }];
  await fleet.kernel.call("events", "PutEvents", { Entries }, { principal: ADMINISTRATOR });
}

/** What a sweep has said at its end. */
async function driftOf(correlationId: string): Promise<Record<string, unknown> | undefined> {
  const input = { logGroupName: LOG_GROUP, filterPattern: '{ $.message = "Sweep finished" }', limit: 100 };
  const { events } = await fleet.kernel.call("logs", "FilterLogEvents", input, { principal: ADMINISTRATOR });
  const reports = events.map(({ message }: { message: string }) => JSON.parse(message));
  return reports.find((report: Record<string, unknown>) => report.correlationId === correlationId);
}

test("changes and deletions that the relay lost are found and repaired, in a handful of calls", async () => {
  const create = async (Name: string) => {
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name, Phone: "1" });
    return id;
  };
  const [changed, removed, untouched] = [await create("Adatum"), await create("Contoso"), await create("Fabrikam")];
  await eventually(() => expectInStep(fleet), PATIENCE_MS);

  await loseEvents();
  const missed = await create("Northwind");
  await fleet.salesforce("PATCH", `sobjects/Account/${changed}`, { Phone: "2" });
  await fleet.salesforce("DELETE", `sobjects/Account/${removed}`);
  await askForSweep("sweep-1", true);

  await eventually(async () => {
    const stored = new Map((await fleet.stored()).map((item) => [item.customerId, item]));
    expect(stored.get(removed)).toMatchObject({ deleted: true });
    expect(stored.get(changed)).toMatchObject({ customer: { phone: "2" } });
    expect(stored.get(missed)).toMatchObject({ customer: { name: "Northwind" } });
    expect(stored.get(untouched)).toMatchObject({ deleted: false });
  }, PATIENCE_MS);
  await eventually(() => expectInStep(fleet), PATIENCE_MS);
  await eventually(
    async () =>
      expect(await driftOf("sweep-1")).toMatchObject({ missing: 1, different: 1, deleted: 1, unexplained: 0 }),
    PATIENCE_MS,
  );
  expect((await driftOf("sweep-1"))?.apiCalls).toBeLessThanOrEqual(5);

  await askForSweep("sweep-2", false);
  await eventually(
    async () => expect(await driftOf("sweep-2")).toMatchObject({ full: false, missing: 0, different: 0, deleted: 0 }),
    PATIENCE_MS,
  );
  expect((await driftOf("sweep-2"))?.apiCalls).toBeLessThanOrEqual(5);
  expect(await fleet.parked()).toEqual([]);
}, 240_000);
