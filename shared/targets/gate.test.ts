import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { NotAuthorizedError, RateLimitedError, RejectedByTargetError, TransientError } from "../errors.ts";
import { withScope } from "../scope.ts";
import { dynamoAt, startTable } from "../testing/dynamo.ts";
import { type Answer, serve } from "../testing/server.ts";
import { virtualClock } from "../testing/virtual-clock.ts";
import { createBreakers } from "./breakers.ts";
import { createGate, type Gate, type GateDependencies, type GateOptions } from "./gate.ts";

const TABLE = "fleet-state-test";
const NOW = Date.parse("2026-01-01T00:00:00Z");

let client: DynamoDBClient;
let close: () => Promise<void>;
let operations: string[] = [];
let count = 0;

beforeAll(async () => {
  ({ client, close } = await startTable(TABLE, "key"));
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        operations.push(commandName?.replace("Command", "") ?? "");
        return next(args);
      },
    { step: "initialize" },
  );
});

afterAll(() => close());

/** A target of its own for every test, seen by as many functions as asked for, and a clock that they share. */
function scene(options: Partial<GateOptions> = {}, more: GateDependencies = {}) {
  count += 1;
  operations = [];
  const clock = virtualClock(NOW);
  const target = `target${count}`;
  const dependencies = { client, now: clock.now, wait: clock.wait, random: () => 0.5, ...more };
  const gate = () => createGate(TABLE, { target, ratePerSecond: 25, ...options }, dependencies);
  const breakers = createBreakers(TABLE, { client, now: clock.now });
  const state = async () => (await breakers.list()).find((breaker) => breaker.target === target);
  return { clock, target, gate, state };
}

const ENDPOINT = "POST /v1/customers";
const fails = (error: Error) => () => Promise.reject(error);
const rateLimited = (retryAfterSeconds?: number) =>
  new RateLimitedError("rate_limit", "slow down", { retryAfterSeconds });
const broken = () => new TransientError("api_error", "HTTP 503");

/** Runs this alone on the clock; what it threw, or its result. */
async function alone<T>({ clock }: { clock: ReturnType<typeof virtualClock> }, work: () => Promise<T>) {
  const [ended] = await clock.run([work]);
  return ended?.status === "fulfilled" ? ended.value : ended?.reason;
}

const call = (gate: Gate, work: () => Promise<unknown> = async () => "made", subject = "a") =>
  gate.call(ENDPOINT, work, { subject });

describe("in calm times", () => {
  test("a call costs one write with a budget and one read without", async () => {
    const withBudget = scene();
    const gate = withBudget.gate();
    for (let second = 0; second < 3; second += 1) {
      await alone(withBudget, () => call(gate));
      await alone(withBudget, () => withBudget.clock.wait(1000));
    }
    expect(operations).toEqual(["UpdateItem", "UpdateItem", "UpdateItem"]);
    const without = createGate(TABLE, { target: "calm" }, { client });
    operations = [];
    expect(await call(without)).toBe("made");
    expect(operations).toEqual(["GetItem"]);
  });

  test("gives back what the work gives, and throws what it throws", async () => {
    const it = scene();
    const refused = new RejectedByTargetError("parameter_invalid", "no");
    expect(await alone(it, () => call(it.gate()))).toBe("made");
    expect(await alone(it, () => call(it.gate(), fails(refused)))).toBe(refused);
  });
});

describe("a named wait", () => {
  test("of 40 s is kept by all functions, to the millisecond", async () => {
    const it = scene();
    const [first, second] = [it.gate(), it.gate()];
    const named = rateLimited(40);
    expect(await alone(it, () => call(first, fails(named)))).toBe(named);
    expect(await it.state()).toMatchObject({
      state: "open",
      reason: "asked-to-wait",
      code: "rate_limit",
      needsPerson: false,
      since: "2026-01-01T00:00:00.000Z",
      until: "2026-01-01T00:00:40.000Z",
    });
    await alone(it, () => it.clock.wait(39_999));
    expect(await alone(it, () => call(second))).toMatchObject({ code: "BREAKER_OPEN", retryAfterSeconds: 1 });
    await alone(it, () => it.clock.wait(1));
    expect(await alone(it, () => call(second))).toBe("made");
    expect(await it.state()).toMatchObject({ state: "closed", closedAt: "2026-01-01T00:00:40.000Z" });
  });

  test("is not ended by the success of a call that began before", async () => {
    const it = scene();
    const [slow, fast] = [it.gate(), it.gate()];
    const works = [
      () => call(slow, () => it.clock.wait(5_000)),
      async () => {
        await it.clock.wait(100);
        return call(fast, fails(rateLimited(40))).catch(() => "asked to wait");
      },
    ];
    await it.clock.run(works);
    expect(await it.state()).toMatchObject({ state: "open", until: "2026-01-01T00:00:40.100Z" });
  });

  test("is kept at once, though other functions write what they heard at the same moment", async () => {
    const it = scene();
    const reports = Array.from({ length: 8 }, (_, n) => {
      const work = () => it.clock.wait(100).then(fails(n === 7 ? rateLimited(40) : broken()));
      return () => call(it.gate(), work).catch(() => "failed");
    });
    const next = () => it.clock.wait(101).then(() => call(it.gate()).catch(({ code }) => code));
    expect((await it.clock.run([...reports, next])).at(-1)).toMatchObject({ value: "BREAKER_OPEN" });
  });

  test("is obeyed by the function that heard it, though the table fails", async () => {
    await using down = await serve(() => failure("ProvisionedThroughputExceededException"));
    const it = scene({}, { client: dynamoAt(Number(new URL(down.url).port)) });
    const gate = it.gate();
    expect(await alone(it, () => call(gate))).toBe("made");
    const named = rateLimited(40);
    expect(await alone(it, () => call(gate, fails(named)))).toBe(named);
    await alone(it, () => it.clock.wait(39_000));
    expect(await alone(it, () => call(gate))).toMatchObject({ code: "BREAKER_OPEN" });
    await alone(it, () => it.clock.wait(1_000));
    expect(await alone(it, () => call(gate))).toBe("made");
  });
});

describe("an outage", () => {
  const subjects = ["a", "b", "c", "d", "e"];

  test("opens the breaker, which makes 10,000 calls without asking the table anew", async () => {
    const it = scene();
    for (const subject of subjects) await alone(it, () => call(it.gate(), fails(broken()), subject));
    expect(await it.state()).toMatchObject({ state: "open", reason: "failing", code: "api_error" });
    const gate = it.gate();
    operations = [];
    let made = 0;
    const works = Array.from({ length: 10_000 }, () => () => call(gate, async () => (made += 1)));
    await it.clock.run(works.slice(0, 1));
    const ended = await it.clock.run(works.slice(1));
    expect(made).toBe(0);
    expect(ended.every((end) => end.status === "rejected" && end.reason.code === "BREAKER_OPEN")).toBe(true);
    // The first try of a function that knows nothing is a write whose condition does not hold.
    expect(operations).toEqual(["UpdateItem", "GetItem"]);
  });

  test("is ended by one probe, which tells once", async () => {
    const told: unknown[] = [];
    const it = scene({}, { onClose: async (recovered) => told.push(recovered) });
    for (const subject of subjects) await alone(it, () => call(it.gate(), fails(broken()), subject));
    await alone(it, () => it.clock.wait(5_000));
    let made = 0;
    const slow = () => it.clock.wait(300).then(() => (made += 1));
    const ended = await it.clock.run(Array.from({ length: 8 }, () => () => call(it.gate(), slow)));
    expect(made).toBe(1);
    expect(ended.filter(({ status }) => status === "rejected")).toHaveLength(7);
    expect(told).toEqual([
      { target: it.target, endpoint: ENDPOINT, since: "2026-01-01T00:00:00.000Z", until: "2026-01-01T00:00:05.300Z" },
    ]);
    expect(await alone(it, () => call(it.gate()))).toBe("made");
  });

  test.each([
    ["20 s", 20, 3],
    ["2 min", 120, 6],
    ["2 h", 7200, 125],
  ])("of %s ends within a minute after the target is back, and costs few calls", async (_, seconds, most) => {
    const it = scene();
    for (const subject of subjects) await alone(it, () => call(it.gate(), fails(broken()), subject));
    let made = 0;
    const target = async () => {
      made += 1;
      if (it.clock.now() < NOW + seconds * 1000) throw broken();
      return "made";
    };
    const gate = it.gate();
    for (let end: unknown; end !== "made"; end = await alone(it, () => call(gate, target))) {
      const { retryAfterSeconds = 1 } = (end ?? {}) as { retryAfterSeconds?: number };
      await alone(it, () => it.clock.wait(retryAfterSeconds * 1000));
    }
    expect(it.clock.now() - NOW).toBeLessThanOrEqual((seconds + 61) * 1000);
    expect(made).toBeLessThanOrEqual(most);
    expect(await it.state()).toMatchObject({ state: "closed", since: "2026-01-01T00:00:00.000Z" });
  });

  test("lasts longer when the probe fails, and a crashed prober is waited for no longer than its lease", async () => {
    const it = scene({ probeLeaseMs: 20_000 });
    for (const subject of subjects) await alone(it, () => call(it.gate(), fails(broken()), subject));
    await alone(it, () => it.clock.wait(5_000));
    expect(await alone(it, () => call(it.gate(), fails(broken())))).toMatchObject({ wasProbe: true });
    expect(await it.state()).toMatchObject({ state: "open", until: "2026-01-01T00:00:15.000Z" });
    await alone(it, () => it.clock.wait(10_000));
    void call(it.gate(), () => new Promise(() => {}));
    await untilState(it, "probing");
    expect(await alone(it, () => call(it.gate()))).toMatchObject({ code: "BREAKER_OPEN", retryAfterSeconds: 5 });
    await alone(it, () => it.clock.wait(20_000));
    expect(await alone(it, () => call(it.gate()))).toBe("made");
  });

  test("ends though nobody can be told", async () => {
    const it = scene({}, { onClose: () => Promise.reject(new TransientError("X", "no bus")) });
    await alone(it, () => call(it.gate(), fails(rateLimited(1))));
    await alone(it, () => it.clock.wait(1_000));
    expect(await alone(it, () => call(it.gate()))).toBe("made");
    expect(await it.state()).toMatchObject({ state: "closed" });
  });

  test("of a key needs a person, and ends by itself once the key is replaced", async () => {
    const it = scene();
    await alone(it, () => call(it.gate(), fails(new NotAuthorizedError("invalid_api_key", "no"))));
    expect(await it.state()).toMatchObject({ state: "open", reason: "refused", needsPerson: true });
    await alone(it, () => it.clock.wait(60_000));
    expect(await alone(it, () => call(it.gate()))).toBe("made");
    expect(await it.state()).toMatchObject({ state: "closed", needsPerson: false });
  });

  test("is not what one customer's permanent failure is, but what failures for nobody in particular are", async () => {
    const it = scene({}, { random: Math.random });
    for (let n = 0; n < 20; n += 1)
      await alone(it, () =>
        withScope({ correlationId: `${n}`, customerId: "001" }, () => it.gate().call(ENDPOINT, fails(broken()))),
      );
    expect(await it.state()).toBeUndefined();
    for (let n = 0; n < 20; n += 1) await alone(it, () => it.gate().call("GET /v1/x", fails(broken())));
    expect(await it.state()).toMatchObject({ endpoint: "GET /v1/x", state: "open" });
  });
});

async function untilState({ state }: Pick<ReturnType<typeof scene>, "state">, wanted: string): Promise<void> {
  while ((await state())?.state !== wanted) await new Promise(setImmediate);
}

describe("the budget", () => {
  test("is waited for up to five seconds, then no call is made", async () => {
    const it = scene({ ratePerSecond: 1 });
    const made: number[] = [];
    const work = async () => made.push(it.clock.now() - NOW);
    const ended = await it.clock.run(Array.from({ length: 9 }, () => () => call(it.gate(), work)));
    expect(made).toEqual([0, 1125, 2125, 3125, 4125]);
    const refused = ended.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    expect(refused).toHaveLength(4);
    expect(refused[0]).toMatchObject({ name: "TargetUnavailableError", code: "BUDGET_USED_UP" });
    expect(await it.state()).toBeUndefined();
  });

  test("is one even where clocks differ", async () => {
    const it = scene({ ratePerSecond: 2, maxWaitMs: 0 });
    const clocks = [0, 900, -900, 300];
    const gates = clocks.map((skew) => {
      const dependencies = { client, now: () => it.clock.now() + skew, wait: it.clock.wait };
      return createGate(TABLE, { target: it.target, ratePerSecond: 2, maxWaitMs: 0 }, dependencies);
    });
    const works = [1, 0, 2, 3, 1, 0].map((n) => () => call(gates[n] as Gate));
    let made = 0;
    for (const work of works) if ((await alone(it, work)) === "made") made += 1;
    expect(made).toBe(2);
  });

  test("refuses a rate that is none", () => {
    expect(() => scene({ ratePerSecond: 0 }).gate()).toThrow(expect.objectContaining({ code: "BAD_RATE" }));
  });
});

describe("the table", () => {
  test.each(["ThrottlingException", "InternalServerError", "ValidationException"])(
    "that answers %s keeps nobody from the target",
    async (name) => {
      await using down = await serve(() => failure(name));
      const it = scene({}, { client: dynamoAt(Number(new URL(down.url).port)) });
      expect(await alone(it, () => call(it.gate()))).toBe("made");
      const error = broken();
      expect(await alone(it, () => call(it.gate(), fails(error)))).toBe(error);
      expect(error.wasProbe).toBe(false);
    },
  );

  test("that we may not use is told, and no call is made", async () => {
    await using denied = await serve(() => failure("AccessDeniedException"));
    const it = scene({}, { client: dynamoAt(Number(new URL(denied.url).port)) });
    expect(await alone(it, () => call(it.gate()))).toMatchObject({
      name: "NotAuthorizedError",
      code: "AccessDeniedException",
      message: expect.stringContaining(TABLE),
    });
  });
});

function failure(name: string): Answer {
  const headers = { "content-type": "application/x-amz-json-1.0" };
  return { status: 400, headers, body: { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "no" } };
}
