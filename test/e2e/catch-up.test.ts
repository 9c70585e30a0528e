import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const PATIENCE_MS = 90_000;
const LOG_GROUP = "/aws/lambda/connector-fleet-local-salesforce-catch-up";

/** What a run of the catch-up logged of itself. */
interface Report {
  readonly message: string;
  readonly correlationId: string;
  readonly outcome: string;
  readonly read: number;
  readonly passedOver: number;
  readonly sent: number;
}

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

const create = (Name: string) => fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name, Phone: "1" });
const edit = (id: string, fields: object) => fleet.salesforce("PATCH", `sobjects/Account/${id}`, fields);

/** Asks for a catch-up and waits for its report; how it went must be looked at by the test. */
async function catchUp(): Promise<Report> {
  const correlation = await fleet.request("catch-up.requested", { graceSeconds: 0 });
  return eventually(async () => {
    const report = (await reports()).find(({ correlationId }) => correlationId === correlation);
    expect(report).toBeDefined();
    return report as Report;
  }, PATIENCE_MS);
}

async function reports(): Promise<Report[]> {
  const input = { logGroupName: LOG_GROUP, filterPattern: "{ $.outcome = * }", limit: 10_000 };
  const { events } = await fleet.aws("logs", "FilterLogEvents", input);
  return events.map(({ message }: { message: string }) => JSON.parse(message));
}

const storedNames = async () => (await fleet.stored()).map(({ customer }) => customer?.name);

test(
  "the first catch-up finds its position and brings nothing",
  async () => {
    expect(await catchUp()).toMatchObject({ outcome: "first-run", sent: 0 });
  },
  PATIENCE_MS,
);

test(
  "what the live feed brought is passed over",
  async () => {
    await create("Live");
    await eventually(() => expectInStep(fleet), PATIENCE_MS);
    expect(await catchUp()).toMatchObject({ outcome: "caught-up", sent: 0 });
  },
  PATIENCE_MS,
);

test(
  "changes that the relay lost are caught up, and every target is equal again",
  async () => {
    const { id: edited } = await create("Before");
    const { id: deleted } = await create("Doomed");
    await eventually(() => expectInStep(fleet), PATIENCE_MS);
    await fleet.control("relay", { state: "STOP" });
    await edit(edited, { Name: "After", Phone: "2" });
    await fleet.salesforce("DELETE", `sobjects/Account/${deleted}`);
    for (let n = 0; n < 5; n += 1) await create(`Missed ${n}`);
    // A relay that was stopped goes on with new events only.
    await fleet.control("relay", { state: "RUN" });
    const { id: live } = await create("Live again");
    await eventually(
      async () => expect((await fleet.stored()).map(({ customerId }) => customerId)).toContain(live),
      PATIENCE_MS,
    );
    expect(await storedNames()).not.toContain("Missed 0");
    const report = await catchUp();
    expect(report.outcome).toBe("caught-up");
    expect(report.sent).toBeGreaterThanOrEqual(7);
    await eventually(() => expectInStep(fleet), PATIENCE_MS);
    await eventually(async () => {
      const tombstone = (await fleet.stored()).find(({ customerId }) => customerId === deleted);
      expect(tombstone).toMatchObject({ deleted: true });
    }, PATIENCE_MS);
  },
  2 * PATIENCE_MS,
);

test(
  "a connection that is cut in the middle fails the run, and the next one loses nothing",
  async () => {
    await fleet.control("event-faults", { kind: "drop", entity: "Account", times: 6 });
    for (let n = 0; n < 6; n += 1) await create(`Dropped ${n}`);
    await fleet.control("pubsub-faults", { kind: "cut", afterEvents: 3 });
    expect(await catchUp()).toMatchObject({ outcome: "failed" });
    expect(await catchUp()).toMatchObject({ outcome: "caught-up" });
    await eventually(() => expectInStep(fleet), PATIENCE_MS);
  },
  2 * PATIENCE_MS,
);

test(
  "a lost position is repaired by a comparison",
  async () => {
    await fleet.control("relay", { state: "STOP" });
    await create("In the gap");
    await fleet.control("replay/invalidate");
    await fleet.control("relay", { state: "RUN" });
    expect(await catchUp()).toMatchObject({ outcome: "position-lost" });
    await eventually(() => expectInStep(fleet), PATIENCE_MS);
    expect(await catchUp()).toMatchObject({ outcome: "caught-up" });
  },
  2 * PATIENCE_MS,
);

test("nothing was parked", async () => {
  expect(await fleet.parked()).toEqual([]);
});
