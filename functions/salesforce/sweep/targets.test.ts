import { BatchWriteCommand, DynamoDBDocumentClient, GetCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeEach, expect, test } from "@jest/globals";
import { behindKey } from "#shared/behind/marks.ts";
import { chunks } from "#shared/chunks.ts";
import { reconciliationRequested } from "#shared/contracts/events.ts";
import { cause, newCustomer, TABLE, version } from "#shared/testing/customers-table.ts";
import type { Progress } from "./progress.ts";
import { newBench, startTables } from "./testing.ts";

const tables = await startTables();
afterAll(() => tables.close());
let { org, bench } = newBench(tables);
beforeEach(() => {
  ({ org, bench } = newBench(tables));
});

/** An account that is stored as it is, but of which billing has an older version, or nothing. */
async function unbilled(marked: boolean): Promise<string> {
  const id = org.create("Account");
  org.time += 10_000;
  await bench.capture(id);
  org.time += 3_600_000;
  await edit(id, "SET links.stripe.version = :old", {
    ":old": "2000-01-01T00:00:00.000Z/000000000000000/000000000000000",
  });
  if (marked) await tables.behind.retryNow(id, "billing");
  return id;
}

async function edit(customerId: string, UpdateExpression: string, ExpressionAttributeValues: object): Promise<void> {
  const command = { TableName: TABLE, Key: { customerId }, UpdateExpression, ExpressionAttributeValues };
  await DynamoDBDocumentClient.from(tables.client).send(new UpdateCommand(command as never));
}

const markOf = async (id: string) => (await tables.store.read(id))?.billingBehind;

test.each([true, false])("a sweep (full: %p) has billing brought to whom nobody would bring it to", async (full) => {
  const id = await unbilled(false);
  expect(await markOf(id)).toBeUndefined();
  await bench.sweep({ full, reason: "manual" });
  expect(bench.repaired).toEqual([]);
  expect(await markOf(id)).toMatchObject({ tries: 0 });
});

test("what was given up, or discarded, is left alone by a sweep that nobody asked for, until a person asks for one", async () => {
  const id = await unbilled(true);
  const stored = (await tables.store.read(id))?.version ?? "";
  await tables.behind.giveUp(id, { target: "billing", parkedId: "p1", state: "UpsertBilling", version: stored });
  await bench.sweep({ full: true, reason: "schedule" });
  expect(await markOf(id)).toBeUndefined();
  await bench.sweep({ full: true, reason: "manual" });
  expect(await markOf(id)).toMatchObject({ tries: 0 });
});

test("a mark that is there keeps its age and its tries", async () => {
  const id = await unbilled(true);
  await tables.behind.failed(id, "billing", { name: "TransientError", code: "api_error", message: "down" });
  const before = await markOf(id);
  await bench.sweep({ full: true, reason: "manual" });
  expect(await markOf(id)).toEqual(before);
});

test("a customer that was deleted before billing knew it is in step", async () => {
  const id = org.create("Account");
  org.time += 10_000;
  await bench.capture(id);
  await edit(id, "REMOVE links.stripe SET deleted = :yes", { ":yes": true });
  await bench.sweep({ full: true, reason: "manual" });
  expect(await markOf(id)).toBeUndefined();
});

test("every night whoever is behind is compared, however long ago its account moved", async () => {
  const last = () => ({ from: new Date(org.time - 60_000).toISOString(), to: new Date(org.time).toISOString() });
  const [waiting, settled] = [await unbilled(true), await unbilled(false)];
  await tables.behind.reached(settled, "salesforce", (await tables.store.read(settled))?.version ?? "");
  for (const id of [waiting, settled]) org.update(id, { Name: "Changed, and the event was lost" });
  org.time += 10 * 86_400_000;
  await bench.sweep({ window: last() });
  expect(bench.repaired).toEqual([`changed ${waiting}`]);
});

/** Puts so many customers behind billing, whose accounts are in no organisation. */
async function fallBehind(prefix: string, orgId: string, count: number): Promise<void> {
  const customer = { ...newCustomer(), orgId };
  await tables.store.save(customer, version(1), cause());
  const client = DynamoDBDocumentClient.from(tables.client);
  const { Item } = await client.send(new GetCommand({ TableName: TABLE, Key: { customerId: customer.customerId } }));
  const ids = Array.from({ length: count }, (_, n) => `${prefix}${String(n).padStart(18 - prefix.length, "0")}`);
  const puts = ids.map((customerId) => ({
    PutRequest: { Item: { ...Item, customerId, behindKey: behindKey("billing", customerId) } },
  }));
  for (const some of chunks(puts, 25)) await client.send(new BatchWriteCommand({ RequestItems: { [TABLE]: some } }));
}

test("whoever is behind is compared, however many wait in front of it, here and elsewhere", async () => {
  await fallBehind("001other", "00D00000000OTHEREA", 1_000);
  await fallBehind("001these", org.id, 2_050);
  const waiting = [await unbilled(true), await unbilled(true)];
  const [late = "", billed = ""] = waiting;
  for (const id of waiting) org.update(id, { Name: "Changed, and the event was lost" });
  org.time += 10 * 86_400_000;
  const window = { from: new Date(org.time - 60_000).toISOString(), to: new Date(org.time).toISOString() };
  await tables.behind.failed(late, "billing", { name: "E", code: "e", message: "later", retryAfterSeconds: 9_000 });
  await tables.behind.reached(billed, "billing", (await tables.store.read(billed))?.version ?? "");
  // In one invocation, and in one for every page.
  for (const budgetMs of [Number.POSITIVE_INFINITY, 0]) {
    bench.budgetMs = budgetMs;
    await bench.sweep({ window });
    expect(bench.repaired).toEqual(waiting.map((id) => `changed ${id}`).sort());
    const continued = bench.published.filter(({ contract }) => contract === reconciliationRequested);
    const pages = continued.map(({ detail }) => (detail.data as { cursor: Progress }).cursor.after?.target);
    expect(pages.includes("billing")).toBe(budgetMs === 0);
  }
});
