import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import { NotAuthorizedError, RateLimitedError, TargetUnavailableError, TransientError } from "../errors.ts";
import type { Failing } from "../failing.ts";
import { createStateTable } from "../state-table.ts";
import { startTable } from "../testing/dynamo.ts";
import { SimulatedConsumer } from "./simulated-consumer.ts";
import { failingAfter, judge } from "./verdict.ts";

const TABLE = "fleet-state-test";
const [HOUR, DAY] = [3_600, 86_400];

const DOWN = new TransientError("HTTP_503", "down");
const THROTTLED = new RateLimitedError("THROTTLED", "slow down");
const REFUSED = new NotAuthorizedError("INVALID_LOGIN", "refused");
const AWAY = new TargetUnavailableError("BREAKER_OPEN", "no call was made", { retryAfterSeconds: 60 });
const PROBED = Object.assign(new TransientError("HTTP_503", "still down"), { wasProbe: true });
const OWN = [DOWN, THROTTLED, new TypeError("bug")];

/** One message that fails at every receipt, all that is known of it kept from one to the next. */
class Message {
  age = 0;
  receives = 0;
  isParked = false;
  #failing: Failing | undefined;

  /** @returns hours until it was parked, at most `hours` */
  fail(error: unknown, hours: number): number {
    const from = this.age;
    while (!this.isParked && this.age < from + hours * HOUR) {
      this.receives += 1;
      // The first receipt costs nothing, so nothing is kept of it.
      const failing = failingAfter(error, this.#failing, this.age * 1000);
      const failingSeconds = failing ? this.age - failing.since / 1000 : 0;
      if (this.receives > 1) this.#failing = failing;
      const verdict = judge(error, { ageSeconds: this.age, receives: this.receives, failingSeconds }, DAY, 0);
      if (verdict.again) this.age += verdict.seconds;
      else this.isParked = true;
    }
    return (this.age - from) / HOUR;
  }
}

describe("a message that fails by itself", () => {
  test.each(OWN)("for a day is parked: %p", (error) => {
    expect(new Message().fail(error, 1_000)).toBeCloseTo(24, 0);
  });

  test.each([REFUSED, AWAY, PROBED])("after 30 hours of %p is parked a day later", (outage) => {
    for (const error of OWN) {
      const message = new Message();
      message.fail(outage, 30);
      const hours = message.fail(error, 1_000);
      expect(hours).toBeGreaterThanOrEqual(23);
      expect(hours).toBeLessThan(26);
    }
  });

  test("before an outage and after it is parked when both together were a day", () => {
    const message = new Message();
    message.fail(DOWN, 12);
    message.fail(REFUSED, 100);
    expect(message.fail(DOWN, 1_000)).toBeCloseTo(11, -1);
  });

  test("is parked after a day of its own failing and not before, whatever it waits for in between", () => {
    const spell = fc.record({
      error: fc.constantFrom(...OWN, REFUSED, AWAY, PROBED),
      hours: fc.integer({ min: 2, max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(spell, { minLength: 1, maxLength: 10 }), (spells) => {
        const message = new Message();
        let own = 0;
        for (const { error, hours } of spells) {
          const took = message.fail(error, hours);
          if (OWN.includes(error)) own += took;
          if (message.isParked) break;
        }
        // The waits with which spells begin and end are an hour long at most.
        if (own < 24 - spells.length) expect(message.isParked).toBe(false);
        if (own > 24 + spells.length) expect(message.isParked).toBe(true);
      }),
    );
  });

  test.each([REFUSED, AWAY, PROBED])("by %p alone is parked a day before its queue would drop it", (error) => {
    expect(new Message().fail(error, 1_000)).toBeCloseTo(13 * 24, -1);
  });
});

describe("a consumer", () => {
  let table: Awaited<ReturnType<typeof startTable>>;
  let count = 0;

  beforeAll(async () => {
    table = await startTable(TABLE, "key");
  });
  afterAll(() => table.close());

  /** One with a message on a queue of its own. */
  function consumer(): SimulatedConsumer {
    count += 1;
    const declared = { timeout: 120, window: 0, batchSize: 5, visibility: 720 };
    const { client } = table;
    const world = new SimulatedConsumer(`queue-${count}`, declared, (now) => createStateTable(TABLE, { client, now }));
    world.send(["m"]);
    return world;
  }

  async function fail(world: SimulatedConsumer, error: unknown, hours: number): Promise<void> {
    world.error = error;
    world.fails = () => true;
    await world.work(hours * HOUR);
  }

  test("parks nothing for an outage of its target, and what fails for a day after it", async () => {
    const world = consumer();
    await fail(world, REFUSED, 30);
    await fail(world, DOWN, 22);
    expect([world.parked.size, world.waiting]).toEqual([0, 1]);
    await fail(world, DOWN, 4);
    expect(world.parked.size).toBe(1);
  }, 60_000);

  test("parks nothing at its first failure, however long it lay there", async () => {
    const world = consumer();
    world.now += 3 * DAY * 1000;
    await fail(world, DOWN, 1);
    expect(world.parked.size).toBe(0);
  });

  test("keeps nothing of a message that is done", async () => {
    const world = consumer();
    const kept = async () => {
      const state = createStateTable(TABLE, { client: table.client, now: () => world.now });
      return (await state.readMany([`attempt#queue-${count}#m`], z.unknown())).size;
    };
    await fail(world, DOWN, 1);
    expect(await kept()).toBe(1);
    world.fails = () => false;
    await world.work(HOUR);
    expect([world.done.size, await kept()]).toEqual([1, 0]);
  });
});
