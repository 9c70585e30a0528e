import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

/** Every change event relayed so far, in the order of the org's commits. */
async function changeEvents(): Promise<{ detailType: string; detail: string }[]> {
  const response = await fetch(`${fleet.saas.salesforce.url}/__emulator__/log`);
  const { commits } = (await response.json()) as { commits: { events: { detailType: string; detail: string }[] }[] };
  return commits.flatMap(({ events }) => events);
}

async function relayAgain(events: readonly { detailType: string; detail: string }[]): Promise<void> {
  const source = fleet.saas.salesforce.eventSource;
  for (const { detailType, detail } of events)
    await fleet.aws("events", "PutPartnerEvents", {
      Entries: [{ Source: source, DetailType: detailType, Detail: detail, EventBusName: source }],
    });
}

test("the same events delivered three times and out of order change nothing", async () => {
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Adatum", Phone: "1" });
  for (const phone of ["2", "3", "4"]) await fleet.salesforce("PATCH", `sobjects/Account/${id}`, { Phone: phone });
  await eventually(() => expectInStep(fleet));

  const events = await changeEvents();
  expect(events.length).toBeGreaterThanOrEqual(4);
  const before = await fleet.stripeCustomers();
  const runs = countRuns();
  await relayAgain([...events].reverse());
  await relayAgain(events);
  await eventually(() => expect(runs.finished).toBeGreaterThan(0));
  await eventually(() => expectInStep(fleet));

  expect(await fleet.stripeCustomers()).toEqual(before);
  expect((await fleet.stored()).find(({ customerId }) => customerId === id)?.customer).toMatchObject({ phone: "4" });
  expect(await fleet.parked()).toEqual([]);
}, 60_000);

function countRuns(): { finished: number } {
  const count = { finished: 0 };
  fleet.kernel.on("activity", ({ operation }) => {
    if (operation === "StartSyncExecution") count.finished += 1;
  });
  return count;
}
