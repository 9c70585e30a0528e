import { afterEach, expect, test } from "@jest/globals";
import { COMMIT } from "../testing.ts";
import { allClosed, startPubSub, type TestPubSub } from "./testing/server.ts";
import { eventOf, worldAt } from "./testing/world.ts";

const HOUR = 3_600_000;
let server: TestPubSub;

afterEach(async () => {
  expect(await allClosed(server)).toBe(true);
  await server[Symbol.asyncDispose]();
});

/** An organisation where each run of the catch-up finds one more change, so many hours after the first. */
async function watchedOrg() {
  server = await startPubSub({ events: [] });
  let now = COMMIT;
  const world = worldAt(server, { now: () => now });
  world.startAfter(0, { updatedAt: COMMIT });
  let replayId = 0;
  /** @returns whether the feed counts as dead after the run */
  const change = async (hours: number, broughtBy: "relay" | "nobody" | "none"): Promise<boolean> => {
    now = COMMIT + hours * HOUR;
    if (broughtBy !== "none") {
      replayId += 1;
      const event = eventOf(replayId, { commitTimestamp: now - HOUR / 4 });
      server.behaviour.events = [...server.behaviour.events, event];
      if (broughtBy === "relay") world.markSeen(event);
    }
    world.counted.clear();
    await world.run();
    return world.counted.get("LiveFeedsDead") === 1;
  };
  return { world, change };
}

test("a live feed that has brought none of a day's changes is told, however few they were", async () => {
  const { world, change } = await watchedOrg();
  expect(await change(1, "relay")).toBe(false);
  expect(await change(2, "nobody")).toBe(false);
  expect(await change(14, "nobody")).toBe(false);
  expect(await change(25, "nobody")).toBe(false);
  expect(await change(26, "none")).toBe(true);
  expect(await change(30, "nobody")).toBe(true);
  expect(world.sentNumbers()).toEqual([2, 3, 4, 5]);
  expect(await change(31, "relay")).toBe(false);
  expect(await change(60, "none")).toBe(false);
});

test("a live feed that brings some is not dead, and a quiet one is not either", async () => {
  const { change } = await watchedOrg();
  expect(await change(1, "nobody")).toBe(false);
  expect(await change(20, "relay")).toBe(false);
  expect(await change(21, "nobody")).toBe(false);
  expect(await change(44, "relay")).toBe(false);
  expect(await change(60, "relay")).toBe(false);
  expect(await change(90, "none")).toBe(false);
});
