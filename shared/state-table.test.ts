import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { createStateTable, type StateTable } from "./state-table.ts";
import { dynamoAt, startTable } from "./testing/dynamo.ts";
import { type Answer, type SeenRequest, serve } from "./testing/server.ts";

const TABLE = "state-test";
const NOW = Date.parse("2026-01-01T00:00:00Z");
const NOW_SECONDS = NOW / 1000;
const position = z.looseObject({ replayId: z.string() });

let client: DynamoDBClient;
let close: () => Promise<void>;
let state: StateTable;
let count = 0;

beforeAll(async () => {
  ({ client, close } = await startTable(TABLE, "key"));
  state = createStateTable(TABLE, { client, now: () => NOW });
});

afterAll(() => close());

/** A key of its own for every test, so that they can share one table. */
function newKey(): string {
  count += 1;
  return `position/${count}`;
}

describe("read", () => {
  test("answers undefined for what is not there", async () => {
    expect(await state.read(newKey(), position)).toBeUndefined();
  });

  test("answers undefined from the second on at which the time has passed, though DynamoDB still has it", async () => {
    const [past, now, future] = [newKey(), newKey(), newKey()];
    await state.writeMany([{ key: past, value: { replayId: "a" } }], { expiresAt: NOW_SECONDS - 1 });
    await state.writeMany([{ key: now, value: { replayId: "b" } }], { expiresAt: NOW_SECONDS });
    await state.writeMany([{ key: future, value: { replayId: "c" } }], { expiresAt: NOW_SECONDS + 1 });
    expect(await state.read(past, position)).toBeUndefined();
    expect(await state.read(now, position)).toBeUndefined();
    expect(await state.read(future, position)).toEqual({ value: { replayId: "c" }, revision: 0 });
    expect([...(await state.readMany([past, now, future], position)).keys()]).toEqual([future]);
  });

  test("gives the revision of a value of another shape, so that it can be replaced", async () => {
    const key = newKey();
    await state.replace(key, { replayId: 5 }, 0);
    expect(await state.read(key, position)).toEqual({ value: undefined, revision: 1 });
    expect(await state.replace(key, { replayId: "a" }, 1)).toBe(true);
    expect((await state.read(key, position))?.value).toEqual({ replayId: "a" });
  });

  test("leaves out undefined members and keeps null, lists and unknown members", async () => {
    const key = newKey();
    const value = { replayId: "a", nothing: null, list: [1, "2", { deep: true }], absent: undefined };
    await state.writeMany([{ key, value }]);
    const { absent, ...kept } = value;
    expect((await state.read(key, position))?.value).toEqual(kept);
  });
});

describe("replace", () => {
  test("counts revisions", async () => {
    const key = newKey();
    expect(await state.replace(key, { replayId: "a" }, 0)).toBe(true);
    expect(await state.read(key, position)).toEqual({ value: { replayId: "a" }, revision: 1 });
    expect(await state.replace(key, { replayId: "b" }, 1)).toBe(true);
    expect(await state.read(key, position)).toEqual({ value: { replayId: "b" }, revision: 2 });
  });

  test("writes nothing when somebody was faster", async () => {
    const key = newKey();
    await state.replace(key, { replayId: "a" }, 0);
    expect(await state.replace(key, { replayId: "late" }, 0)).toBe(false);
    await state.replace(key, { replayId: "b" }, 1);
    expect(await state.replace(key, { replayId: "late" }, 1)).toBe(false);
    expect(await state.replace(key, { replayId: "early" }, 3)).toBe(false);
    expect(await state.read(key, position)).toEqual({ value: { replayId: "b" }, revision: 2 });
  });

  test("lets exactly one of many at once win", async () => {
    const key = newKey();
    const tries = Array.from({ length: 10 }, (_, n) => state.replace(key, { replayId: String(n) }, 0));
    const won = (await Promise.all(tries)).flatMap((taken, n) => (taken ? [n] : []));
    expect(won).toHaveLength(1);
    expect((await state.read(key, position))?.value).toEqual({ replayId: String(won[0]) });
  });

  test("starts afresh where the time has passed, and only there", async () => {
    const [past, future] = [newKey(), newKey()];
    await state.replace(past, { replayId: "a" }, 0, { expiresAt: NOW_SECONDS });
    await state.replace(future, { replayId: "a" }, 0, { expiresAt: NOW_SECONDS + 1 });
    expect(await state.replace(past, { replayId: "b" }, 0)).toBe(true);
    expect(await state.replace(future, { replayId: "b" }, 0)).toBe(false);
    expect(await state.read(past, position)).toEqual({ value: { replayId: "b" }, revision: 1 });
  });
});

describe("many", () => {
  test("go beyond one batch of either kind, each key once", async () => {
    const keys = Array.from({ length: 130 }, newKey);
    const entries = keys.map((key, n) => ({ key, value: { replayId: String(n) } }));
    await state.writeMany([{ key: keys[0] ?? "", value: { replayId: "overwritten" } }, ...entries]);
    const values = await state.readMany([...keys, ...keys, newKey()], position);
    expect(values.size).toBe(130);
    expect(keys.map((key) => values.get(key)?.value?.replayId)).toEqual(keys.map((_, n) => String(n)));
  });

  test("are taken away, and what is not there is no error", async () => {
    const keys = Array.from({ length: 60 }, newKey);
    await state.writeMany(keys.map((key) => ({ key, value: { replayId: "a" } })));
    await state.removeMany([...keys.slice(1), ...keys.slice(1), newKey()]);
    expect([...(await state.readMany(keys, position)).keys()]).toEqual([keys[0]]);
  });

  test("give the revision alone of values of another shape", async () => {
    const [good, bad] = [newKey(), newKey()];
    await state.writeMany([
      { key: good, value: { replayId: "a" } },
      { key: bad, value: "b" },
    ]);
    expect(await state.readMany([good, bad], position)).toEqual(
      new Map([
        [good, { value: { replayId: "a" }, revision: 0 }],
        [bad, { value: undefined, revision: 0 }],
      ]),
    );
  });

  test("of none cost no call", async () => {
    await using server = await serve(() => "reset");
    const away = stateAt(server.url);
    await away.writeMany([]);
    expect((await away.readMany([], position)).size).toBe(0);
    expect(server.requests).toEqual([]);
  });

  // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
  test("take what DynamoDB left undone to the next call", async () => {
    await using server = await serve((request) => leaveUndone(request, 2));
    const slow = stateAt(server.url);
    const keys = ["a", "b", "c", "d", "e"];
    const values = await slow.readMany(keys, position);
    expect([...values.keys()]).toEqual(keys);
    await slow.writeMany(keys.map((key) => ({ key, value: { replayId: key } })));
    const written = server.requests.filter(isWrite).map((request) => requested(request).length);
    expect(written).toEqual([5, 3, 1]);
  });

  test("give up with TransientError when nothing gets done", async () => {
    await using server = await serve((request) => leaveUndone(request, 0));
    const stuck = stateAt(server.url);
    const expected = { name: "TransientError", code: "THROTTLED", message: expect.stringContaining(TABLE) };
    await expect(stuck.readMany(["a"], position)).rejects.toMatchObject(expected);
    await expect(stuck.writeMany([{ key: "a", value: 1 }])).rejects.toMatchObject(expected);
    expect(server.requests).toHaveLength(10);
  });
});

describe("failures of every method", () => {
  const methods: [string, (table: StateTable) => Promise<unknown>][] = [
    ["GetItem", (table) => table.read("a", position)],
    ["BatchGetItem", (table) => table.readMany(["a"], position)],
    ["PutItem", (table) => table.replace("a", {}, 0)],
    ["BatchWriteItem", (table) => table.writeMany([{ key: "a", value: {} }])],
  ];

  test.each(methods)("%s names call and table", async (operation, call) => {
    await using denied = await serve(() => failure("AccessDeniedException", 400));
    await expect(call(stateAt(denied.url))).rejects.toMatchObject({
      name: "NotAuthorizedError",
      message: expect.stringContaining(`${operation} on ${TABLE}`),
    });
    await using broken = await serve(() => failure("InternalServerError", 500));
    await expect(call(stateAt(broken.url))).rejects.toMatchObject({ name: "TransientError" });
    await expect(call(stateAt("http://127.0.0.1:1"))).rejects.toMatchObject({ name: "TransientError" });
  });
});

const HEADERS = { "content-type": "application/x-amz-json-1.0" };

function stateAt(url: string): StateTable {
  return createStateTable(TABLE, { client: dynamoAt(Number(new URL(url).port)) });
}

function failure(name: string, status: number): Answer {
  return { status, headers: HEADERS, body: { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "no" } };
}

function isWrite({ headers }: SeenRequest): boolean {
  return String(headers["x-amz-target"]).endsWith("BatchWriteItem");
}

// biome-ignore lint/suspicious/noExplicitAny: the wire format of DynamoDB
function requested(request: SeenRequest): any[] {
  const items = JSON.parse(request.body).RequestItems[TABLE];
  return isWrite(request) ? items : items.Keys;
}

/** A batch call of which only the first `done` keys are worked. */
function leaveUndone(request: SeenRequest, done: number): Answer {
  const all = requested(request);
  const left = all.slice(done);
  if (isWrite(request))
    return { headers: HEADERS, body: { UnprocessedItems: left.length > 0 ? { [TABLE]: left } : {} } };
  const found = all.slice(0, done).map(({ key }) => ({ key, value: { M: { replayId: key } } }));
  const UnprocessedKeys = left.length > 0 ? { [TABLE]: { Keys: left } } : {};
  return { headers: HEADERS, body: { Responses: { [TABLE]: found }, UnprocessedKeys } };
}
