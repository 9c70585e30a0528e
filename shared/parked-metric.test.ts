import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { createParkedTable } from "./parked/table.ts";
import { countDenied } from "./parked-metric.ts";
import { PARKED_TABLE, parkedWork, startParkedTable } from "./testing/parked-table.ts";

let table: Awaited<ReturnType<typeof startParkedTable>>;

beforeAll(async () => {
  table = await startParkedTable();
});
afterAll(() => table.close());

/** What is written for CloudWatch meanwhile. */
async function counted(work: () => unknown): Promise<unknown[]> {
  const printed = jest.spyOn(process.stdout, "write").mockImplementation(() => true);
  try {
    await work();
    return printed.mock.calls.map(([line]) => JSON.parse(String(line)));
  } finally {
    printed.mockRestore();
  }
}

const work = parkedWork("message-1");

test("whoever parks, it is counted for the fleet as a whole, and the same parking only once", async () => {
  const { park } = createParkedTable(PARKED_TABLE, table.client);
  expect(await counted(() => park(work))).toMatchObject([{ service: "fleet/local", WorkParked: 1 }]);
  expect(await counted(() => park(work))).toEqual([]);
});

test("what is denied is counted for the fleet as a whole", async () => {
  const [line] = await counted(() => countDenied(3));
  expect(line).toMatchObject({
    service: "fleet/local",
    MessagesDenied: 3,
    _aws: { CloudWatchMetrics: [{ Namespace: "ConnectorFleet", Dimensions: [["service"]] }] },
  });
});
