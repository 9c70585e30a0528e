import { createHash } from "node:crypto";
import { SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Behind, createBehind } from "../behind/behind.ts";
import type { Customer } from "../contracts/customer.ts";
import { reconciliationRequested } from "../contracts/events.ts";
import { type CustomerStore, createCustomerStore } from "../customer-store.ts";
import { TransientError } from "../errors.ts";
import type { OutgoingEvent } from "../publish.ts";
import { cause, newCustomer, startCustomersTable, TABLE, version } from "../testing/customers-table.ts";
import { TRACE } from "../testing/metadata.ts";
import { parkedWork, startParkedTable } from "../testing/parked-table.ts";
import { serve } from "../testing/server.ts";
import { discard, type RedriveDependencies, type RedriveResult, redrive } from "./redrive.ts";
import { createQueueSender } from "./send.ts";
import type { ParkedWork } from "./work.ts";

const NOW = new Date("2026-03-01T10:00:00.000Z");
const QUEUE = "connector-fleet-test-customer-sync";
const ORG = "00D000000000001EAA";

let tables: Awaited<ReturnType<typeof startParkedTable>>[] = [];
let customers: Awaited<ReturnType<typeof startCustomersTable>>;
let store: CustomerStore;
let behind: Behind;
let sent: [string, unknown][] = [];
let published: OutgoingEvent[] = [];
let pauses: number[] = [];
let failSend: Error | undefined;

beforeAll(async () => {
  customers = await startCustomersTable();
  tables = [await startParkedTable()];
  store = createCustomerStore(TABLE, customers.client, () => NOW.getTime());
  behind = createBehind(TABLE, { client: customers.client, now: () => NOW.getTime() });
});
afterAll(() => Promise.all([customers.close(), ...tables.map((table) => table.close())]));
beforeEach(() => {
  sent = [];
  published = [];
  pauses = [];
  failSend = undefined;
});

const parked = () => {
  const [table] = tables;
  if (!table) throw new Error("no table");
  return table.parked;
};

const deps = (): RedriveDependencies => ({
  parked: parked(),
  store,
  behind,
  send: async (queue, message) => {
    if (failSend) throw failSend;
    sent.push([queue, message]);
  },
  publish: async (events) => {
    published.push(...events);
    return events.map((event) => ({ event }));
  },
  syncQueue: QUEUE,
  actor: "ann",
  now: () => NOW,
  newId: () => "event-new",
  pause: async (ms) => void pauses.push(ms),
});

/** Stores a customer at the n-th version, with billing at another one. */
async function stored(n: number, billed?: number): Promise<Customer> {
  const customer = newCustomer();
  if (billed !== undefined) {
    await store.save(customer, version(billed), cause(billed));
    await store.linkBilling(customer.customerId, { id: "cus_1", version: version(billed) });
  }
  await store.save({ ...customer, name: `v${n}` }, version(n), cause(n));
  return customer;
}

/** Parks a piece of work and redrives it. */
async function redriven(work: Partial<ParkedWork> & { parkedId: string }, options = {}): Promise<RedriveResult> {
  const { parkedId, ...more } = work;
  await parked().park(parkedWork(parkedId, more));
  const [result] = await redrive([parkedId], options, deps());
  if (!result) throw new Error("no result");
  return result;
}

const statusOf = async (parkedId: string) => (await parked().read(parkedId))?.status;
const event = (customerId: string, n: number) =>
  JSON.stringify({
    "detail-type": "customer.changed",
    detail: { metadata: { eventId: "event-1" }, data: { customer: { customerId }, version: version(n) } },
  });

describe("work about a stored customer", () => {
  test("makes the customer due for billing now, and the person is kept", async () => {
    const { customerId } = await stored(2, 1);
    const work = {
      kind: "customer-sync",
      hop: "customer-sync/UpsertBilling",
      customerId,
      version: version(2),
    } as const;
    expect(await redriven({ parkedId: "billing", ...work })).toEqual({
      parkedId: "billing",
      customerId,
      outcome: "redriven",
      how: `customer ${customerId} is due for billing now`,
    });
    const record = await store.read(customerId);
    expect(record).toMatchObject({
      nextTryAt: NOW.toISOString(),
      billingBehind: { since: NOW.toISOString(), tries: 0 },
    });
    expect(record?.behindKey).toMatch(/^billing#/);
    // So the reconciler's next round takes it up, which is within a minute.
    expect((await behind.due("billing", { limit: 1_000 })).map((one) => one.customerId)).toContain(customerId);
    expect((await parked().read("billing"))?.history.at(-1)).toMatchObject({ status: "redriven", by: "ann" });
    expect([sent, published]).toEqual([[], []]);
  });

  test("makes the account due when it could not be told, but billing first when that is behind too", async () => {
    const hop = "connector-fleet-test-write-back";
    const inStep = await stored(1, 1);
    expect((await redriven({ parkedId: "told", hop, customerId: inStep.customerId })).how).toContain("salesforce");
    const both = await stored(2, 1);
    expect((await redriven({ parkedId: "both", hop, customerId: both.customerId })).how).toContain("billing");
    expect(sent).toEqual([]);
  });

  test.each([
    [2, 2, "done"],
    [2, 3, "superseded"],
  ] as const)("of version %i is closed when billing has version %i: %s", async (parkedAs, billed, outcome) => {
    const { customerId } = await stored(billed, billed);
    const before = await store.read(customerId);
    const work = { kind: "customer-sync", hop: "customer-sync/UpsertBilling", customerId } as const;
    const parkedId = `closed-${billed}`;
    expect(await redriven({ parkedId, ...work, version: version(parkedAs) })).toMatchObject({ outcome });
    expect(await statusOf(parkedId)).toBe(outcome);
    expect(await store.read(customerId)).toEqual(before);
  });

  test("is not a message any more when the store holds what the message was about", async () => {
    const { customerId } = await stored(3, 1);
    const work = { customerId, version: version(2), input: event(customerId, 2) };
    expect(await redriven({ parkedId: "overtaken", ...work })).toMatchObject({ outcome: "redriven" });
    expect(sent).toEqual([]);
  });
});

describe("work that never reached the store", () => {
  test.each([
    ["of nobody that is stored", async () => newCustomer()],
    ["of a customer that is stored with an older version", () => stored(1)],
  ])("%s goes back to its queue, and says what it repeats", async (what, customer) => {
    const { customerId } = await customer();
    const work = { customerId, version: version(2), input: event(customerId, 2), traceHeader: "Root=1" };
    expect(await redriven({ parkedId: what, ...work })).toMatchObject({
      outcome: "redriven",
      how: `message goes back to ${QUEUE}`,
    });
    const [[queue, message] = []] = sent as [string, { body: string }][];
    expect([queue, message]).toEqual([QUEUE, { parkedId: what, traceHeader: "Root=1", body: expect.any(String) }]);
    const { metadata } = JSON.parse(message?.body ?? "").detail;
    expect(metadata).toEqual({ eventId: "event-1", replayOf: "event-1" });
  });

  test.each(["", "{", "null", '{"detail":{"payload":{"big":1234567890123456789}}}'])(
    "goes back exactly as it was when it is no event of ours: %j",
    async (input) => {
      const hop = "connector-fleet-test-salesforce-changes";
      await redriven({ parkedId: `raw-${input}`, hop, input });
      expect(sent).toEqual([[hop, { parkedId: `raw-${input}`, body: input, traceHeader: "none" }]]);
    },
  );

  test("as the input of a run goes to the queue of the runs, as an event", async () => {
    const { customerId } = newCustomer();
    const metadata = { eventId: "event-7" };
    const input = JSON.stringify({ type: "customer.changed", metadata, data: { customerId } });
    await redriven({ parkedId: "run", kind: "customer-sync", hop: "customer-sync/UpsertCustomer", input, customerId });
    const [[queue, message] = []] = sent as [string, { body: string }][];
    expect(queue).toBe(QUEUE);
    expect(JSON.parse(message?.body ?? "")).toMatchObject({
      "detail-type": "customer.changed",
      source: "fleet.salesforce",
      detail: { metadata: { eventId: "event-7", replayOf: "event-7" }, data: { customerId } },
    });
  });

  test("as the input of a run that is no event stays parked with the reason", async () => {
    const work = { kind: "customer-sync", hop: "customer-sync/UpsertCustomer", input: '{"a":1}' } as const;
    const result = await redriven({ parkedId: "odd", ...work });
    expect(result).toMatchObject({ outcome: "failed", how: "its input is no event of a customer" });
    expect(await statusOf("odd")).toBe("parked");
  });
});

test("a comparison reads exactly its records again", async () => {
  const { customerId } = newCustomer();
  const input = JSON.stringify({ metadata: { orgId: ORG }, data: { entity: "Account", recordIds: [customerId] } });
  const result = await redriven({
    parkedId: "compare",
    kind: "comparison",
    hop: "salesforce/sweep",
    input,
    customerId,
  });
  expect(result.how).toBe(`Account ${customerId} is read again`);
  const [request] = published;
  expect(reconciliationRequested.detail.parse(request?.detail)).toMatchObject({
    metadata: { orgId: ORG, actor: "ann", correlationId: "event-new" },
    data: { entity: "Account", full: false, reason: "manual", ids: [customerId] },
  });
});

describe("many pieces of work", () => {
  test("go one after the other at the rate asked for, each with its result, and a failing one stays parked", async () => {
    const hop = "connector-fleet-test-slack-notices";
    for (const id of ["m-1", "m-2", "m-3"]) await parked().park(parkedWork(id, { hop }));
    await parked().move("m-2", "discarded", { by: "bob", at: NOW });
    const seen: string[] = [];
    failSend = new TransientError("DOWN", "queue is down");
    const onResult = ({ parkedId }: RedriveResult) => {
      seen.push(parkedId);
      failSend = undefined;
    };
    const results = await redrive(["m-1", "m-2", "m-3", "m-4"], { perSecond: 4, onResult }, deps());
    expect(results.map(({ outcome, how }) => [outcome, how])).toEqual([
      ["failed", "queue is down"],
      ["skipped", "is discarded already"],
      ["redriven", `message goes back to ${hop}`],
      ["missing", "there is no parked work with this id"],
    ]);
    expect([seen, pauses]).toEqual([
      ["m-1", "m-2", "m-3", "m-4"],
      [250, 250, 250],
    ]);
    expect(await parked().read("m-1")).toMatchObject({
      status: "parked",
      history: [
        { status: "parked" },
        { status: "redriven" },
        { status: "parked", note: "not redriven: queue is down (try again)" },
      ],
    });
  });

  test("are only told of in a dry run", async () => {
    const { customerId } = await stored(2, 1);
    const before = await store.read(customerId);
    const work = { kind: "customer-sync", hop: "customer-sync/UpsertBilling", customerId } as const;
    expect(await redriven({ parkedId: "dry", ...work }, { dryRun: true })).toMatchObject({
      outcome: "would-redrive",
      dryRun: true,
    });
    expect(await discard(["dry"], "why", { dryRun: true }, deps())).toMatchObject([{ outcome: "would-discard" }]);
    expect((await parked().read("dry"))?.history).toHaveLength(1);
    expect(await store.read(customerId)).toEqual(before);
  });
});

describe("that work was sent", () => {
  const hop = "connector-fleet-test-slack-notices";

  test("is noted once it was", async () => {
    await redriven({ parkedId: "noted", hop });
    expect(await parked().read("noted")).toMatchObject({ status: "redriven", sentAt: NOW.toISOString() });
  });

  test("is not when the redrive was killed before", async () => {
    await parked().park(parkedWork("killed", { hop }));
    const killed = async (...step: Parameters<ReturnType<typeof parked>["move"]>) => {
      await parked().move(...step);
      throw new TransientError("KILLED", "killed");
    };
    await redrive(["killed"], {}, { ...deps(), parked: { ...parked(), move: killed } });
    expect(sent).toEqual([]);
    expect(await statusOf("killed")).toBe("redriven");
    expect(await parked().read("killed")).not.toHaveProperty("sentAt");
    // Whoever redrives it once more has it sent.
    expect(await redrive(["killed"], {}, deps())).toMatchObject([{ outcome: "redriven" }]);
    expect(sent).toHaveLength(1);
    expect(await parked().read("killed")).toMatchObject({ sentAt: NOW.toISOString() });
  });

  test("may fail to be noted: it is redriven all the same, and the person is told", async () => {
    await parked().park(parkedWork("unnoted", { hop }));
    const noteSent = () => Promise.reject(new TransientError("DOWN", "table is down"));
    const results = await redrive(["unnoted"], {}, { ...deps(), parked: { ...parked(), noteSent } });
    expect(results).toMatchObject([
      { outcome: "redriven", how: expect.stringMatching(/may be parked again: table is/) },
    ]);
    expect(sent).toHaveLength(1);
  });

  test("is so once, when the answer of the step before was lost and the SDK asked again", async () => {
    const client = tables[0]?.client;
    await parked().park(parkedWork("lost-answer", { hop }));
    client?.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === "UpdateItemCommand") await next(args);
          return next(args);
        },
      { step: "initialize", name: "sendTwice" },
    );
    const results = await redrive(["lost-answer"], {}, deps()).finally(() =>
      client?.middlewareStack.remove("sendTwice"),
    );
    expect(results).toMatchObject([{ outcome: "redriven" }]);
    expect(sent).toHaveLength(1);
    expect(await parked().read("lost-answer")).toMatchObject({ status: "redriven", sentAt: NOW.toISOString() });
  });
});

test("what is discarded keeps who did so and why, and is discarded once", async () => {
  await parked().park(parkedWork("useless"));
  expect(await discard(["useless"], "a test account", {}, deps())).toEqual([
    { parkedId: "useless", customerId: "unknown", outcome: "discarded", how: "given up: a test account" },
  ]);
  expect((await parked().read("useless"))?.history.at(-1)).toEqual({
    status: "discarded",
    at: NOW.toISOString(),
    by: "ann",
    note: "a test account",
  });
  expect(await discard(["useless"], "again", {}, deps())).toMatchObject([{ outcome: "skipped" }]);
});

describe("the way back to a queue", () => {
  const senderAt = (endpoint: string) => {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    return createQueueSender(new SQSClient({ endpoint, region: "eu-central-1", credentials, maxAttempts: 1 }));
  };

  test("keeps the trace and ties the message to its piece of work", async () => {
    await using server = await serve(({ headers, body }) => {
      if (String(headers["x-amz-target"]).endsWith("GetQueueUrl")) return { body: { QueueUrl: `${server.url}/1/q` } };
      const MD5OfMessageBody = createHash("md5").update(JSON.parse(body).MessageBody).digest("hex");
      return { body: { MessageId: "1", MD5OfMessageBody } };
    });
    const send = senderAt(server.url);
    await send("q", { parkedId: "p-1", body: "hello", traceHeader: TRACE });
    await send("q", { parkedId: "p-2", body: "again", traceHeader: "none" });
    const messages = server.requests.slice(1).map(({ body }) => JSON.parse(body));
    expect(messages[0]).toEqual({
      QueueUrl: `${server.url}/1/q`,
      MessageBody: "hello",
      MessageAttributes: { PARKED_ID: { DataType: "String", StringValue: "p-1" } },
      MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: TRACE } },
    });
    expect(messages[1]).not.toHaveProperty("MessageSystemAttributes");
    expect(messages).toHaveLength(2);
  });

  test("says that there is no such queue", async () => {
    const body = { __type: "com.amazonaws.sqs#QueueDoesNotExist", message: "no" };
    await using server = await serve(() => ({ status: 400, body }));
    const sending = senderAt(server.url)("gone", { parkedId: "p", body: "", traceHeader: "none" });
    await expect(sending).rejects.toMatchObject({ name: "InvalidInputError", code: "NO_QUEUE" });
  });
});
