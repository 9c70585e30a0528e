import { afterEach, describe, expect, test } from "@jest/globals";
import { TransientError } from "#shared/errors.ts";
import { COMMIT, ORG } from "../testing.ts";
import { allClosed, startPubSub, type TestPubSub } from "./testing/server.ts";
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

  test("at an event that nobody can read has passed on everything before it, and says where it is", async () => {
    const bad = { ...eventOf(3), schemaId: "other" };
    const other = '{"type":"record","name":"Order__e","fields":[]}';
    server = await startPubSub({ events: [eventOf(1), eventOf(2), bad, eventOf(4)] });
    server.behaviour.schemas = { ...server.behaviour.schemas, other };
    const world = worldAt(server);
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({
      name: "ContractError",
      message: "The event at 0000000000000003 cannot be read: Events of schema Order__e are no change events.",
    });
    expect([world.sentNumbers(), world.position()]).toEqual([[1], 1]);
  });

  test("because the org's deliveries are used up waits for long", async () => {
    server = await startPubSub({ faults: [{ after: 0, code: 8, errorCode: "subscription.limit.exceeded" }] });
    const world = worldAt(server);
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({ name: "RateLimitedError", retryAfterSeconds: 3_600 });
    expect([world.position(), world.published]).toEqual([0, []]);
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

  test("and renewed in vain is a NotAuthorizedError", async () => {
    server = await startPubSub({ tokens: [] });
    const world = worldAt(server);
    world.startAfter(0);
    await expect(world.run()).rejects.toMatchObject({ name: "NotAuthorizedError", code: "service.auth.error" });
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
