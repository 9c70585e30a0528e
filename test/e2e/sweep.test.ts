import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const LOG_GROUP = "/aws/lambda/connector-fleet-local-salesforce-sweep";
const PATIENCE_MS = 60_000;

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 120_000);

afterAll(() => fleet?.stop());

/** Asks for a sweep of accounts, as a person does at the command line. @returns its correlation id */
const askForSweep = (full: boolean) =>
  fleet.request("reconciliation.requested", { entity: "Account", reason: "manual", full });

/** What a sweep has said at its end. */
async function driftOf(correlationId: string): Promise<Record<string, unknown> | undefined> {
  const input = { logGroupName: LOG_GROUP, filterPattern: '{ $.message = "Sweep finished" }', limit: 100 };
  const { events } = await fleet.aws("logs", "FilterLogEvents", input);
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

  // The relay loses every event from now on.
  await fleet.control("event-faults", { kind: "drop", times: 1_000_000 });
  const missed = await create("Northwind");
  await fleet.salesforce("PATCH", `sobjects/Account/${changed}`, { Phone: "2" });
  await fleet.salesforce("DELETE", `sobjects/Account/${removed}`);
  const first = await askForSweep(true);

  await eventually(async () => {
    const stored = new Map((await fleet.stored()).map((item) => [item.customerId, item]));
    expect(stored.get(removed)).toMatchObject({ deleted: true });
    expect(stored.get(changed)).toMatchObject({ customer: { phone: "2" } });
    expect(stored.get(missed)).toMatchObject({ customer: { name: "Northwind" } });
    expect(stored.get(untouched)).toMatchObject({ deleted: false });
  }, PATIENCE_MS);
  await eventually(() => expectInStep(fleet), PATIENCE_MS);
  await eventually(
    async () => expect(await driftOf(first)).toMatchObject({ missing: 1, different: 1, deleted: 1, unexplained: 0 }),
    PATIENCE_MS,
  );
  expect((await driftOf(first))?.apiCalls).toBeLessThanOrEqual(5);

  const second = await askForSweep(false);
  await eventually(
    async () => expect(await driftOf(second)).toMatchObject({ full: false, missing: 0, different: 0, deleted: 0 }),
    PATIENCE_MS,
  );
  expect((await driftOf(second))?.apiCalls).toBeLessThanOrEqual(5);
  expect(await fleet.parked()).toEqual([]);
}, 240_000);

test("an organisation that is younger than the delete log looks back is swept to its end", async () => {
  await fleet.control("age", { days: 1 });
  const create = async (Name: string) => {
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name, Phone: "1" });
    return id;
  };
  const [changed, gone] = [await create("Litware"), await create("Proseware")];
  await askForSweep(true);
  await eventually(() => expectInStep(fleet), PATIENCE_MS);

  await fleet.salesforce("PATCH", `sobjects/Account/${changed}`, { Phone: "2" });
  await fleet.salesforce("DELETE", `sobjects/Account/${gone}`);
  await fleet.control("empty-recycle-bin", { ids: [gone] });
  const sweep = await askForSweep(true);
  await eventually(async () => {
    const stored = new Map((await fleet.stored()).map((item) => [item.customerId, item]));
    expect(stored.get(changed)).toMatchObject({ customer: { phone: "2" } });
  }, PATIENCE_MS);
  // The delete log tells of whole minutes: a deletion of this minute is noticed, and explained by the next sweep.
  await eventually(async () => {
    const { deleted, unexplained } = (await driftOf(sweep)) ?? {};
    expect(Number(deleted) + Number(unexplained)).toBe(1);
  }, PATIENCE_MS);
  expect(await fleet.parked()).toEqual([]);
}, 240_000);
