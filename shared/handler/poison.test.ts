import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createStateTable, type StateTable } from "../state-table.ts";
import { dynamoAt, startTable } from "../testing/dynamo.ts";
import { type Declared, SimulatedConsumer } from "./simulated-consumer.ts";

const TABLE = "fleet-state-test";
const [MINUTE, HOUR, DAY] = [60, 3_600, 86_400];
const CAPTURE: Declared = { timeout: 30, window: 5, batchSize: 500, visibility: 185 };
const DISPATCH: Declared = { timeout: 120, window: 0, batchSize: 5, visibility: 720 };
const SWEEP: Declared = { timeout: 300, window: 0, batchSize: 1, visibility: 1_800 };

let table: Awaited<ReturnType<typeof startTable>>;
let count = 0;

beforeAll(async () => {
  table = await startTable(TABLE, "key");
});
afterAll(() => table.close());

const stored = (now: () => number): StateTable => createStateTable(TABLE, { client: table.client, now });

/** A consumer with a queue of its own, so that tests can share one table. */
function consumer(declared: Declared, state = stored): SimulatedConsumer {
  count += 1;
  return new SimulatedConsumer(`queue-${count}`, declared, state);
}

const named = (prefix: string, n: number) => Array.from({ length: n }, (_, index) => `${prefix}${index}`);
const keys = (map: ReadonlyMap<string, unknown>) => [...map.keys()].toSorted();

/** Sends a healthy message every so often while the consumer works. */
async function workWithTraffic(world: SimulatedConsumer, seconds: number, every = 20): Promise<void> {
  for (let at = 0; at < seconds; at += every) {
    world.send([`traffic-${at}-${world.now}`]);
    await world.work(every);
  }
}

describe("a message that ends every run", () => {
  test.each([
    ["a full batch of capture", CAPTURE, 499],
    ["a full batch of dispatch", DISPATCH, 4],
    ["a queue of ten batches", DISPATCH, 49],
  ])("in %s is parked alone within 15 minutes, and the others are done", async (_what, declared, others) => {
    const world = consumer(declared);
    const healthy = named("m", others);
    const from = world.now;
    world.isFatal = (id) => id === "poison";
    world.send([...healthy.slice(0, 2), "poison", ...healthy.slice(2)]);
    await world.work(HOUR);
    expect(keys(world.parked)).toEqual(["poison"]);
    expect(keys(world.done)).toEqual(healthy.toSorted());
    expect((world.parked.get("poison")?.at ?? 0) - from).toBeLessThan(15 * MINUTE * 1000);
    for (const at of world.done.values()) expect(at - from).toBeLessThan(15 * MINUTE * 1000);
    expect(world.parked.get("poison")?.error).toMatchObject({
      name: "ConsumerCrashed",
      message: expect.stringMatching(/ended \d times without an answer .* 2 times with nothing else to do/),
    });
  });

  test("is looked for in eighths of what was worked together, until it is alone", async () => {
    const world = consumer(CAPTURE);
    world.isFatal = (id) => id === "poison";
    world.send(["poison", ...named("m", 499)]);
    await world.work(HOUR);
    const ended = world.runs.filter(({ died }) => died).map(({ ids }) => ids.length);
    // The first run marks nothing, so the second one has the whole batch as well.
    expect(ended).toEqual([500, 500, 62, 7, 1, 1]);
  });

  test("alone on a slow queue is parked within 15 minutes while others go through", async () => {
    const world = consumer(SWEEP);
    world.isFatal = (id) => id === "poison";
    world.send(["poison"]);
    await workWithTraffic(world, 15 * MINUTE, 60);
    expect(keys(world.parked)).toEqual(["poison"]);
  });

  test("beside its like is parked with them", async () => {
    const world = consumer(DISPATCH);
    world.isFatal = (id) => id.startsWith("poison");
    world.send([...named("m", 8), ...named("poison", 3)]);
    await workWithTraffic(world, HOUR);
    expect(keys(world.parked)).toEqual(named("poison", 3));
    expect(keys(world.done)).toEqual(expect.arrayContaining(named("m", 8)));
  });

  test("is not judged while nobody can say that others go through", async () => {
    const world = consumer(DISPATCH);
    world.isFatal = () => true;
    world.send(["only"]);
    await world.work(DAY);
    expect([world.parked.size, world.waiting]).toEqual([0, 1]);
    // It waits longer and longer, and so stays on its queue for two weeks.
    expect(world.runs.length).toBeLessThan(60);
    world.isFatal = () => false;
    await world.work(HOUR);
    expect(keys(world.done)).toEqual(["only"]);
  });
});

describe("when every run ends without an answer", () => {
  test.each([
    ["for minutes", 10 * MINUTE],
    ["for five hours", 5 * HOUR],
  ])("%s, nothing is parked, and after the mend all goes on", async (_what, seconds) => {
    const world = consumer(DISPATCH);
    const ids = named("m", 60);
    world.send(["before"]);
    await world.work(MINUTE);
    world.isFatal = () => true;
    world.send(ids);
    await world.work(seconds);
    expect([world.parked.size, world.waiting]).toEqual([0, 60]);
    world.isFatal = () => false;
    await world.work(HOUR);
    expect(world.parked.size).toBe(0);
    expect(keys(world.done)).toEqual(["before", ...ids].toSorted());
  });

  test("a large backlog goes on in few runs after the mend, as the groups grow fourfold", async () => {
    const world = consumer(CAPTURE);
    world.send(named("m", 1_000));
    world.isFatal = () => true;
    await world.work(20 * MINUTE);
    world.isFatal = () => false;
    const runs = world.runs.length;
    await world.work(HOUR);
    expect([world.done.size, world.parked.size]).toEqual([1_000, 0]);
    expect(world.runs.length - runs).toBeLessThan(40);
    const sizes = world.runs.slice(runs).map(({ ids }) => ids.length);
    // From one alone over 7 and 28 to the rest of the batch, and then to the next batch.
    expect(sizes.slice(sizes.indexOf(7))).toEqual(expect.arrayContaining([7, 28, 112]));
  });

  test("the message at fault is still found after the mend", async () => {
    const world = consumer(DISPATCH);
    world.send([...named("m", 20), "poison"]);
    world.isFatal = () => true;
    await world.work(HOUR);
    world.isFatal = (id) => id === "poison";
    await workWithTraffic(world, 2 * HOUR);
    expect(keys(world.parked)).toEqual(["poison"]);
    expect(keys(world.done)).toEqual(expect.arrayContaining(named("m", 20)));
  });
});

describe("no crash", () => {
  test("is what Lambda could not begin: receives alone do not count", async () => {
    const world = consumer(DISPATCH);
    world.send(["a", "b", "c"]);
    for (let n = 0; n < 50; n += 1) {
      world.throttle();
      world.now += DISPATCH.visibility * 1000;
    }
    await world.work(MINUTE);
    expect([keys(world.done), world.parked.size]).toEqual([["a", "b", "c"], 0]);
    expect(world.runs).toHaveLength(1);
  });

  test("is a failure that was answered, however often", async () => {
    const world = consumer(DISPATCH);
    world.send(["slow", "down"]);
    world.fails = (id) => id === "down";
    await workWithTraffic(world, 6 * HOUR, 300);
    expect([world.parked.size, world.waiting]).toEqual([0, 1]);
    world.fails = () => false;
    await world.work(HOUR);
    expect(world.done.has("down")).toBe(true);
  });

  test("can be noticed without the table, but work goes on, and nothing is parked", async () => {
    const world = consumer(DISPATCH, (now) => createStateTable(TABLE, { client: dynamoAt(1), now }));
    world.send(named("m", 10));
    let dies = true;
    world.isFatal = (id) => id === "m3" && dies;
    await world.work(HOUR);
    dies = false;
    await world.work(HOUR);
    expect([world.done.size, world.parked.size]).toEqual([10, 0]);
  });
});

test("whichever messages end runs, and however many: those alone are parked, the others are done", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        timeout: fc.integer({ min: 10, max: 330 }),
        window: fc.constantFrom(0, 5, 30),
        batchSize: fc.constantFrom(1, 5, 10, 50),
      }),
      fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { maxLength: 3 }),
      async (sizes, fatal) => {
        const batchSize = sizes.window === 0 ? Math.min(10, sizes.batchSize) : sizes.batchSize;
        const world = consumer({ ...sizes, batchSize, visibility: sizes.timeout * 6 + sizes.window });
        const poison = fatal.map((n) => `m${n}`);
        world.isFatal = (id) => poison.includes(id);
        world.send(named("m", 40));
        await workWithTraffic(world, HOUR, 120);
        expect(keys(world.parked)).toEqual(poison.toSorted());
        expect(named("m", 40).filter((id) => !poison.includes(id) && !world.done.has(id))).toEqual([]);
      },
    ),
    { numRuns: 10 },
  );
}, 120_000);

test("whenever everything crashes, and for however long: nothing is parked, and everything is done after the mend", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 10, max: 330 }),
      fc.integer({ min: 0, max: 10 * MINUTE }),
      fc.integer({ min: 1, max: HOUR }),
      fc.integer({ min: 60, max: 600 }),
      async (timeout, before, bad, every) => {
        const world = consumer({ timeout, window: 0, batchSize: 5, visibility: timeout * 6 });
        await workWithTraffic(world, before, every);
        world.isFatal = () => true;
        await workWithTraffic(world, bad, every);
        expect(world.parked.size).toBe(0);
        world.isFatal = () => false;
        await workWithTraffic(world, HOUR, every);
        await world.work(HOUR);
        expect([world.parked.size, world.waiting]).toEqual([0, 0]);
      },
    ),
    { numRuns: 8 },
  );
}, 120_000);
