import { type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { NotAuthorizedError, RateLimitedError } from "../errors.ts";
import { startTable } from "../testing/dynamo.ts";
import { awayUntil, type BreakerState, type Breakers, createBreakers, stateOf } from "./breakers.ts";
import { createGate } from "./gate.ts";

const TABLE = "fleet-state-test";
const NOW = Date.parse("2026-01-01T00:00:00Z");

let client: DynamoDBClient;
let close: () => Promise<void>;
let now = NOW;
let breakers: Breakers;
let count = 0;

beforeAll(async () => {
  ({ client, close } = await startTable(TABLE, "key"));
  breakers = createBreakers(TABLE, { client, now: () => now });
});

afterAll(() => close());

/** A target of its own for every test. */
function newTarget() {
  count += 1;
  now = NOW;
  const target = `target${count}`;
  const gate = createGate(TABLE, { target }, { client, now: () => now });
  const fail = (endpoint: string, error: Error) =>
    gate.call(endpoint, () => Promise.reject(error)).catch((thrown) => expect(thrown).toBe(error));
  const states = async () => (await breakers.list()).filter((state) => state.target === target);
  const wait = (endpoint: string, seconds: number) =>
    fail(endpoint, new RateLimitedError("rate_limit", "", { retryAfterSeconds: seconds }));
  return { target, gate, wait, fail, states };
}

const one = (states: readonly BreakerState[]) => states[0] as BreakerState;

describe("the list", () => {
  test("holds every endpoint that was ever out, and no other", async () => {
    const { gate, wait, fail, states, target } = newTarget();
    await gate.call("GET /well", async () => "made");
    await wait("00D/POST /a", 40);
    await fail("GET /b", new NotAuthorizedError("INVALID_SESSION_ID", ""));
    expect(await states()).toEqual([
      {
        key: `gate/${target}/00D/POST /a`,
        target,
        endpoint: "00D/POST /a",
        state: "open",
        since: "2026-01-01T00:00:00.000Z",
        until: "2026-01-01T00:00:40.000Z",
        reason: "asked-to-wait",
        code: "rate_limit",
        needsPerson: false,
      },
      expect.objectContaining({ endpoint: "GET /b", reason: "refused", needsPerson: true }),
    ]);
  });

  test("is empty in a new table", async () => {
    const { client: other, close: closeOther } = await startTable("empty", "key");
    expect(await createBreakers("empty", { client: other }).list()).toEqual([]);
    await closeOther();
  });
});

describe("an outage", () => {
  test("is told by exactly one of many, and its end too", async () => {
    const { gate, wait, states } = newTarget();
    await wait("GET /a", 40);
    const outage = one(await states());
    const tellers = await Promise.all(Array.from({ length: 5 }, () => breakers.markTold(outage, "began")));
    expect(tellers.filter(Boolean)).toHaveLength(1);
    expect(await breakers.markTold(outage, "ended")).toBe(false);
    now = NOW + 40_000;
    await gate.call("GET /a", async () => "made");
    expect(one(await states())).toMatchObject({ state: "closed", toldAt: "2026-01-01T00:00:00.000Z" });
    const ended = await Promise.all(Array.from({ length: 5 }, () => breakers.markTold(outage, "ended")));
    expect(ended.filter(Boolean)).toHaveLength(1);
    expect(one(await states())).toMatchObject({ endToldAt: "2026-01-01T00:00:40.000Z" });
  });

  test("that was told is not told again when the probe fails or the target fails soon again", async () => {
    const { gate, wait, states } = newTarget();
    await wait("GET /a", 10);
    await breakers.markTold(one(await states()), "began");
    now = NOW + 10_000;
    await wait("GET /a", 10);
    expect(await breakers.markTold(one(await states()), "began")).toBe(false);
    now = NOW + 20_000;
    await gate.call("GET /a", async () => "made");
    await wait("GET /a", 10);
    expect(one(await states())).toMatchObject({ state: "open", since: "2026-01-01T00:00:00.000Z" });
    expect(await breakers.markTold(one(await states()), "began")).toBe(false);
  });

  test("of an hour is what a record is not to blame for, and a short one, as may come every day, is nothing", async () => {
    const { target, gate, wait, states } = newTarget();
    const away = async () => awayUntil(await states(), target, now);
    expect(await away()).toBe(0);
    for (const [seconds, end] of [
      [30, 0],
      [3_600, NOW + 90_000_000 + 3_600_000],
    ] as const) {
      await wait("GET /a", seconds);
      expect(await away()).toBe(now);
      now += seconds * 1000;
      await gate.call("GET /a", async () => "made");
      expect(await away()).toBe(end);
      now = NOW + 90_000_000;
    }
  });

  test("that nobody feels any more ends two hours after its wait", async () => {
    const { wait, states } = newTarget();
    await wait("GET /a", 10);
    const outage = one(await states());
    now = NOW + 7_209_999;
    expect(await breakers.closeIdle(outage)).toBe(false);
    now = NOW + 7_210_000;
    expect(await breakers.closeIdle({ ...outage, since: "2025-01-01T00:00:00.000Z" })).toBe(false);
    expect(await breakers.closeIdle(outage)).toBe(true);
    expect(one(await states())).toMatchObject({ state: "closed", closedAt: "2026-01-01T02:00:10.000Z" });
  });
});

describe("a target", () => {
  test("is open when any of its endpoints is, and may be probed when any of them may", async () => {
    const { target, gate, wait, states } = newTarget();
    expect(stateOf(await states(), target, now)).toEqual({ open: false, mayProbe: false, needsPerson: false });
    await wait("00D1/a", 40);
    now = NOW + 1_000;
    await wait("00D2/b", 10);
    const both = { open: true, since: "2026-01-01T00:00:00.000Z", until: "2026-01-01T00:00:11.000Z" };
    expect(stateOf(await states(), target, now)).toEqual({ ...both, mayProbe: false, needsPerson: false });
    now = NOW + 11_000;
    expect(stateOf(await states(), target, now)).toMatchObject({ mayProbe: true });
    expect(stateOf(await states(), target, now, "00D1/")).toMatchObject({ open: true, mayProbe: false });
    await gate.call("00D2/b", async () => {
      expect((await states()).map(({ state }) => state)).toEqual(["open", "probing"]);
      expect(stateOf(await states(), target, now)).toMatchObject({ open: true, mayProbe: false });
    });
    expect(stateOf(await states(), target, now, "00D2/")).toMatchObject({ open: false });
    expect(stateOf(await states(), target, now)).toMatchObject({ open: true });
  });
});

describe("a row that cannot be understood", () => {
  test("starts afresh instead of keeping everybody away", async () => {
    const { target, gate, wait, states } = newTarget();
    const key = { S: `gate/${target}/GET /a` };
    await wait("GET /a", 40);
    await client.send(
      new PutItemCommand({ TableName: TABLE, Item: { key, open: { S: "yes" }, revision: { N: "3" } } }),
    );
    expect(await gate.call("GET /a", async () => "made", { subject: "late" }).catch(({ code }) => code)).toBe(
      "BREAKER_OPEN",
    );
    now = NOW + 40_000;
    expect(await gate.call("GET /a", async () => "made")).toBe("made");
    expect(await states()).toEqual([]);
  });
});
