import { sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator, SalesforceOptions } from "./emulator.ts";
import { connect, control, startTestBus, startTestOrg, type TestBus } from "./testing.ts";

// Positions, retention and faults of the event bus.
const HOUR = 3600 * 1000;
let bus: TestBus;
let org: SalesforceEmulator;
let conn: Connection;

const start = async (options: Partial<SalesforceOptions> = {}) => {
  org = await startTestOrg({ relay: { origin: bus.origin }, relayMaxBackoffMs: 20, ...options });
  conn = await connect(org);
};
beforeEach(async () => {
  bus = await startTestBus();
  await start();
});
afterEach(async () => {
  await org.stop();
  await bus.stop();
});

const post = (path: string, body?: unknown) => control(org.url, "POST", path, body);
const create = async (Name: string) => String((await conn.sobject("Account").create({ Name })).id);
const payload = (index: number) => JSON.parse(bus.entries[index]?.Detail ?? "{}").payload;
const told = () =>
  bus.entries.map((_entry, index) => payload(index).Name ?? payload(index).ChangeEventHeader.changeType);
const log = async () => {
  const { commits } = (await control(org.url, "GET", "log")) as {
    commits: { transactionKey: string; events: { replayId: number; detail: string }[] }[];
  };
  return commits.flatMap(({ events }) => events);
};

describe("positions", () => {
  test("rise by steps that nobody can guess, the same ones for every start", async () => {
    const steps = async () => {
      for (let index = 0; index < 10; index += 1) await create(String(index));
      const ids = (await log()).map(({ replayId }) => replayId);
      return ids.slice(1).map((id, index) => id - (ids[index] ?? 0));
    };
    const first = await steps();
    expect(Math.min(...first)).toBeGreaterThan(0);
    expect(new Set(first).size).toBeGreaterThan(2);
    await org.stop();
    await start();
    expect(await steps()).toEqual(first);
  });

  test("become others when the org moves, and the relay loses and repeats nothing", async () => {
    await create("1");
    await bus.received(1);
    await post("relay", { state: "PAUSE" });
    await create("2");
    const before = (await log()).map(({ replayId }) => replayId);
    await post("replay/invalidate");
    const after = (await log()).map(({ replayId }) => replayId);
    expect(after).toHaveLength(2);
    expect(Math.min(...after)).toBeGreaterThan(Math.max(...before));
    await post("relay", { state: "RUN" });
    await create("3");
    await bus.received(3);
    expect(told()).toEqual(["1", "2", "3"]);
  });
});

describe("time", () => {
  test("takes events out of the log after 72 hours, whether or not the relay has sent them", async () => {
    await post("relay", { state: "PAUSE" });
    await create("old");
    await post("clock", { advanceMs: 71 * HOUR });
    conn = await connect(org);
    await create("young");
    expect(await log()).toHaveLength(2);
    await post("clock", { advanceMs: 2 * HOUR });
    expect(await log()).toHaveLength(1);
    await post("relay", { state: "RUN" });
    await bus.received(1);
    expect(told()).toEqual(["young"]);
  });

  test("ends sessions and days, and is the time of records", async () => {
    await post("limits", { used: 100 });
    const id = await create("1");
    const { now } = (await post("clock", { advanceMs: 25 * HOUR })) as { now: string };
    await expect(create("2")).rejects.toThrow();
    conn = await connect(org);
    await conn.sobject("Account").update({ Id: id, Phone: "1" });
    const { SystemModstamp } = await conn.sobject("Account").retrieve(id);
    expect(Math.abs(Date.parse(String(SystemModstamp)) - Date.parse(now))).toBeLessThan(HOUR);
    const limits = await conn.limits();
    expect(limits.DailyApiRequests?.Remaining).toBeGreaterThan(99_900);
  });

  test("leaves clients their own clock: an assertion that was signed now is good", async () => {
    await post("clock", { advanceMs: 80 * HOUR });
    const { clientId, username, loginUrl, privateKey } = org.jwtConnection();
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const exp = Math.floor(Date.now() / 1000) + 60;
    const claims = `${part({ alg: "RS256" })}.${part({ iss: clientId, sub: username, aud: loginUrl, exp })}`;
    const assertion = `${claims}.${sign("RSA-SHA256", Buffer.from(claims), privateKey).toString("base64url")}`;
    const grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const body = new URLSearchParams({ grant_type, assertion });
    expect((await fetch(`${loginUrl}/services/oauth2/token`, { method: "POST", body })).status).toBe(200);
  });

  test("is kept over a restart, as all of the org is", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "saas-"));
    await org.stop();
    await start({ stateDir });
    await post("clock", { advanceMs: HOUR });
    await post("relay", { state: "PAUSE" });
    await create("kept");
    const before = await log();
    await org.stop();
    await start({ stateDir });
    expect(await log()).toEqual(before);
    const { now } = (await post("clock", { advanceMs: 0 })) as { now: string };
    expect(Date.parse(now)).toBeGreaterThan(Date.now() + HOUR - 60_000);
    await create("next");
    expect(new Set((await conn.query("SELECT Id FROM Account")).records.map(({ Id }) => Id)).size).toBe(2);
    await post("reset");
    expect(await log()).toEqual([]);
    await org.stop();
    await start({ stateDir });
    expect((await conn.query("SELECT Id FROM Account")).totalSize).toBe(0);
    await rm(stateDir, { recursive: true });
  });
});

test("a state of an older emulator is refused by the name of its file", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "saas-"));
  const file = join(stateDir, "salesforce.json");
  await writeFile(file, JSON.stringify({ stateVersion: 1, state: { records: {} } }));
  await expect(startTestOrg({ stateDir })).rejects.toThrow(`${file} is of another version: start with --reset`);
  await rm(stateDir, { recursive: true });
});

describe("faults", () => {
  test("with a probability hit the same events for the same seed", async () => {
    const passing = async (seed: number) => {
      await org.stop();
      const before = bus.entries.length;
      await start();
      await post("event-faults", { kind: "drop", entity: "Account", probability: 0.5, seed });
      for (let index = 0; index < 20; index += 1) await create(String(index));
      while (((await control(org.url, "GET", "relay")) as { pending: number }).pending > 0)
        await new Promise((resolve) => setImmediate(resolve));
      return told().slice(before);
    };
    const first = await passing(3);
    expect([first.length > 1, first.length < 20]).toEqual([true, true]);
    expect(await passing(3)).toEqual(first);
    expect(await passing(4)).not.toEqual(first);
  });

  test.each([
    ["no object of the org", { kind: "drop", entity: "Nothing" }, "Account, Contact"],
    ["a chance above one", { kind: "drop", probability: 2 }, "probability"],
  ])("of %s are refused", async (_what, fault, mention) => {
    await expect(post("event-faults", fault)).rejects.toThrow(mention);
  });
});

describe("overflow", () => {
  test("of a transaction ends its events with one for each object that is left", async () => {
    await post("capture", { overflowThreshold: 3 });
    await conn.sobject("Account").create(["1", "2", "3", "4", "5"].map((Name) => ({ Name })));
    await create("next");
    await bus.received(5);
    expect(told()).toEqual(["1", "2", "3", "GAP_OVERFLOW", "next"]);
    expect(payload(3)).toEqual({
      ChangeEventHeader: expect.objectContaining({
        recordIds: ["000000000000000AAA"],
        sequenceNumber: 4,
        changeOrigin: "",
      }),
    });
  });

  test("counts each updated field", async () => {
    const id = await create("1");
    await post("capture", { overflowThreshold: 2 });
    await conn.sobject("Account").update({ Id: id, Phone: "1", Fax: "2" });
    await bus.received(2);
    expect(told()).toEqual(["1", "GAP_OVERFLOW"]);
  });
});

test("a gap can name all records of an object by a wildcard", async () => {
  await post("gap", { entity: "Account", changeType: "GAP_UPDATE", recordIds: ["001*"] });
  await bus.received(1);
  expect(payload(0).ChangeEventHeader).toMatchObject({
    entityName: "Account",
    changeType: "GAP_UPDATE",
    recordIds: ["001*"],
  });
});

test("the day's deliveries stop the relay until there is room again", async () => {
  await post("limits", { deliveries: { max: 1 } });
  for (const name of ["1", "2"]) await create(name);
  await bus.received(1);
  expect(await control(org.url, "GET", "relay")).toMatchObject({ pending: 1 });
  await post("limits", { deliveries: { max: 10 } });
  await bus.received(2);
  expect(told()).toEqual(["1", "2"]);
});

test("two orgs differ in their ids and know nothing of each other", async () => {
  const other = await startTestOrg({ orgNumber: 2 });
  const there = await connect(other);
  const id = String((await there.sobject("Account").create({ Name: "There" })).id);
  const here = await create("Here");
  expect([other.orgId.slice(0, 3), id.slice(0, 3)]).toEqual(["00D", "001"]);
  expect(id.slice(3, 6)).not.toBe(here.slice(3, 6));
  expect(new Set([other.orgId, org.orgId, id, here, other.humanUserId, org.humanUserId]).size).toBe(6);
  expect(other.eventSource).not.toBe(org.eventSource);
  expect(other.pubSub.endpoint).not.toBe(org.pubSub.endpoint);
  await expect(conn.sobject("Account").retrieve(id)).rejects.toThrow();
  await other.stop();
});
