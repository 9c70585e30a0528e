import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectInStep, expectWholeTrace, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

/** The next call of this kind kills the function that makes it, after the call took effect. */
function crashAfter(service: string, operation: string, resource: string): void {
  fleet.kernel.faults.push({ service, operation, resource, times: 1, afterEffect: true, crash: true });
}

test.each([
  ["salesforce/capture, after the event was emitted", "events", "PutEvents", "event-bus/connector-fleet-local"],
  ["flows/dispatch, after the run ended", "states", "StartSyncExecution", "customer-sync"],
  ["customers/upsert, after the write", "dynamodb", "UpdateItem", "customers"],
])(
  "a crash of %s loses nothing, and the trace stays whole",
  async (title, service, operation, resource) => {
    crashAfter(service, operation, resource);
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: title, Phone: "1" });
    await eventually(() => expectInStep(fleet), 60_000);
    expect(fleet.kernel.faults.filter(({ times }) => times > 0)).toEqual([]);
    expect(await fleet.parked()).toEqual([]);
    const item = (await fleet.stored()).find(({ customerId }) => customerId === id);
    await eventually(() => expectWholeTrace(fleet, item?.correlationId));
  },
  120_000,
);
