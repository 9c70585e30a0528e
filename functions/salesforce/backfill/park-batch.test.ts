import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Metadata } from "#shared/contracts/metadata.ts";
import { keepBatch } from "#shared/contracts/tasks/keep-batch.ts";
import { planRedrive } from "#shared/parked/plan.ts";
import { startParkedTable } from "#shared/testing/parked-table.ts";
import { parkBatch } from "./park-batch.ts";

const ORG = "00D5f000005KcCnEAK";
const PARKED_AT = "2026-01-01T00:00:00.000Z";

let table: Awaited<ReturnType<typeof startParkedTable>>;

beforeAll(async () => {
  table = await startParkedTable();
});
afterAll(() => table.close());

const idsFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, n) => `001${String(first + n).padStart(12, "0")}AAA`);

/** Parks a batch, met by a run. */
function park(recordIds: readonly string[], executionArn: string, failure: object = { Error: "ContractError" }) {
  const metadata = { orgId: ORG, correlationId: "backfill-1", actor: "system:backfill" } as Metadata;
  const data = keepBatch.input.shape.data.parse({ entity: "Account", recordIds, failure, executionArn });
  return parkBatch(data, metadata, { park: table.parked.park, now: () => Date.parse(PARKED_AT) });
}

async function keptOf(recordIds: readonly string[]) {
  const { items } = await table.parked.list({ status: "parked" });
  const all = await Promise.all(items.map(({ parkedId }) => table.parked.read(parkedId)));
  return all.filter((item) => item && JSON.parse(item.input).data.recordIds.join() === recordIds.join());
}

test("a batch is kept whole, in plain words, and counted as compared and parked", async () => {
  const ids = idsFrom(0, 500);
  const Cause = JSON.stringify({
    errorType: "ContractError",
    errorMessage: "[INVALID_FIELD] no such field",
    trace: ["at x (y:1:1)"],
  });
  const counts = { compared: 500, sent: 0, equal: 0, behind: 0, unusable: 0, parked: 500 };
  expect(await park(ids, "run-1", { Error: "ContractError", Cause })).toEqual(counts);
  expect(await keptOf(ids)).toMatchObject([
    {
      kind: "comparison",
      hop: "backfill/LoadBatch",
      errorName: "ContractError",
      errorCode: "INVALID_FIELD",
      errorMessage: "no such field",
      correlationId: "backfill-1",
      customerId: "unknown",
      executionArn: "run-1",
      orgId: ORG,
      traceHeader: "none",
      parkedAt: PARKED_AT,
    },
  ]);
});

test("what AWS says nothing about is parked too", async () => {
  const ids = idsFrom(1_000, 1);
  await park(ids, "run-1", {});
  expect(await keptOf(ids)).toMatchObject([{ errorName: "Unknown", errorMessage: "no message was given" }]);
});

test("however often it is met, a batch is one piece of work, which a redrive compares whole", async () => {
  let first = 10_000;
  const runs = fc.array(fc.constantFrom("run-1", "run-2", "run-3"), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 500 }), runs, async (count, arns) => {
      const ids = idsFrom(first, count);
      first += count;
      for (const arn of arns) await park(ids, arn);
      const [item, ...others] = await keptOf(ids);
      expect([item?.tries, others]).toEqual([1, []]);
      expect(item && planRedrive(item, undefined, "customer-sync")).toEqual({
        kind: "compare",
        orgId: ORG,
        entity: "Account",
        ids,
      });
    }),
    { numRuns: 15 },
  );
});
