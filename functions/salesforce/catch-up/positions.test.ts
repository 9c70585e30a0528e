import { afterEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { COMMIT } from "../testing.ts";
import type { Subscription } from "./client.ts";
import { openPosition } from "./position.ts";
import { readStretches } from "./read.ts";
import type { Received } from "./received.ts";
import { allClosed, replayBytes, startPubSub, type TestEvent, type TestPubSub } from "./testing/server.ts";
import { eventOf, eventsOf, NOW, POSITION_KEY, worldAt } from "./testing/world.ts";

const MINUTE = 60_000;
let server: TestPubSub | undefined;

afterEach(async () => {
  if (!server) return;
  expect(await allClosed(server)).toBe(true);
  await server[Symbol.asyncDispose]();
  server = undefined;
});

describe("an event without a replay id", () => {
  const without = (replayId: number): TestEvent => ({ ...eventOf(replayId), withoutReplayId: true });

  test("is sent, and the last good position stays", async () => {
    server = await startPubSub({ events: [eventOf(1), eventOf(2), without(3)], keepalive: false });
    const world = worldAt(server, { patienceMs: 300 });
    world.startAfter(0);
    expect(await world.run()).toBe("silence");
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2, 3], 2]);
    // The position can be read, so the next run goes on.
    server.behaviour.events = [...server.behaviour.events, eventOf(4)];
    expect(await world.run()).toBe("silence");
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2, 3, 3, 4], 4]);
  });

  test("blocks nothing when no event has one: the position stays as it was", async () => {
    server = await startPubSub({ events: [without(1), without(2)], keepalive: false });
    const world = worldAt(server, { patienceMs: 300 });
    world.startAfter(0);
    expect(await world.run()).toBe("silence");
    expect([world.sentNumbers(), world.position()]).toEqual([[1, 2], 0]);
  });

  test("is no newest position", async () => {
    server = await startPubSub({ earliest: 5, events: [eventOf(7), without(9)], tip: 9, keepalive: false });
    const world = worldAt(server);
    world.startAfter(2);
    const running = world.run();
    while (server.seen.subscribed.length < 2) await new Promise(setImmediate);
    server.behaviour.events = [...server.behaviour.events, without(11)];
    server.publish();
    expect(await running).toBe("position-lost");
    // What came along with the event says where the channel is.
    expect([world.sentNumbers(), world.position()]).toEqual([[11], 11]);
  });

  test("nowhere makes a stretch that ends in the middle of others", async () => {
    const ids = fc.array(fc.constantFrom("", "01", "02", "03"), { maxLength: 12 }).map((list) => {
      // Ids of a channel never fall; those that are missing may be anywhere.
      const sorted = list.filter((id) => id !== "").sort();
      return list.map((id) => (id === "" ? "" : (sorted.shift() as string)));
    });
    await fc.assert(
      fc.asyncProperty(ids, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 3 }), async (list, size, old) => {
        const events = list.map((replayId, n) => ({ replayId, commitTimestamp: n <= old * 4 ? 1 : 100, n }));
        const seen: number[] = [];
        for await (const { events: some, replayId } of stretchesOf(events as never, size)) {
          seen.push(...some.map((event) => (event as unknown as { n: number }).n));
          if (replayId === "") continue;
          // Everything up to the position was seen, the last of those that share it too.
          const last = events.findLastIndex((event) => event.replayId === replayId);
          expect(seen).toEqual(expect.arrayContaining(events.slice(0, last + 1).map(({ n }) => n)));
        }
        expect(seen).toEqual(events.slice(0, seen.length).map(({ n }) => n));
      }),
    );
  });
});

/** Reads events `size` at a time; those with a commit of 100 are too young. */
function stretchesOf(events: readonly Received[], size: number) {
  const left = [...events];
  const subscription: Subscription = {
    request: () => undefined,
    next: async () =>
      left.length > 0 ? ({ events: left.splice(0, size), latestReplayId: Buffer.alloc(0) } as never) : undefined,
    cancel: () => undefined,
  };
  const limits = { maxEvents: 100, deadline: 1_000, graceMs: 50, patienceMs: 10, commitBefore: 0 };
  return readStretches(
    subscription,
    async (event) => event as never,
    limits,
    () => 100,
  );
}

describe("a position that cannot be read", () => {
  const good = { replayId: "0000000000000002", commitTimestamp: COMMIT, updatedAt: NOW };

  test.each([
    ["an empty replay id", { ...good, replayId: "" }, COMMIT],
    ["a replay id that is none", { ...good, replayId: "latest" }, COMMIT],
    ["a time of storing that is none", { ...good, updatedAt: "now" }, COMMIT],
    ["a commit in the future", { ...good, replayId: "", commitTimestamp: NOW + 1 }, NOW],
    ["a commit that no date can hold", { ...good, commitTimestamp: 8.64e15 + 1 }, undefined],
    ["another shape", ["position"], undefined],
    ["nothing", undefined, undefined],
  ])("with %s heals itself: what changed since is compared", async (_what, value, since) => {
    server = await startPubSub({ events: eventsOf(3) });
    const world = worldAt(server);
    world.kept.set(POSITION_KEY, { value, revision: 7 });
    expect(await world.run()).toBe("position-lost");
    const window = since && { from: new Date(since - 10 * MINUTE).toISOString(), to: new Date(NOW).toISOString() };
    const asked = (entity: string) => ({
      entity,
      reason: "position-lost",
      ...(window ? { window } : {}),
      full: !window,
    });
    expect(world.published.map(({ detail }) => detail.data)).toEqual(["Account", "Contact"].map(asked));
    expect(world.counted.get("ReplayPositionsLost")).toBe(1);
    expect(world.kept.get(POSITION_KEY)).toMatchObject({ value: { replayId: "0000000000000003" }, revision: 8 });
    expect(await world.run()).toBe("caught-up");
  });

  test("is never written, whatever Salesforce says", async () => {
    const numbers = fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger());
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.constant("00ff")), numbers, async (replayId, commitTimestamp) => {
        const { deps, kept } = worldAt({ endpoint: "none", certificate: "none" } as TestPubSub);
        kept.set(POSITION_KEY, { value: good, revision: 1 });
        const position = await openPosition(deps.state, POSITION_KEY, () => NOW);
        expect(await position.advance({ replayId, commitTimestamp })).toBe(true);
        const again = await openPosition(deps.state, POSITION_KEY, () => NOW);
        expect([again.lost, again.current]).toEqual([undefined, position.current]);
      }),
    );
  });
});

test("a position that another run has moved meanwhile is not moved back", async () => {
  const { deps, kept } = worldAt({ endpoint: "none", certificate: "none" } as TestPubSub);
  const [one, other] = [
    await openPosition(deps.state, POSITION_KEY, () => NOW),
    await openPosition(deps.state, POSITION_KEY, () => NOW),
  ];
  expect(await other.advance({ replayId: replayBytes(9).toString("hex"), commitTimestamp: COMMIT })).toBe(true);
  expect(await one.advance({ replayId: replayBytes(3).toString("hex"), commitTimestamp: COMMIT })).toBe(false);
  expect(kept.get(POSITION_KEY)).toMatchObject({ value: { replayId: "0000000000000009" }, revision: 1 });
});
