import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TransientError } from "#shared/errors.ts";
import type { OutgoingEvent } from "#shared/publish.ts";
import { type Breakers, createBreakers } from "#shared/targets/breakers.ts";
import { createGate } from "#shared/targets/gate.ts";
import { startTable } from "#shared/testing/dynamo.ts";
import { type TellDependencies, tellOutages } from "./tell.ts";

const START = Date.parse("2026-01-01T10:00:00.000Z");
const [READS, WRITES] = ["GET /v1/customers", "POST /v1/customers"];

const TABLE = "fleet-state-test";

let client: DynamoDBClient;
let close: () => Promise<void>;
let breakers: Breakers;
let now = START;
let told: string[];
let deps: TellDependencies;

beforeEach(async () => {
  ({ client, close } = await startTable(TABLE, "key"));
  [now, told] = [START, []];
  breakers = createBreakers(TABLE, { client, now: () => now });
  deps = { breakers, now: () => now, waiting: async () => 3, publish };
});

afterEach(() => close());

async function publish(events: readonly OutgoingEvent[]) {
  told.push(...events.map(({ contract }) => contract.type));
  return events.map((event) => ({ event }));
}

/** Billing calls at a moment, seconds after the start, each of which fails or goes well. */
async function calls(seconds: number, failing: boolean, endpoint = WRITES): Promise<void> {
  now = START + seconds * 1000;
  const gate = createGate(TABLE, { target: "billing" }, { client, now: () => now });
  for (let n = 0; n < 5; n += 1) {
    const work = async () => {
      if (failing) throw new TransientError("api_error", "HTTP 503");
    };
    await gate.call(endpoint, work, { subject: `${n}` }).catch(() => undefined);
  }
}

async function round(seconds: number, more: Partial<TellDependencies> = {}): Promise<void> {
  now = START + seconds * 1000;
  await tellOutages(await breakers.list(), { ...deps, ...more });
}

test("a target that fails for two hours, on and off, has one outage", async () => {
  for (let minute = 0; minute < 120; minute += 1) {
    await calls(60 * minute, true);
    await round(60 * minute + 10);
    await calls(60 * minute + 40, false);
    await round(60 * minute + 46);
  }
  expect(told).toEqual(["target.unreachable"]);
  await calls(7_260, false);
  await round(7_400);
  await round(7_460);
  expect(told).toEqual(["target.unreachable", "target.recovered"]);
});

test.each([
  ["bus", { publish: () => Promise.reject(new TransientError("InternalFailure", "no bus")) }],
  ["table", { waiting: () => Promise.reject(new TransientError("InternalServerError", "no table")) }],
])("what could not be told, for want of a %s, is told by the next round", async (_what, broken) => {
  await calls(0, true);
  await expect(round(60, broken)).rejects.toThrow("no ");
  await round(120);
  expect(told).toEqual(["target.unreachable"]);
  await calls(130, false);
  if ("publish" in broken) await expect(round(260, broken)).rejects.toThrow("no ");
  await round(320);
  await round(380);
  expect(told).toEqual(["target.unreachable", "target.recovered"]);
});

test("of two rounds that find two endpoints away exactly one tells", async () => {
  await calls(0, true);
  await calls(1, true, READS);
  const markTold: Breakers["markTold"] = async (...input) => {
    const mine = await breakers.markTold(...input);
    await new Promise(setImmediate);
    return mine;
  };
  const both = { breakers: { ...breakers, markTold } };
  await Promise.all([round(70, both), round(70, both)]);
  expect(told).toEqual(["target.unreachable"]);
});
