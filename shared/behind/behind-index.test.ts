import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchWriteCommand, DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { chunks } from "../chunks.ts";
import { startCustomersTable, TABLE, version } from "../testing/customers-table.ts";
import { type BehindIndex, createBehindIndex } from "./behind-index.ts";
import { behindKey } from "./marks.ts";

const NOW = Date.parse("2026-01-01T10:00:00.000Z");
const iso = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const MANY = 3_000;
const LIMIT = 100;

let client: DynamoDBClient;
let close: () => Promise<void>;
let index: BehindIndex;
let reads = { pages: 0, items: 0 };

beforeEach(async () => {
  ({ client, close } = await startCustomersTable());
  index = createBehindIndex(TABLE, { client, now: () => NOW });
  reads = { pages: 0, items: 0 };
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { ScannedCount } = result.output as { ScannedCount?: number };
      reads.pages += ScannedCount === undefined ? 0 : 1;
      reads.items += ScannedCount ?? 0;
      return result;
    },
    { step: "initialize" },
  );
});
afterEach(() => close());

/** Puts many behind billing, each with a next try of its own, in seconds from now. */
async function mark(nextTry: (n: number) => number, { markedAt = iso(-600), count = MANY, first = 0 } = {}) {
  const puts = Array.from({ length: count }, (_, n) => {
    const customerId = `001${String(first + n).padStart(15, "0")}`;
    const billingBehind = { since: iso(-600), tries: 0, markedAt };
    const key = { behindKey: behindKey("billing", customerId), nextTryAt: iso(nextTry(n)) };
    return {
      PutRequest: { Item: { customerId, orgId: "00D000000000001EAA", version: version(1), ...key, billingBehind } },
    };
  });
  const table = DynamoDBDocumentClient.from(client);
  for (const some of chunks(puts, 25)) await table.send(new BatchWriteCommand({ RequestItems: { [TABLE]: some } }));
}

const triesOf = async (options = {}) =>
  (await index.due("billing", { limit: LIMIT, ...options })).map(({ nextTryAt }) => nextTryAt);

test.each([
  ["are due", -MANY, {}],
  ["waited for the end of an outage", 3_600, { markedBefore: iso(0) }],
])(
  "of many that %s, little more is read than is wanted, those first that wait longest",
  async (_what, first, options) => {
    await mark((n) => first + ((n * 7) % MANY));
    expect(await triesOf(options)).toEqual(Array.from({ length: LIMIT }, (_, n) => iso(first + n)));
    expect(reads.pages).toBeLessThanOrEqual(16 + 4);
    expect(reads.items).toBeLessThanOrEqual(LIMIT * 5);
  },
);

test("what was taken up since the end of an outage is passed by", async () => {
  await mark((n) => 900 + n, { markedAt: iso(1) });
  expect(await triesOf({ markedBefore: iso(0) })).toEqual([]);
  expect(reads.pages).toBeLessThanOrEqual(16 * 5);
  await mark(() => 7_200, { count: 1, first: MANY });
  expect(await triesOf({ markedBefore: iso(0) })).toEqual([iso(7_200)]);
});

test("more than are wanted are never given, and all when there are fewer", async () => {
  await mark((n) => -n, { count: 40 });
  expect(await triesOf({ limit: 7 })).toHaveLength(7);
  expect(await triesOf({ limit: 0 })).toEqual([]);
  expect(await triesOf({ limit: 41 })).toHaveLength(40);
});

test("their number is counted once each, and no further than asked", async () => {
  await mark((n) => n);
  expect((await index.survey("billing")).count).toBe(MANY);
  expect(reads.items).toBe(MANY);
  expect((await index.survey("billing", 1)).count).toBeGreaterThanOrEqual(1);
  expect(await index.countByOrg("billing")).toEqual(new Map([["00D000000000001EAA", MANY]]));
});

test("one look tells which shards have somebody: one page each while nobody is behind", async () => {
  expect(await index.survey("billing")).toEqual({ count: 0, first: [], keys: [] });
  expect(reads).toEqual({ pages: 16, items: 0 });
  await mark((n) => n, { count: 1 });
  const { count, first, keys } = await index.survey("billing");
  expect([count, first.map(({ nextTryAt }) => nextTryAt)]).toEqual([1, [iso(0)]]);
  const [shard = ""] = keys;
  reads = { pages: 0, items: 0 };
  expect(await index.due("billing", { limit: LIMIT, keys })).toHaveLength(1);
  expect([keys, reads]).toEqual([[shard], { pages: 1, items: 1 }]);
});
