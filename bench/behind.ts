import { parseArgs } from "node:util";
import { BatchWriteCommand, DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { type Behind, createBehind } from "#shared/behind/behind.ts";
import { behindKey } from "#shared/behind/marks.ts";
import { chunks, inParallel } from "#shared/chunks.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { logger } from "#shared/observability.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import { drawsFor } from "../functions/flows/reconcile/outages.ts";
import { takeUp } from "../functions/flows/reconcile/take.ts";

const HELP = `Measures what a round of the reconciler reads and writes while many customers are behind billing.

usage: npm run bench:behind -- [--customers 100000]

The customers lie in a DynamoDB on loopback. Prints a line per figure, and fails when a round reads much more than it
takes up.`;

const START = Date.parse("2026-01-01T10:00:00.000Z");
const MINUTE = 60_000;
const LIMIT = 600;
/** What a round may read for each customer that it takes up or passes by. */
const MOST_READ = 2;
/** Until then what was taken up and is not done yet is in front of the others. */
const LEASED_ROUNDS = 14;
/** As of work on the bulk lane. */
const FIRST_TRY_MINUTES = 360;

const { values } = parseArgs({
  options: { customers: { type: "string", default: "100000" }, help: { type: "boolean", default: false } },
});

const count = (n: number) => n.toLocaleString("en-US");
let [clock, pages, items, calls] = [START, 0, 0, 0];
const iso = (minutes: number) => new Date(START + minutes * MINUTE).toISOString();

const table = await startCustomersTable();
table.client.middlewareStack.add(
  (next) => async (args) => {
    const result = await next(args);
    const { ScannedCount } = result.output as { ScannedCount?: number };
    calls += 1;
    pages += ScannedCount === undefined ? 0 : 1;
    items += ScannedCount ?? 0;
    return result;
  },
  { step: "initialize" },
);
logger.setLogLevel("WARN");
const now = () => clock;
const behind: Behind = createBehind(TABLE, { client: table.client, now });
const store = createCustomerStore(TABLE, table.client, now);

/** Writes customers that an outage left behind, with their next try hours ahead. */
async function fill(customers: number): Promise<void> {
  const documents = DynamoDBDocumentClient.from(table.client);
  const puts = Array.from({ length: customers }, (_, n) => {
    const customer = newCustomer();
    const { customerId, orgId } = customer;
    const mark = { since: iso(-60), tries: 0, markedAt: iso(-60) };
    const key = { behindKey: behindKey("billing", customerId), nextTryAt: iso(FIRST_TRY_MINUTES + (n % 1_800) / 60) };
    const about = { customerId, orgId, customer, version: version(1), deleted: false, links: {}, ...cause() };
    return { PutRequest: { Item: { ...about, ...key, billingBehind: mark } } };
  });
  await inParallel(chunks(puts, 25), 8, async (some) => {
    await documents.send(new BatchWriteCommand({ RequestItems: { [TABLE]: some } }));
  });
}

/** Does the work and prints what it took. It fails when that was more than what it found and `passed` explain. */
async function measure(what: string, work: () => Promise<number>, passed = 0): Promise<void> {
  [pages, items, calls] = [0, 0, 0];
  const began = performance.now();
  const found = await work();
  const ms = Math.round(performance.now() - began);
  const read = `${count(pages)} pages with ${count(items)} customers`;
  console.log(`${what}: ${count(found)} in ${count(ms)} ms, ${count(calls)} calls, ${read} read`);
  if (items > (found + passed) * MOST_READ)
    throw new Error(`${what} read ${count(items)} customers for ${count(found)}.`);
}

/** One round, after an outage that ended at the start of the clock. */
async function round(): Promise<number> {
  const closed = {
    key: "",
    target: "billing",
    endpoint: "",
    since: iso(-60),
    reason: "failing",
    code: "down",
  } as const;
  const state = { ...closed, state: "closed", closedAt: iso(0), needsPerson: false } as const;
  const queue = { waiting: async () => 0, send: async () => undefined };
  const queues = { billing: queue, salesforce: queue };
  const survey = await behind.survey("billing");
  const deps = { behind, store, queues, live: queue, now: () => clock, until: Number.POSITIVE_INFINITY };
  return takeUp("billing", drawsFor("billing", [state], clock), survey, deps);
}

if (values.help) console.log(HELP);
else {
  const customers = Number(values.customers);
  const began = performance.now();
  await fill(customers);
  console.log(`${count(customers)} customers behind, written in ${count(Math.round(performance.now() - began))} ms`);
  await measure("survey", async () => (await behind.survey("billing")).count);
  const dueOf = async (options = {}) => (await behind.due("billing", { limit: LIMIT, ...options })).length;
  clock = START + 2 * FIRST_TRY_MINUTES * MINUTE;
  await measure("due", () => dueOf());
  clock = START;
  await measure("due after an outage", () => dueOf({ markedBefore: iso(0) }));
  await measure("taken up after an outage", () => round());
  for (let minute = 1; minute < LEASED_ROUNDS; minute += 1) {
    clock = START + minute * MINUTE;
    await round();
  }
  clock = START + LEASED_ROUNDS * MINUTE;
  await measure(`taken up behind ${LEASED_ROUNDS} rounds`, () => round(), LEASED_ROUNDS * LIMIT);
}
await table.close();
