import { randomBytes } from "node:crypto";
import { DynamoDBDocumentClient, PutCommand, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { dynamoAt } from "../testing/dynamo.ts";
import { PARKED_TABLE, parkedWork, startParkedTable } from "../testing/parked-table.ts";
import { serve } from "../testing/server.ts";
import { createParkedTable } from "./table.ts";
import { type ParkedStatus, STATUSES } from "./work.ts";

let table: Awaited<ReturnType<typeof startParkedTable>>;

beforeAll(async () => {
  table = await startParkedTable();
});
afterAll(() => table.close());

const AT = new Date("2026-01-02T00:00:00.000Z");
const NINETY_DAYS_LATER = Math.floor(AT.getTime() / 1000) + 90 * 86_400;

/** The items of one piece of work, by part. */
async function itemsOf(parkedId: string): Promise<Record<string, unknown>[]> {
  const query = new QueryCommand({
    TableName: PARKED_TABLE,
    KeyConditionExpression: "parkedId = :id",
    ExpressionAttributeValues: { ":id": parkedId },
  });
  return (await DynamoDBDocumentClient.from(table.client).send(query)).Items ?? [];
}

describe("a piece of work", () => {
  test("comes back with everything about it", async () => {
    const { parking, ...work } = parkedWork("whole", {
      input: '{"a":"ü"}',
      orgId: "00D1",
      version: "v1",
      parking: "x",
    });
    await table.parked.park({ ...work, parking });
    expect(await table.parked.read("whole")).toEqual({
      ...work,
      part: 0,
      parts: 1,
      status: "parked",
      history: [{ status: "parked", at: work.parkedAt, by: work.hop, note: "ContractError" }],
    });
    expect(await table.parked.read("never")).toBeUndefined();
  });

  test.each([
    ["nothing", "", 1],
    ["as much text as fits", "x".repeat(350_000), 1],
    ["more text than fits, that compresses well", "ü".repeat(400_000), 1],
    ["more than fits into two items", randomBytes(500_000).toString("base64"), 2],
    ["the largest message SQS takes", randomBytes(524_288).toString("hex"), 2],
    ["what hardly compresses", randomBytes(786_000).toString("latin1"), 3],
  ])("comes back whole with %s as input", async (what, input, parts) => {
    await table.parked.park(parkedWork(what, { input }));
    expect(await itemsOf(what)).toHaveLength(parts);
    const item = await table.parked.read(what);
    expect(item).toMatchObject({ parts, status: "parked" });
    expect(item?.input === input).toBe(true);
  });

  test("says its error in plain words, whoever kept it", async () => {
    const cause = JSON.stringify({
      errorType: "X",
      errorMessage: "no such plan",
      trace: ["X: no such plan", "    at f"],
    });
    await table.parked.park(parkedWork("json", { errorMessage: cause }));
    expect((await itemsOf("json"))[0]).toMatchObject({ errorMessage: "no such plan" });
    const item = { ...parkedWork("machine", { errorMessage: cause }), part: 0, parts: 1, status: "parked" };
    await DynamoDBDocumentClient.from(table.client).send(new PutCommand({ TableName: PARKED_TABLE, Item: item }));
    expect(await table.parked.read("machine")).toMatchObject({
      errorMessage: "no such plan",
      history: [{ status: "parked", at: item.parkedAt, by: item.hop }],
    });
    expect(await table.parked.move("machine", "redriven", { by: "ann", at: AT })).toEqual({
      moved: true,
      status: "redriven",
    });
    expect((await table.parked.read("machine"))?.history.map(({ status }) => status)).toEqual(["parked", "redriven"]);
  });
});

describe("parking again", () => {
  test.each(STATUSES)("the same parking changes nothing of what is %s", async (status) => {
    const input = randomBytes(500_000).toString("base64");
    const work = parkedWork(`repeated-${status}`, { input, parking: "letter-1" });
    await table.parked.park(work);
    if (status !== "parked") await table.parked.move(work.parkedId, status, { by: "ann", at: AT });
    const before = await itemsOf(work.parkedId);
    await table.parked.park(work);
    expect(await itemsOf(work.parkedId)).toEqual(before);
    const item = await table.parked.read(work.parkedId);
    expect(item).toMatchObject({ status, tries: 3 });
    expect(item?.input === input).toBe(true);
  });

  test.each<[ParkedStatus, ParkedStatus, number]>([
    ["parked", "parked", 3],
    ["redriven", "parked", 5],
    ["done", "parked", 5],
    ["superseded", "parked", 5],
    ["discarded", "discarded", 3],
  ])("another parking of what is %s leaves it %s, once", async (before, after, tries) => {
    const id = `again-${before}`;
    const input = randomBytes(500_000).toString("base64");
    await table.parked.park(parkedWork(id, { input, errorCode: "NOT_JSON", parking: "letter-1" }));
    if (before !== "parked") await table.parked.move(id, before, { by: "ann", at: AT });
    const again = {
      tries: 2,
      errorName: "RejectedByTargetError",
      parking: "letter-2",
      parkedAt: "2026-01-03T00:00:00.000Z",
    };
    await table.parked.park(parkedWork(id, again));
    await table.parked.park(parkedWork(id, again));
    const item = await table.parked.read(id);
    expect(item).toMatchObject({ status: after, tries, parts: 2 });
    // Nothing deletes what nobody has decided about yet.
    if (after === "parked") for (const part of await itemsOf(id)) expect(part).not.toHaveProperty("expiresAt");
    if (tries === 5) {
      expect(item).toMatchObject({ errorName: "RejectedByTargetError", parkedAt: again.parkedAt });
      for (const name of ["endedAt", "errorCode"]) expect(item).not.toHaveProperty(name);
      expect(item?.history.map(({ status }) => status)).toEqual(["parked", before, "parked"]);
    }
  });

  test.each<ParkedStatus>(["parked", "discarded"])(
    "what is %s and fails for another reason is parked with it",
    async (status) => {
      const id = `other-${status}`;
      await table.parked.park(parkedWork(id, { parking: "letter-1" }));
      if (status === "discarded") await table.parked.move(id, status, { by: "ann", at: AT });
      await table.parked.park(parkedWork(id, { parking: "letter-2", errorMessage: "worse", errorCode: "WORSE" }));
      expect(await table.parked.read(id)).toMatchObject({
        status: "parked",
        errorMessage: "worse",
        errorCode: "WORSE",
        tries: 6,
      });
    },
  );
});

describe("a step", () => {
  test.each<[ParkedStatus, ParkedStatus, boolean]>(
    STATUSES.flatMap((from) =>
      STATUSES.map((to): [ParkedStatus, ParkedStatus, boolean] => {
        const open = from === "parked" || from === "redriven";
        return [from, to, to === "parked" ? from === "redriven" : open];
      }),
    ),
  )("from %s to %s: %s", async (from, to, allowed) => {
    const id = `step-${from}-${to}`;
    await table.parked.park(parkedWork(id));
    if (from !== "parked") await table.parked.move(id, from, { by: "ann", at: AT });
    const moved = await table.parked.move(id, to, { by: "bob", at: AT, note: "why" });
    expect(moved).toEqual({ moved: allowed, status: allowed ? to : from });
    const item = await table.parked.read(id);
    expect(item?.status).toBe(allowed ? to : from);
    if (allowed) expect(item?.history.at(-1)).toEqual({ status: to, at: AT.toISOString(), by: "bob", note: "why" });
  });

  test("to an end lets every part live for ninety days more", async () => {
    await table.parked.park(parkedWork("ended", { input: randomBytes(500_000).toString("base64") }));
    await table.parked.move("ended", "done", { by: "system:reconcile", at: AT });
    for (const item of await itemsOf("ended")) expect(item.expiresAt).toBe(NINETY_DAYS_LATER);
    expect(await table.parked.read("ended")).toMatchObject({ endedAt: AT.toISOString() });
  });

  test.each<[ParkedStatus, boolean]>([
    ["parked", false],
    ["redriven", false],
    ["done", true],
    ["superseded", true],
    ["discarded", true],
  ])("to %s gives every part a time to live: %s", async (to, ends) => {
    const id = `lives-${to}`;
    await table.parked.park(parkedWork(id, { input: randomBytes(500_000).toString("base64") }));
    if (to === "parked") await table.parked.move(id, "redriven", { by: "ann", at: AT });
    await table.parked.move(id, to, { by: "ann", at: AT });
    for (const item of await itemsOf(id)) expect(item.expiresAt !== undefined).toBe(ends);
  });

  test("whose answer is lost is known as one's own when it is tried again, and is made once", async () => {
    await table.parked.park(parkedWork("own"));
    // The first answer is never seen, and the SDK sends the request again.
    table.client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === "UpdateItemCommand") await next(args);
          return next(args);
        },
      { step: "initialize", name: "sendTwice" },
    );
    try {
      const seen = { status: "parked", parkedAt: parkedWork("own").parkedAt } as const;
      const step = { by: "ann", at: AT, note: "sent back", seen };
      expect(await table.parked.move("own", "redriven", step)).toEqual({ moved: true, status: "redriven" });
      expect((await table.parked.read("own"))?.history.map(({ status }) => status)).toEqual(["parked", "redriven"]);
      // Of somebody else's, even of the same person's a moment later, it is none.
      const later = { ...step, at: new Date(AT.getTime() + 1) };
      expect(await table.parked.move("own", "redriven", later)).toEqual({ moved: false, status: "redriven" });
    } finally {
      table.client.middlewareStack.remove("sendTwice");
    }
  });

  test("of what is not there is none", async () => {
    expect(await table.parked.move("never", "done", { by: "ann", at: AT })).toEqual({
      moved: false,
      status: undefined,
    });
  });

  test("is made by one of two who try at once", async () => {
    await table.parked.park(parkedWork("race"));
    const tries = ["ann", "bob", "eve"].map((by) => table.parked.move("race", "discarded", { by, at: AT }));
    expect((await Promise.all(tries)).filter(({ moved }) => moved)).toHaveLength(1);
    expect((await table.parked.read("race"))?.history).toHaveLength(2);
  });
});

describe("that the work of a redrive was sent", () => {
  const sentAt = new Date(AT.getTime() + 1_000);
  const redrivenAt = AT.toISOString();

  test("is noted, until it is redriven or parked again", async () => {
    await table.parked.park(parkedWork("sent"));
    for (const again of ["redriven", "parked"] as const) {
      await table.parked.move("sent", "redriven", { by: "ann", at: AT });
      expect(await table.parked.noteSent("sent", redrivenAt, sentAt)).toBe(true);
      expect(await table.parked.read("sent")).toMatchObject({ sentAt: sentAt.toISOString() });
      await table.parked.move("sent", again, { by: "ann", at: sentAt });
      expect(await table.parked.read("sent")).not.toHaveProperty("sentAt");
    }
    await table.parked.move("sent", "redriven", { by: "ann", at: AT });
    await table.parked.noteSent("sent", redrivenAt, sentAt);
    await table.parked.park(parkedWork("sent", { parking: "second" }));
    expect(await table.parked.read("sent")).not.toHaveProperty("sentAt");
  });

  test.each<[string, (id: string) => Promise<unknown>]>([
    ["parked again", (id) => table.parked.park(parkedWork(id, { parking: "second" }))],
    ["discarded", (id) => table.parked.move(id, "discarded", { by: "bob", at: AT })],
    ["redriven again", (id) => table.parked.move(id, "redriven", { by: "bob", at: sentAt })],
  ])("is not noted of what was %s meanwhile", async (what, meanwhile) => {
    await table.parked.park(parkedWork(what));
    await table.parked.move(what, "redriven", { by: "ann", at: AT });
    await meanwhile(what);
    expect(await table.parked.noteSent(what, redrivenAt, sentAt)).toBe(false);
    expect(await table.parked.read(what)).not.toHaveProperty("sentAt");
  });
});

test("what has a status is listed in order and page by page", async () => {
  await using other = await disposable(startParkedTable("listed"));
  for (const n of [3, 1, 5, 2, 4])
    await other.parked.park(parkedWork(`item-${n}`, { parkedAt: `2026-01-0${n}T00:00:00.000Z` }));
  await other.parked.move("item-5", "discarded", { by: "ann", at: AT });
  const list = async (query: object = {}) => {
    const ids: string[] = [];
    let after: string | undefined;
    do {
      const page = await other.parked.list({ status: "parked", limit: 2, after, ...query });
      ids.push(...page.items.map(({ parkedId }) => parkedId));
      after = page.next;
    } while (after);
    return ids;
  };
  expect(await list()).toEqual(["item-1", "item-2", "item-3", "item-4"]);
  expect(await list({ newestFirst: true })).toEqual(["item-4", "item-3", "item-2", "item-1"]);
  expect(await list({ from: "2026-01-02T00:00:00.000Z", to: "2026-01-03T00:00:00.000Z" })).toEqual([
    "item-2",
    "item-3",
  ]);
  expect(await list({ status: "discarded" })).toEqual(["item-5"]);
  await expect(other.parked.list({ status: "parked", after: "…" })).rejects.toMatchObject({ code: "BAD_CURSOR" });
});

describe("a table that fails", () => {
  const failure = { status: 400, body: { __type: "ProvisionedThroughputExceededException", message: "slow" } };
  const large = parkedWork("large", { input: randomBytes(500_000).toString("base64") });

  test.each([1, 2])("at item %i is said, and part 0 is never there without the others", async (failing) => {
    const parts: string[] = [];
    await using server = await serve(({ body }) => {
      parts.push(JSON.parse(body).Item.part.N);
      return parts.length === failing ? failure : { body: {} };
    });
    const { park } = createParkedTable(PARKED_TABLE, dynamoAt(Number(new URL(server.url).port)));
    await expect(park(large)).rejects.toMatchObject({
      name: "TransientError",
      code: "ProvisionedThroughputExceededException",
    });
    expect(parts).toEqual(["1", "0"].slice(0, failing));
  });
});

async function disposable<T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T & AsyncDisposable> {
  const value = await starting;
  return { ...value, [Symbol.asyncDispose]: () => value.close() };
}
