import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { createParkedTable, type ParkedTable } from "#shared/parked/table.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { startDynamo, type TestDynamo, tableOf } from "#shared/testing/dynamo.ts";
import { parkedTableOf, parkedWork } from "#shared/testing/parked-table.ts";
import { runFleet } from "../testing.ts";

const FLEET = "connector-fleet-local";
const ORG = "00D000000000001EAA";
const HOUR = 3_600_000;

let dynamo: TestDynamo;
let parked: ParkedTable;
let round = 0;

/** Everything a message queue was given, by the other AWS that is not DynamoDB. */
let sent: { url: string; body: string }[] = [];
/** What happens elsewhere while a message is sent. */
let meanwhile: () => Promise<unknown> = async () => undefined;

beforeAll(async () => {
  const behind = { name: "behind", hash: "behindKey", range: "nextTryAt" };
  dynamo = await startDynamo(parkedTableOf(`${FLEET}-parked`), tableOf(`${FLEET}-customers`, "customerId", [behind]));
  parked = createParkedTable(`${FLEET}-parked`, dynamo.client);
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  round += 1;
  sent = [];
  meanwhile = async () => undefined;
  // Tests share the table: what an earlier one left is closed.
  for (const status of ["parked", "redriven"] as const)
    for (const { parkedId } of (await parked.list({ status, limit: 1_000 })).items)
      await parked.move(parkedId, "discarded", { by: "test", at: new Date() });
});

const store = () => createCustomerStore(`${FLEET}-customers`, dynamo.client);
const at = (hoursAgo: number) => new Date(Date.now() - hoursAgo * HOUR).toISOString();
const idOf = (name: string) => `${round}-${name}`;
const park = (name: string, work: Parameters<typeof parkedWork>[1] = {}) =>
  parked.park(parkedWork(idOf(name), { parkedAt: at(2), hop: `${FLEET}-slack-notices`, ...work }));
const statusOf = async (name: string) => (await parked.read(idOf(name)))?.status;

async function fleet(...args: string[]) {
  const more = { AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${dynamo.port}` };
  return runFleet(
    ["parked", ...args],
    async ({ url, body, headers }) => {
      const target = String(headers["x-amz-target"]);
      if (target.endsWith("GetQueueUrl"))
        return { body: { QueueUrl: `http://${headers.host}/1/${JSON.parse(body).QueueName}` } };
      sent.push({ url, body });
      await meanwhile();
      if (target.endsWith("PutEvents")) return { body: { FailedEntryCount: 0, Entries: [{ EventId: "1" }] } };
      const MD5OfMessageBody = createHash("md5").update(JSON.parse(body).MessageBody).digest("hex");
      return { body: { MessageId: "1", MD5OfMessageBody } };
    },
    more,
  );
}

describe("fleet parked", () => {
  test("says that nothing is parked", async () => {
    expect(await fleet()).toMatchObject({ code: 0, out: "Nothing is parked.\n", err: "" });
  });

  test("counts by reason and age, and lists the newest first", async () => {
    await park("old", { parkedAt: at(50), errorName: "RejectedByTargetError", errorCode: "email_invalid" });
    await park("new", { parkedAt: at(0.1) });
    await park("mid", { parkedAt: at(2) });
    const { code, out } = await fleet();
    expect(code).toBe(0);
    expect(out).toMatch(/^3 parked, the oldest 2 d 2 h ago\n/);
    expect(out).toMatch(/reason +hop +< 1 h +< 1 d +older +total/);
    expect(out).toMatch(/ContractError +\S+-slack-notices +1 +1 +0 +2\n/);
    expect(out).toMatch(/RejectedByTargetError\/email_invalid +\S+-slack-notices +0 +0 +1 +1\n/);
    const places = ["new", "mid", "old"].map((name) => out.indexOf(idOf(name)));
    expect(places.every((place, n) => place > (places[n - 1] ?? 0))).toBe(true);
    expect((await fleet("--limit", "1")).out).toContain("… and 2 more; see --limit and --json.");
  });

  test.each<[string, string[], string?]>([
    ["reason", ["--reason", "email_invalid"]],
    ["a part of the message", ["--reason", "REFUSED"]],
    ["hop", ["--hop", "UpsertBilling"]],
    ["organisation", ["--org", ORG.slice(0, 15)]],
    ["customer", ["--customer", "0015f00002J9YaU"]],
    ["customer without its checksum", ["--customer", "0015f00002J9YaUAAV"], "0015f00002J9YaU"],
    ["beginning", ["--since", "1h"]],
    ["several", ["--hop", "upsertbilling", "--since", at(0.9), "--until", at(0.1)]],
  ])("filters by %s", async (_what, filter, customerId = "0015f00002J9YaUAAV") => {
    await park("other", { parkedAt: at(2) });
    await park("meant", {
      ...{
        errorCode: "email_invalid",
        errorMessage: "Stripe refused it",
        hop: "customer-sync/UpsertBilling",
        orgId: ORG,
      },
      ...{ customerId, parkedAt: at(0.5) },
    });
    const { items, total } = JSON.parse((await fleet(...filter, "--json")).out);
    expect([total, items.map(({ parkedId }: { parkedId: string }) => parkedId)]).toEqual([1, [idOf("meant")]]);
  });

  test("filters by end and status", async () => {
    await park("early", { parkedAt: at(5) });
    await park("gone", { parkedAt: at(5) });
    await parked.move(idOf("gone"), "redriven", { by: "ann", at: new Date() });
    expect(JSON.parse((await fleet("--until", "4h", "--json")).out).items).toMatchObject([{ parkedId: idOf("early") }]);
    expect((await fleet("--status", "redriven")).out).toMatch(/^1 redriven/);
  });

  test.each([
    [["--status", "lost"], "--status takes one of parked, redriven, done, superseded, discarded"],
    [["--since", "yesterday"], "--since takes a span such as 2h, or a moment"],
    [["--customer", "acme"], "--customer takes an id of 15 or 18 characters"],
    [["--limit", "0"], "--limit takes a whole number from 1 on"],
    [["dance"], "give one of show, redrive, discard; got 'dance'"],
    [["show"], "give the id of one piece"],
    [["redrive"], "give ids, or filters, or --all"],
    [["redrive", "abcdef", "--all"], "give ids, or filters, or --all"],
    [["redrive", "--all", "--rate", "0"], "--rate takes a whole number from 1 to 1000"],
    [["discard", "--all"], "discard needs --reason"],
    [["redrive", "--all", "--limit", "5"], "'redrive' takes no --limit"],
    [["show", "abcdef", "--all"], "'show' takes no --all"],
    [["redrive", "abc"], "'abc' is too short: give at least 4 characters of the id"],
  ])("%j is wrong usage", async (args, sentence) => {
    const { code, out, err } = await fleet(...args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(sentence);
  });
});

test.each(["show", "redrive", "discard"])("fleet parked %s --help says what is its own", async (verb) => {
  const [{ code, out }, page] = await Promise.all([fleet(verb, "--help"), fleet("--help")]);
  expect([code, out]).toEqual([0, expect.stringContaining(`usage: fleet parked ${verb} <id`)]);
  for (const other of ["show", "redrive", "discard"].filter((one) => one !== verb))
    expect(out).not.toContain(`parked ${other}`);
  expect([out.includes("--rate"), page.out.includes("--rate")]).toEqual([verb !== "show", false]);
  if (verb !== "show") expect((await runFleet([verb, "--help"], () => ({ body: {} }))).out).toBe(out);
});

describe("fleet parked show", () => {
  test("prints everything about a piece of work and what to do, by a beginning of its id", async () => {
    const traceHeader = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    await park("shown-1", {
      input: '{"a":{"b":1}}',
      traceHeader,
      errorName: "ConsumerCrashed",
      errorMessage: "it ended",
    });
    const { code, out } = await fleet("show", idOf("shown"));
    expect(code).toBe(0);
    for (const text of [
      idOf("shown-1"),
      "1-5759e988-bd862e3fe1be46a994272793",
      "ConsumerCrashed: it ended",
      "→ The function ended without an answer; its log says why.",
      '{\n  "a": {\n    "b": 1\n  }\n}',
    ])
      expect(out).toContain(text);
    expect(JSON.parse((await fleet("show", idOf("shown-1"), "--json")).out)).toMatchObject({
      status: "parked",
      tries: 3,
    });
  });

  test("finds what has ended by a beginning of its id too, but open work first; a redrive does not", async () => {
    const end = (name: string, status: "done" | "discarded" | "superseded") =>
      parked.move(idOf(name), status, { by: "ann", at: new Date() });
    const ends = [
      ["x-1", "done"],
      ["x-2", "discarded"],
      ["y-1", "superseded"],
    ] as const;
    for (const [name, status] of ends) {
      await park(`ended-${name}`);
      await end(`ended-${name}`, status);
    }
    expect((await fleet("show", idOf("ended-y"))).out).toMatch(
      new RegExp(`^${idOf("ended-y-1")}\n +status +superseded`),
    );
    const { code, err } = await fleet("show", idOf("ended-x"));
    expect([code, err]).toEqual([2, expect.stringContaining("is the beginning of 2 ids; give more of it")]);
    await park("ended-x-3");
    expect((await fleet("show", idOf("ended-x"))).out).toMatch(new RegExp(`^${idOf("ended-x-3")}\n`));
    expect(await fleet("redrive", idOf("ended-y"))).toMatchObject({ code: 1, out: expect.stringContaining("missing") });
  });

  test("says that there is none, and which beginning is not enough", async () => {
    await park("twin-1");
    await park("twin-2");
    expect(await fleet("show", "nothing-here")).toMatchObject({
      code: 1,
      err: "There is no parked work 'nothing-here'.\n",
    });
    const { code, err } = await fleet("show", idOf("twin-"));
    expect([code, err]).toEqual([2, expect.stringContaining("is the beginning of 2 ids; give more of it")]);
    const short = await fleet("show", "twi");
    expect([short.code, short.err]).toEqual([
      2,
      expect.stringContaining("'twi' is too short: give at least 4 characters"),
    ]);
  });
});

describe("fleet parked redrive", () => {
  test("sends messages back, makes stored customers due, and says so for each", async () => {
    const customer = newCustomer();
    await store().save(customer, version(1), cause());
    const { customerId } = customer;
    await park("message", { input: "hello" });
    await park("stored", {
      kind: "customer-sync",
      hop: "customer-sync/UpsertBilling",
      customerId,
      version: version(1),
    });
    const { code, out, err } = await fleet("redrive", idOf("message"), idOf("stored"), "--rate", "1000");
    expect([code, err]).toEqual([0, "2 pieces of work: 2 redriven.\n"]);
    expect(out.split("\n")).toEqual([
      `✓ ${idOf("message")}  unknown  redriven: message goes back to ${FLEET}-slack-notices`,
      `✓ ${idOf("stored")}  ${customerId}  redriven: customer ${customerId} is due for billing now`,
      "",
    ]);
    expect(sent.map(({ body }) => JSON.parse(body))).toMatchObject([
      { MessageBody: "hello", MessageAttributes: { PARKED_ID: { StringValue: idOf("message") } } },
    ]);
    const behind = createBehind(`${FLEET}-customers`, { client: dynamo.client });
    expect((await behind.due("billing", { limit: 10 })).map((one) => one.customerId)).toEqual([customerId]);
    expect((await parked.read(idOf("stored")))?.history.at(-1)?.by).toMatch(/^cli:./);
  });

  test("takes everything that a filter finds, or all, and does nothing in a dry run", async () => {
    await park("a", { errorCode: "X" });
    await park("b");
    const dry = await fleet("redrive", "--reason", "X", "--dry-run");
    expect(dry).toMatchObject({
      code: 0,
      out: `· ${idOf("a")}  unknown  would be redriven: message goes back to ${FLEET}-slack-notices\n`,
      err: "Dry run, nothing was done. Of 1 piece of work: 1 would be redriven.\n",
    });
    const [would] = JSON.parse((await fleet("redrive", "--reason", "X", "--dry-run", "--json")).out);
    expect(would).toMatchObject({ parkedId: idOf("a"), dryRun: true, outcome: "would-redrive" });
    expect([sent, await statusOf("a")]).toEqual([[], "parked"]);
    const results = JSON.parse((await fleet("redrive", "--all", "--json")).out);
    expect(results).toHaveLength(2);
    expect([await statusOf("a"), await statusOf("b")]).toEqual(["redriven", "redriven"]);
  });

  test("ends well when somebody closed the rest meanwhile", async () => {
    await park("first", { parkedAt: at(1) });
    await park("overtaken", { parkedAt: at(2) });
    meanwhile = () => parked.move(idOf("overtaken"), "superseded", { by: "system:reconcile", at: new Date() });
    const { code, out, err } = await fleet("redrive", "--all", "--rate", "1000");
    expect([code, err]).toEqual([0, "2 pieces of work: 1 redriven, 1 skipped.\n"]);
    expect(out).toContain(`– ${idOf("overtaken")}  unknown  skipped: is superseded already\n`);
    meanwhile = async () => undefined;
    expect(await fleet("redrive", idOf("overtaken"))).toMatchObject({ code: 0 });
    expect(await fleet("redrive", idOf("overtaken"), "nothing-here")).toMatchObject({
      code: 1,
      out: expect.stringContaining("✗ nothing-here  unknown  missing: there is no parked work with this id\n"),
    });
  });

  test.each([
    ["redrive", [], "· ID  unknown  would stay parked: its input is no event of a customer", 1, "would-stay-parked"],
    ["discard", ["--reason", "junk"], "· ID  unknown  would be discarded: given up: junk", 0, "would-discard"],
  ])("a dry run of %s says what would happen, and never that it did", async (verb, more, line, code, outcome) => {
    await park("odd", { kind: "customer-sync", hop: "customer-sync/UpsertCustomer", input: "{}" });
    const args = [verb, idOf("odd"), ...more, "--dry-run"];
    const dry = await fleet(...args);
    expect([dry.code, dry.out]).toEqual([code, `${line.replace("ID", idOf("odd"))}\n`]);
    expect(JSON.parse((await fleet(...args, "--json")).out)).toMatchObject([
      { parkedId: idOf("odd"), dryRun: true, outcome },
    ]);
    expect(await statusOf("odd")).toBe("parked");
  });

  test("ends with exit code 1 when something stayed parked", async () => {
    await park("odd", { kind: "customer-sync", hop: "customer-sync/UpsertCustomer", input: "{}" });
    const { code, out } = await fleet("redrive", idOf("odd"));
    expect([code, out]).toEqual([1, `✗ ${idOf("odd")}  unknown  failed: its input is no event of a customer\n`]);
    expect(await statusOf("odd")).toBe("parked");
  });

  test.each([
    [["redrive", "--all"], "Nothing is parked.\n"],
    [["redrive", "--reason", "nothing-like-it"], "Nothing is parked that fits.\n"],
    [["discard", "--all", "--reason", "junk"], "Nothing is parked.\n"],
  ])("%j of nothing is done: it says so, with exit code 0", async (args, err) => {
    expect(await fleet(...args)).toMatchObject({ code: 0, out: "", err });
    expect(await fleet(...args, "--json")).toMatchObject({ code: 0, out: "[]\n", err: "" });
  });
});

test("fleet parked discard keeps the reason, and chooses by --error", async () => {
  await park("junk", { errorCode: "NOT_JSON" });
  await park("kept");
  const { code, out } = await fleet("discard", "--error", "NOT_JSON", "--reason", "a test message");
  expect([code, out]).toEqual([0, `✓ ${idOf("junk")}  unknown  discarded: given up: a test message\n`]);
  expect((await parked.read(idOf("junk")))?.history.at(-1)).toMatchObject({ note: "a test message" });
  expect(await statusOf("kept")).toBe("parked");
});
