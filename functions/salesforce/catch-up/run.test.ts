import { afterEach, describe, expect, test } from "@jest/globals";
import { TransientError } from "#shared/errors.ts";
import { decodeChange } from "../changes/cdc.ts";
import { keys } from "../org/keys.ts";
import { ACCOUNT, COMMIT, CONTACT, header, ORG, OTHER_ACCOUNT } from "../testing.ts";
import { allClosed, replayBytes, startPubSub, type TestPubSub } from "./testing/server.ts";
import { CHANNEL, eventOf, eventsOf, NOW, POSITION_KEY, worldAt } from "./testing/world.ts";

const HOUR = 3_600_000;
const LOOKED_KEY = keys.looked(ORG, CHANNEL);
let server: TestPubSub;

afterEach(async () => {
  // No stream and no connection outlives a run, however it ended.
  expect(await allClosed(server)).toBe(true);
  await server[Symbol.asyncDispose]();
});

describe("a catch-up", () => {
  test("sends what the live feed missed, as the relay would have, and moves the position", async () => {
    server = await startPubSub({ events: eventsOf(5) });
    const world = worldAt(server);
    world.startAfter(1);
    world.markSeen(eventOf(2), eventOf(4));
    expect(await world.run()).toBe("caught-up");
    expect(world.sentNumbers()).toEqual([3, 5]);
    expect(JSON.parse(world.sent[0] ?? "")).toEqual({
      version: "0",
      id: "event-3-3",
      "detail-type": "AccountChangeEvent",
      source: `aws.partner/salesforce.com/${ORG}/catch-up`,
      time: new Date(COMMIT).toISOString(),
      detail: { payload: { ChangeEventHeader: { ...header({ sequenceNumber: 3 }), commitNumber: 0 } } },
    });
    expect(decodeChange(world.sent[0] ?? "")).toMatchObject({ orgId: ORG, recordIds: [ACCOUNT], sequenceNumber: 3 });
    expect(world.position()).toBe(5);
    expect([...world.counted]).toEqual([
      ["LiveFeedsDead", 0],
      ["ChangesMissedByLiveFeed", 2],
      ["ChangesUnreadable", 0],
    ]);
    expect(server.seen.subscribed).toEqual([
      expect.objectContaining({ topicName: CHANNEL, replayPreset: "CUSTOM", replayId: replayBytes(1) }),
    ]);
    expect(world.published).toEqual([]);
  });

  test("has nothing left to send the second time", async () => {
    server = await startPubSub({ events: eventsOf(3) });
    const world = worldAt(server);
    world.startAfter(0);
    await world.run();
    expect(await world.run()).toBe("caught-up");
    expect(world.sentNumbers()).toEqual([1, 2, 3]);
  });

  test("sends a change of several records when one of them was not captured", async () => {
    const several = eventOf(1, { recordIds: [ACCOUNT, OTHER_ACCOUNT] });
    server = await startPubSub({ events: [several] });
    const world = worldAt(server);
    world.startAfter(0);
    world.markSeen(eventOf(1, { recordIds: [ACCOUNT] }));
    await world.run();
    expect(world.sentNumbers()).toEqual([1]);
  });

  test("passes over objects that the fleet does not follow", async () => {
    const entities = ["Account", "Contact", "Opportunity", "Plan__c"];
    const events = entities.map((entityName, n) => eventOf(n + 1, { entityName, recordIds: [CONTACT] }));
    server = await startPubSub({ events });
    const world = worldAt(server);
    world.startAfter(0);
    await world.run();
    expect(world.sent.map((body) => JSON.parse(body)["detail-type"])).toEqual([
      "AccountChangeEvent",
      "ContactChangeEvent",
    ]);
    expect(world.position()).toBe(4);
  });

  test("reads thousands of events, a hundred at a time, and asks for a schema once", async () => {
    server = await startPubSub({ events: eventsOf(3_210), responseSize: 37 });
    const world = worldAt(server);
    world.startAfter(0);
    expect(await world.run()).toBe("caught-up");
    expect(world.sentNumbers()).toEqual(Array.from({ length: 3_210 }, (_, n) => n + 1));
    expect(Math.max(...server.seen.requested)).toBe(100);
    expect(server.seen.schemaIds).toHaveLength(1);
    expect(world.position()).toBe(3_210);
  });

  test("leaves out the fields of a change that is too large for a queue", async () => {
    const large = { ...eventOf(1), fields: { Description: '"'.repeat(600_000) } };
    server = await startPubSub({ events: [large] });
    const world = worldAt(server);
    world.startAfter(0);
    await world.run();
    expect(world.sent[0]?.length).toBeLessThan(2_000);
    expect(decodeChange(world.sent[0] ?? "")).toMatchObject({
      recordIds: [ACCOUNT],
      changedFields: ["Name", "LastModifiedDate"],
    });
  });
});

describe("the end of a read", () => {
  test("is a keepalive, whose position is kept though nobody's events were read", async () => {
    server = await startPubSub({ events: eventsOf(2), tip: 99 });
    const world = worldAt(server);
    world.startAfter(2, { updatedAt: NOW - 30 * HOUR });
    expect(await world.run()).toBe("caught-up");
    expect(world.kept.get(POSITION_KEY)?.value).toEqual({
      replayId: replayBytes(99).toString("hex"),
      commitTimestamp: NOW,
      updatedAt: NOW,
    });
  });

  test("is waited for when the last event is a day old, however lately it was read: Salesforce keeps three", async () => {
    server = await startPubSub({ events: eventsOf(2), tip: 99 });
    const world = worldAt(server, { patienceMs: 0 });
    world.startAfter(2, { commitTimestamp: NOW - 30 * HOUR });
    expect(await world.run()).toBe("caught-up");
    expect(world.position()).toBe(99);
  });

  test("is noted as a look also when nothing was new, so that a quiet channel is told from one nobody reads", async () => {
    server = await startPubSub({ events: eventsOf(2), keepalive: false });
    const world = worldAt(server, { patienceMs: 300 });
    world.startAfter(2);
    for (const revision of [1, 2]) {
      expect(await world.run()).toBe("silence");
      expect(world.kept.get(LOOKED_KEY)).toEqual({ value: { at: NOW }, revision });
    }
    // A run beside it that moves the position is in nobody's way.
    expect(world.kept.get(POSITION_KEY)?.revision).toBe(1);
  });

  test("that is none, because Salesforce is away, is no look", async () => {
    server = await startPubSub({ events: eventsOf(2) });
    const failing = () => Promise.reject(new TransientError("DOWN", "away"));
    const world = worldAt(server, { salesforce: { ...worldAt(server).deps.salesforce, session: failing } });
    world.startAfter(2);
    await expect(world.run()).rejects.toMatchObject({ code: "DOWN" });
    expect(world.kept.has(LOOKED_KEY)).toBe(false);
  });

  test("is silence where no keepalive comes, with everything taken that came before", async () => {
    server = await startPubSub({ events: eventsOf(2), keepalive: false });
    const world = worldAt(server, { patienceMs: 500 });
    world.startAfter(0);
    expect(await world.run()).toBe("silence");
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2], 2]);
  });

  test("is time, which leaves the last events to the next run, as more may belong to them", async () => {
    server = await startPubSub({ events: eventsOf(3), keepalive: false });
    const startedAt = Date.now();
    const world = worldAt(server, { now: () => NOW + Date.now() - startedAt });
    world.startAfter(0);
    expect(await world.run({ maxSeconds: 1 })).toBe("time");
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2], 2]);
  });

  test("is the first event that the live feed may still bring", async () => {
    const young = eventOf(3, { commitTimestamp: NOW - 60_000 });
    server = await startPubSub({ events: [eventOf(1), eventOf(2), young, eventOf(4)] });
    const world = worldAt(server);
    world.startAfter(0);
    expect(await world.run()).toBe("grace");
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2], 2]);
    expect(await world.run({ graceSeconds: 30 })).toBe("caught-up");
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2, 3, 4], 4]);
  });

  test("without grace takes even what a clock ahead of ours dates", async () => {
    server = await startPubSub({ events: [eventOf(1, { commitTimestamp: NOW + 5_000 })] });
    const world = worldAt(server);
    world.startAfter(0);
    expect(await world.run({ graceSeconds: 0 })).toBe("caught-up");
    expect(world.sentNumbers()).toEqual([1]);
  });

  test.each([1, 3, 100])("is %i events, and the next run goes on", async (maxEvents) => {
    server = await startPubSub({ events: eventsOf(7) });
    const world = worldAt(server);
    world.startAfter(0);
    for (let run = 0; run < 8; run += 1) await world.run({ maxEvents });
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2, 3, 4, 5, 6, 7], 7]);
  });

  test("never lies between events that share a replay id", async () => {
    const events = [1, 2, 2, 2, 2, 2, 3].map((replayId, n) => ({
      ...eventOf(replayId),
      header: header({ sequenceNumber: n }),
    }));
    server = await startPubSub({ events, responseSize: 2 });
    const world = worldAt(server);
    world.startAfter(0);
    for (let run = 0; run < 6; run += 1) await world.run({ maxEvents: 3 });
    expect([world.sentNumbers(), world.position()]).toEqual([[0, 1, 2, 3, 4, 5, 6], 3]);
  });
});

describe("a crash loses nothing", () => {
  test("before the queue took the changes: they are sent by the next run", async () => {
    server = await startPubSub({ events: eventsOf(3) });
    const world = worldAt(server, { send: () => Promise.reject(new TransientError("DOWN", "SQS is down")) });
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({ code: "DOWN" });
    expect(world.position()).toBe(0);
    const next = worldAt(server, { state: world.deps.state });
    await next.run();
    expect(next.sentNumbers()).toEqual([1, 2, 3]);
  });

  test("after the queue took the changes and before the position moved: they are sent twice", async () => {
    server = await startPubSub({ events: eventsOf(3) });
    const world = worldAt(server);
    world.startAfter(0);
    const { replace } = world.deps.state;
    const broken = { ...world.deps.state, replace: () => Promise.reject(new TransientError("DOWN", "crash")) };
    await expect(worldAt(server, { ...world.deps, state: broken }).run()).rejects.toMatchObject({ code: "DOWN" });
    await worldAt(server, { ...world.deps, state: { ...world.deps.state, replace } }).run();
    expect(world.sentNumbers()).toEqual([1, 2, 1, 2, 3]);
    expect(world.position()).toBe(3);
  });
});

test("of two readers at once one stops without harm", async () => {
  server = await startPubSub({ events: eventsOf(200), responseSize: 10 });
  const world = worldAt(server);
  world.startAfter(0);
  const outcomes = await Promise.all([world.run(), world.run()]);
  expect(outcomes.toSorted()).toEqual(["caught-up", "superseded"]);
  expect(new Set(world.sentNumbers())).toEqual(new Set(Array.from({ length: 200 }, (_, n) => n + 1)));
  expect(world.position()).toBe(200);
});
