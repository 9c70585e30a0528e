import { describe, expect, test } from "@jest/globals";
import { InvalidInputError } from "../errors.ts";
import { type BatchWork, eachDelivery, workBatch } from "./batch.ts";
import { queueHandler } from "./queue.ts";
import { context, NOW, queueOf, recordOf } from "./testing.ts";

const records = ["fine", "hangs", "wrong"].map((body) => recordOf(body, body));
const forever = () => new Promise<never>(() => undefined);
const work = eachDelivery<string>(async ({ event }) => {
  if (event === "hangs") await forever();
  if (event === "wrong") throw new InvalidInputError("I", "wrong");
});
const failuresOf = async (consume: BatchWork<string>, remainingMs: number) => {
  const failures = await workBatch(records, (body) => body, consume, remainingMs);
  return failures.map(({ record, error }) => [record.messageId, (error as { code?: string }).code]);
};

describe("a batch whose time runs out", () => {
  test("keeps the result of what has ended; the rest timed out", async () => {
    expect(await failuresOf(work, 50)).toEqual([
      ["hangs", "TIMED_OUT"],
      ["wrong", "I"],
    ]);
  });

  test("timed out as a whole when the work reports nothing", async () => {
    expect(await failuresOf(forever, 50)).toEqual(records.map(({ messageId }) => [messageId, "TIMED_OUT"]));
  });

  test("is not disturbed by work that ends or fails afterwards", async () => {
    let release: (error: Error) => void = () => undefined;
    const late: BatchWork<string> = () => new Promise((_resolve, reject) => (release = reject));
    expect(await failuresOf(late, 20)).toHaveLength(3);
    release(new Error("too late"));
    await new Promise(setImmediate);
  });

  test("and one in time says nothing of time", async () => {
    expect(
      await failuresOf(
        eachDelivery(async () => undefined),
        60_000,
      ),
    ).toEqual([]);
    expect(
      await failuresOf(
        eachDelivery(async () => undefined),
        Number.POSITIVE_INFINITY,
      ),
    ).toEqual([]);
  });
});

test("the handler answers before its function is stopped: done messages are deleted, hanging ones come again", async () => {
  const { control, parked } = queueOf();
  const handler = queueHandler((body) => body, work, control, { now: () => NOW });
  const answer = await handler({ Records: records }, { ...context, getRemainingTimeInMillis: () => 50 });
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: "hangs" }] });
  expect(parked).toEqual([["wrong", "wrong"]]);
});
