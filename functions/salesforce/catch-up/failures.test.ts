import { afterEach, describe, expect, test } from "@jest/globals";
import { TransientError } from "#shared/errors.ts";
import { decodeChange } from "../changes/cdc.ts";
import { COMMIT, ORG } from "../testing.ts";
import { toAvro } from "./testing/schemas.ts";
import { allClosed, replayBytes, startPubSub, type TestEvent, type TestPubSub } from "./testing/server.ts";
import { eventOf, eventsOf, NOW, POSITION_KEY, worldAt } from "./testing/world.ts";

const MINUTE = 60_000;
let server: TestPubSub;

afterEach(async () => {
  // No stream and no connection outlives a run, however it ended.
  expect(await allClosed(server)).toBe(true);
  await server[Symbol.asyncDispose]();
});

/** A clock that has `seconds` to go when the run asks how long it may wait. */
function lateClock(seconds: number): () => number {
  let asked = 0;
  return () => {
    asked += 1;
    return asked === 1 ? NOW - (290 - seconds) * 1000 : NOW;
  };
}

describe("the very first run", () => {
  test("stores the newest position and sends nothing", async () => {
    server = await startPubSub({ events: eventsOf(3) });
    const world = worldAt(server);
    expect(await world.run()).toBe("first-run");
    expect([world.sent, world.position(), world.published]).toEqual([[], 3, []]);
    expect(server.seen.subscribed).toEqual([expect.objectContaining({ replayPreset: "LATEST" })]);
    expect(await world.run()).toBe("caught-up");
  });

  test("sends the event that came along with the answer", async () => {
    server = await startPubSub({ events: eventsOf(3), keepalive: false });
    const world = worldAt(server);
    // The event is committed between the question for the end and the answer.
    const running = world.run();
    while (server.seen.subscribed.length === 0) await new Promise(setImmediate);
    server.behaviour.events = eventsOf(4);
    server.publish();
    expect(await running).toBe("first-run");
    expect([world.sentNumbers(), world.position()]).toEqual([[4], 4]);
  });

  test("is tried again when Salesforce does not tell the position in time", async () => {
    server = await startPubSub({ keepalive: false });
    const world = worldAt(server, { now: lateClock(0.2) });
    await expect(world.run()).rejects.toMatchObject({
      name: "TransientError",
      code: "NO_POSITION",
      message: "Salesforce did not tell the channel's newest position within 0 s.",
    });
    expect(world.position()).toBeUndefined();
  });
});

describe("a position that Salesforce no longer has", () => {
  test.each([
    ["expired", { earliest: 5, events: eventsOf(9) }],
    ["is of another instance", { events: eventsOf(9).map(({ replayId }) => eventOf(replayId + 1000)) }],
    [
      "is refused",
      {
        events: eventsOf(9),
        faults: [{ after: 0, code: 3, errorCode: "subscription.fetch.replayid.validation.failed" }],
      },
    ],
  ])("because it %s asks for a reconciliation and goes on at the end", async (_why, behaviour) => {
    server = await startPubSub(behaviour);
    const world = worldAt(server);
    world.startAfter(2, { commitTimestamp: COMMIT });
    expect(await world.run()).toBe("position-lost");
    const window = { from: new Date(COMMIT - 10 * MINUTE).toISOString(), to: new Date(NOW).toISOString() };
    expect(world.published.map(({ contract, detail }) => [contract.type, detail])).toEqual(
      ["Account", "Contact"].map((entity) => [
        "reconciliation.requested",
        {
          metadata: expect.objectContaining({
            orgId: ORG,
            correlationId: "correlation-1",
            causationId: "request-1",
            actor: "system:catch-up",
          }),
          data: { entity, reason: "position-lost", window, full: false },
        },
      ]),
    );
    expect([world.sent, world.position()]).toEqual([[], server.behaviour.events.at(-1)?.replayId]);
    expect(world.counted.get("ReplayPositionsLost")).toBe(1);
    expect(await world.run()).toBe("caught-up");
  });

  test("stays lost until the reconciliation is asked for, so that a crash cannot hide the gap", async () => {
    server = await startPubSub({ earliest: 5, events: eventsOf(9) });
    const error = new TransientError("ThrottlingException", "slow");
    const world = worldAt(server, { publish: async (events) => events.map((event) => ({ event, error })) });
    world.startAfter(2);
    await expect(world.run()).rejects.toBe(error);
    expect(world.position()).toBe(2);
  });

  test("asks for nothing when even the end cannot be told", async () => {
    server = await startPubSub({ earliest: 5, events: eventsOf(9), keepalive: false });
    const world = worldAt(server, { now: lateClock(0.5) });
    world.startAfter(2);
    await expect(world.run()).rejects.toMatchObject({ code: "NO_POSITION" });
    expect([world.position(), world.published]).toEqual([2, []]);
  });
});

describe("a read that breaks off", () => {
  test.each([
    ["its connection is cut", { after: 250, cut: true } as const, "STATUS_14"],
    ["the service goes away", { after: 250, code: 13, errorCode: "service.unavailable" }, "service.unavailable"],
    ["an internal error comes", { after: 250, code: 13 }, "STATUS_13"],
  ])("because %s has kept what was sent, and the next goes on from there", async (_why, fault, code) => {
    server = await startPubSub({ events: eventsOf(400), faults: [fault] });
    const world = worldAt(server);
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({ name: "TransientError", code });
    const position = world.position() ?? 0;
    expect(position).toBeGreaterThanOrEqual(199);
    expect(world.sentNumbers()).toEqual(eventsOf(position).map(({ replayId }) => replayId));
    expect(await world.run()).toBe("caught-up");
    expect(world.sentNumbers()).toEqual(eventsOf(400).map(({ replayId }) => replayId));
  });

  test("because the org's deliveries are used up waits for long", async () => {
    server = await startPubSub({ faults: [{ after: 0, code: 8, errorCode: "subscription.limit.exceeded" }] });
    const world = worldAt(server);
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({ name: "RateLimitedError", retryAfterSeconds: 3_600 });
    expect([world.position(), world.published]).toEqual([0, []]);
  });
});

describe("an event that nobody can decode", () => {
  const other = '{"type":"record","name":"Order__e","fields":[]}';
  const reason = "Events of schema Order__e are no change events.";
  const badAt = (replayId: number) => ({ ...eventOf(replayId), schemaId: "other" });
  const start = async (...events: TestEvent[]) => {
    server = await startPubSub({ events });
    server.behaviour.schemas = { ...server.behaviour.schemas, other };
    const world = worldAt(server);
    world.startAfter(0);
    return world;
  };
  const unreadable = (world: ReturnType<typeof worldAt>) =>
    world.sent.flatMap((body) => (JSON.parse(body).detail.unreadable ? [JSON.parse(body).detail.unreadable] : []));

  test("goes onto the queue with all that a person needs, and blocks nothing", async () => {
    const bad = badAt(3);
    const world = await start(eventOf(1), eventOf(2), bad, eventOf(4));
    expect(await world.run()).toBe("caught-up");
    const numbers = world.sent.map((body) => JSON.parse(body).detail.payload?.ChangeEventHeader.sequenceNumber);
    expect(numbers).toEqual([1, 2, undefined, 4]);
    expect(JSON.parse(world.sent[2] ?? "")).toEqual({
      version: "0",
      id: "event-3-3",
      "detail-type": "UnreadableChangeEvent",
      source: `aws.partner/salesforce.com/${ORG}/catch-up`,
      // Its own time is as unreadable as the rest.
      time: new Date(COMMIT).toISOString(),
      detail: {
        unreadable: {
          replayId: "0000000000000003",
          schemaId: "other",
          payload: toAvro(bad).toString("base64"),
          reason,
        },
      },
    });
    expect(() => decodeChange(world.sent[2] ?? "")).toThrow(
      expect.objectContaining({ name: "ContractError", message: expect.stringContaining(reason) }),
    );
    expect(world.position()).toBe(4);
    expect([...world.counted]).toEqual([
      ["LiveFeedsDead", 0],
      ["ChangesMissedByLiveFeed", 3],
      ["ChangesUnreadable", 1],
    ]);
    expect(await world.run()).toBe("caught-up");
    expect(unreadable(world)).toHaveLength(1);
  });

  test("moves the position when there is nothing else, and leaves its time as it was", async () => {
    const world = await start(badAt(1), badAt(2));
    server.behaviour.keepalive = false;
    const silent = worldAt(server, { ...world.deps, patienceMs: 500 });
    expect(await silent.run()).toBe("silence");
    expect(world.kept.get(POSITION_KEY)?.value).toMatchObject({
      replayId: replayBytes(2).toString("hex"),
      commitTimestamp: COMMIT,
    });
    expect(unreadable(world)).toHaveLength(2);
  });

  test("is sent again when the run ends before its position is stored", async () => {
    const world = await start(badAt(1), eventOf(2));
    const state = { ...world.deps.state, replace: () => Promise.reject(new TransientError("DOWN", "crash")) };
    await expect(worldAt(server, { ...world.deps, state }).run()).rejects.toMatchObject({ code: "DOWN" });
    expect([unreadable(world).length, world.position()]).toEqual([1, 0]);
    expect(await world.run()).toBe("caught-up");
    expect([unreadable(world).length, world.position()]).toEqual([2, 2]);
  });

  test("and is too large for a queue goes without its payload, which its replay id brings again", async () => {
    const world = await start({ ...badAt(1), fields: { Description: "x".repeat(1_000_000) } });
    await world.run();
    expect(unreadable(world)).toEqual([{ replayId: "0000000000000001", schemaId: "other", payload: null, reason }]);
  });

  const headless = {
    type: "record",
    name: "Odd",
    fields: [{ name: "ChangeEventHeader", type: { type: "record", name: "Header", fields: [] } }],
  };

  test.each([
    [
      "does not fit its schema",
      { payload: Buffer.alloc(3) },
      "does not fit its schema com.sforce.eventbus.AccountChangeEvent.",
    ],
    ["has another header", { schemaId: "odd", payload: Buffer.alloc(0) }, "ChangeEventHeader is wrong: entityName: "],
    ["has a schema that is none", { schemaId: "none" }, "Salesforce's event schema is not valid Avro."],
    ["has a schema that Salesforce does not know", { schemaId: "gone" }, "STATUS_5 to GetSchema gone"],
  ])("because it %s is told with this reason", async (_why, members, expected) => {
    const world = await start({ ...eventOf(1), ...members }, eventOf(2));
    const schemas = { odd: JSON.stringify(headless), none: "{", gone: 5 };
    server.behaviour.schemas = { ...server.behaviour.schemas, ...schemas };
    expect(await world.run()).toBe("caught-up");
    expect(unreadable(world)).toEqual([expect.objectContaining({ reason: expect.stringContaining(expected) })]);
    expect(world.position()).toBe(2);
  });

  test("for now, as its schema cannot be had, stops the run with everything before it passed on", async () => {
    const world = await start(eventOf(1), eventOf(2), badAt(3), eventOf(4));
    server.behaviour.schemas = { ...server.behaviour.schemas, other: 14 };
    await expect(world.run()).rejects.toMatchObject({ name: "TransientError", code: "STATUS_14" });
    expect([world.sentNumbers(), world.position()]).toEqual([[1], 1]);
    server.behaviour.schemas = { ...server.behaviour.schemas, other };
    expect(await world.run()).toBe("caught-up");
    expect([world.sent.length, unreadable(world).length, world.position()]).toEqual([4, 1, 4]);
  });
});

describe("a session that was refused", () => {
  test("is renewed once", async () => {
    server = await startPubSub({ events: eventsOf(3), tokens: ["token-2"] });
    const world = worldAt(server);
    world.startAfter(0);
    expect(await world.run()).toBe("caught-up");
    expect([world.sentNumbers(), world.sessions]).toEqual([
      [1, 2, 3],
      [false, true],
    ]);
  });

  test("and renewed in vain is left to a later try", async () => {
    server = await startPubSub({ tokens: [] });
    const world = worldAt(server);
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({ name: "TransientError", code: "service.auth.error" });
    expect([world.sessions, server.seen.subscribed.length]).toEqual([[false, true], 2]);
  });

  test("in the middle of a read goes on from the position, within the same limit of events", async () => {
    const faults = [{ after: 150, code: 16, errorCode: "service.auth.error" }];
    server = await startPubSub({ events: eventsOf(300), faults, tokens: ["token-1", "token-2"] });
    const world = worldAt(server);
    world.startAfter(0);
    expect(await world.run({ maxEvents: 250 })).toBe("events");
    // The 250th is left to the next run, as more events may share its replay id.
    expect(world.sentNumbers()).toEqual(eventsOf(249).map(({ replayId }) => replayId));
  });

  test("is not renewed when it may not read the channel", async () => {
    server = await startPubSub({ faults: [{ after: 0, code: 7, errorCode: "subscription.topic.cannot.subscribe" }] });
    const world = worldAt(server);
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({ name: "NotAuthorizedError" });
    expect(world.sessions).toEqual([false]);
  });
});

test("a stored position that is none stops the run with its key", async () => {
  server = await startPubSub();
  const world = worldAt(server);
  const failing = { ...world.deps.state, read: () => Promise.reject(new TransientError("BAD", POSITION_KEY)) };
  await expect(worldAt(server, { state: failing }).run()).rejects.toThrow(POSITION_KEY);
});
