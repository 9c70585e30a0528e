import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createBehind } from "#shared/behind/behind.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { createParkedTable } from "#shared/parked/table.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { startDynamo, type TestDynamo, tableOf } from "#shared/testing/dynamo.ts";
import { parkedTableOf, parkedWork } from "#shared/testing/parked-table.ts";
import type { Answer, SeenRequest } from "#shared/testing/server.ts";
import { runFleet } from "./testing.ts";

const ENTRY = join(import.meta.dirname, "fleet.mjs");
const FLEET = "connector-fleet-local";
const TRACE = "1-5759e988-000000000000000000000001";
/** Text from elsewhere that would colour a terminal, rename it and clear it. */
const HOSTILE = "\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b2J end";
/** Everything that a terminal takes for a command; lines may end, and tabs are only wide. */
const CONTROL = /[^\P{Cc}\n\t]/u;

let dynamo: TestDynamo;

beforeAll(async () => {
  dynamo = await startDynamo(
    parkedTableOf(`${FLEET}-parked`),
    tableOf(`${FLEET}-customers`, "customerId", [{ name: "behind", hash: "behindKey", range: "nextTryAt" }]),
    tableOf(`${FLEET}-fleet-state`, "key"),
    tableOf(`${FLEET}-salesforce-state`, "key"),
  );
});
afterAll(() => dynamo.close());

/** An AWS without anything, but for one trace. */
function answer({ url, headers }: SeenRequest): Answer {
  const segment = { id: "a", name: HOSTILE, start_time: 1, end_time: 2, fault: true, cause: { exceptions: [failure] } };
  const traces = [{ Id: TRACE, Segments: [{ Id: "a", Document: JSON.stringify(segment) }] }];
  if (url === "/Traces") return { body: { Traces: traces } };
  if (String(headers["x-amz-target"]).endsWith("ListQueues"))
    return { body: { QueueUrls: [`http://${headers.host}/1/${FLEET}-customer-sync`] } };
  if (String(headers["x-amz-target"]).endsWith("ListSecrets"))
    return { status: 400, body: { __type: "AccessDenied", message: HOSTILE } };
  return { body: {} };
}
const failure = { type: "Error", message: HOSTILE };

/** What a command writes to both streams in a pipe. */
async function written(...args: string[]): Promise<string> {
  const more = { AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${dynamo.port}`, NO_COLOR: "1" };
  const { out, err } = await runFleet(args, answer, more);
  return out + err;
}

const LISTINGS = [["status"], ["behind"], ["parked"], ["parked", "--status", "done"], ["backfill", "status"]];

async function expectPlain(commands: readonly (readonly string[])[]): Promise<string[]> {
  const texts = await Promise.all(commands.map((args) => written(...args)));
  for (const [index, text] of texts.entries()) {
    expect([commands[index], text]).not.toEqual([commands[index], ""]);
    expect([commands[index], text]).toEqual([commands[index], expect.not.stringMatching(CONTROL)]);
  }
  return texts;
}

test("the help of every command is plain text in a pipe, and fits a terminal of 80 columns", async () => {
  const [help = ""] = await expectPlain([["--help"]]);
  const names = [...help.matchAll(/^ {2}([a-z-]+) {2,}/gm)].map(([, name = ""]) => name);
  expect(names).toEqual(expect.arrayContaining(["status", "parked", "discard", "replay"]));
  const parts = ["show", "redrive", "discard"].map((part) => ["parked", part, "--help"]);
  const texts = await expectPlain([...names.map((name) => [name, "--help"]), ...parts]);
  const lines = [help, ...texts].join("\n").split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
}, 60_000);

test("whoever asks for no colours is not warned that somebody else asked for some", () => {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [ENTRY, "--help"], { env, encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([0, expect.not.stringMatching(CONTROL), ""]);
});

test("an empty fleet is listed in plain text", async () => {
  await expectPlain(LISTINGS);
}, 60_000);

test("what others wrote commands no terminal, wherever it is shown", async () => {
  const parked = createParkedTable(`${FLEET}-parked`, dynamo.client);
  await parked.park(
    parkedWork("hostile", {
      ...{ input: HOSTILE, errorMessage: HOSTILE, errorName: HOSTILE, errorCode: HOSTILE, customerId: HOSTILE },
      ...{ hop: HOSTILE, correlationId: HOSTILE, traceHeader: HOSTILE },
    }),
  );
  const customer = newCustomer();
  await createCustomerStore(`${FLEET}-customers`, dynamo.client).save(customer, version(1), cause());
  const error = { name: "TransientError", code: HOSTILE, message: HOSTILE };
  await createBehind(`${FLEET}-customers`, { client: dynamo.client }).failed(customer.customerId, "billing", error);
  const discard = ["parked", "discard", "--all", "--dry-run", "--reason", HOSTILE];
  const texts = await expectPlain([
    ...LISTINGS,
    ["parked", "show", "hostile"],
    ["parked", "redrive", "hostile", "--dry-run"],
    discard,
    ["trace", TRACE],
    ["doctor"],
  ]);
  expect(texts.join("\n")).toContain("\\u001b[31mred\\u001b[0m");
}, 60_000);
