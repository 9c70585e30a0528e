import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import { METADATA as metadata } from "#shared/testing/metadata.ts";
import { noteFailure } from "./failure.ts";

const START = Date.parse("2026-01-01T10:00:00.000Z");
const [HALF_HOUR, HOUR] = [1_800_000, 3_600_000];

let count = 0;
let table: Awaited<ReturnType<typeof startCustomersTable>>;

beforeAll(async () => {
  table = await startCustomersTable();
});
afterAll(() => table.close());

/** Hours after which a customer is parked that ends every run; others are brought to billing while `works` says so. */
async function hoursUntilParked(
  hours: number,
  works: (hour: number) => boolean,
  name = "Runtime.ExitError",
): Promise<number | undefined> {
  let [moment, billed] = [START, START];
  const now = () => moment;
  const customer = { ...newCustomer(), customerId: `0015f00002J9YaUAA${"ABCDEFGHI"[count]}` };
  count += 1;
  await createCustomerStore(TABLE, table.client, now).save(customer, version(1), cause());
  const deps = {
    behind: createBehind(TABLE, { client: table.client, now }),
    park: async () => undefined,
    now,
    giveUpAfterSeconds: 86_400,
    awayUntil: async () => 0,
    billedLast: async () => billed,
  };
  for (; moment < START + hours * HOUR; moment += HALF_HOUR) {
    const hour = (moment - START) / HOUR;
    if (works(hour)) billed = moment;
    const { outcome } = await noteFailure(
      {
        input: { type: "customer.changed", metadata, data: { customer, version: version(1) } },
        failure: { state: "UpsertBilling", error: { Error: name, Cause: "" } },
        executionArn: "arn:aws:states:eu-central-1:000000000000:express:customer-sync:1:1",
      },
      deps,
    );
    if (outcome === "parked") return hour;
  }
  return undefined;
}

test.each(["Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout", "Lambda.Unknown"])(
  "a customer whose runs end by %s while others go through is parked after a day",
  async (name) => {
    expect(await hoursUntilParked(30, () => true, name)).toBe(24.5);
  },
);

test("a bad deploy by which everything crashes for days parks nothing, and a day later what still does", async () => {
  const hours = (await hoursUntilParked(100, (hour) => hour < 2 || hour >= 58)) ?? 0;
  expect(hours).toBeGreaterThan(58 + 20);
  expect(hours).toBeLessThanOrEqual(58 + 24.5);
});

test("in a quiet fleet the time in which nobody else can tell does not count", async () => {
  const hours = (await hoursUntilParked(200, (hour) => hour % 4 === 0)) ?? 0;
  expect(hours).toBeGreaterThan(24.5);
});
