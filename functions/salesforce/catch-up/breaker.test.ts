import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { catchUpRequested } from "#shared/contracts/events.ts";
import { NotAuthorizedError, RateLimitedError } from "#shared/errors.ts";
import { decodeFleetEvent, type FleetEvent } from "#shared/handler/delivery.ts";
import { eachDelivery, queueHandler } from "#shared/handler/queue.ts";
import { context, queueOf, recordOf, NOW as SENT } from "#shared/handler/testing.ts";
import { createBreakers } from "#shared/targets/breakers.ts";
import { createGate } from "#shared/targets/gate.ts";
import { startTable } from "#shared/testing/dynamo.ts";
import type { Answer } from "#shared/testing/server.ts";
import { worstCaseMs } from "#shared/waits.ts";
import { catchUpOrg } from "../catch-up.ts";
import { clientBy, connectionOf, startOrg, type TestOrg } from "../client/testing.ts";
import { orgsOf } from "../org/orgs.ts";
import { ORG } from "../testing.ts";
import { WAITS } from "../waits.ts";
import { createPubSub } from "./client.ts";
import { PROBE_LEASE_MS } from "./production.ts";
import { type Fault, startPubSub } from "./testing/server.ts";
import { eventsOf, METADATA, worldAt } from "./testing/world.ts";

const TABLE = "fleet-state-test";
const DAY = 86_400;
const BUSY: Answer = { status: 503, headers: { "retry-after": "600" }, body: {} };
const REFUSAL = { invalid_client: "invalid client credentials", invalid_grant: "user hasn't approved this consumer" };

let client: DynamoDBClient;
let close: () => Promise<void>;
let count = 0;

beforeAll(async () => {
  ({ client, close } = await startTable(TABLE, "key"));
});
afterAll(() => close());

/**
 * An organisation with its Pub/Sub API behind a real gate, and the consumer of catch-up requests. What the login answers, the
 * secret and the clock are settable.
 */
async function scene(faults: readonly (Fault | undefined)[] = []) {
  count += 1;
  const target = `salesforce${count}`;
  const world = { now: SENT, stored: "good", valid: "good", login: undefined as Answer | undefined };
  const now = () => world.now;
  const login = (): Answer => {
    if (world.login) return world.login;
    const given = new URLSearchParams(org.tokens().at(-1)?.body).get("client_secret");
    const refusal = { status: 400, body: { error: "invalid_client", error_description: "invalid client credentials" } };
    return given === world.valid ? { body: { access_token: "token-1", instance_url: org.url } } : refusal;
  };
  const org: TestOrg = await startOrg(() => ({ body: [null] }), login);
  const pubSub = await startPubSub({ events: eventsOf(3), faults: [...faults] });
  const recovered: string[] = [];
  const open = () =>
    createGate(TABLE, { target }, { client, now, onClose: async ({ endpoint }) => recovered.push(endpoint) });
  const { deps, ...catching } = worldAt(pubSub);
  catching.startAfter(0);
  const { endpoint: pubSubEndpoint, certificate: pubSubCertificate } = pubSub;
  const connect = async () => connectionOf(org.url, { clientSecret: world.stored, pubSubEndpoint, pubSubCertificate });
  /** A function that was started just now. */
  const start = (members: Partial<typeof deps> = {}) => {
    const gate = open();
    const salesforce = clientBy(connect, { gate, now });
    const orgs = orgsOf([ORG], () => salesforce);
    const queue = queueOf();
    const world = { ...deps, ...members, withPubSub: createPubSub(gate), orgs };
    const work = eachDelivery<FleetEvent<typeof catchUpRequested>>((delivery) => catchUpOrg(delivery, world));
    const options = { now, random: () => 0 };
    const handler = queueHandler(decodeFleetEvent([catchUpRequested]), work, queue.control, options);
    return {
      ...queue,
      salesforce,
      /** Hands it a request of this age, in seconds. */
      take: (ageSeconds = 0) => {
        const body = { "detail-type": "catch-up.requested", detail: { metadata: METADATA, data: {} } };
        const record = recordOf("m", JSON.stringify(body), 1, ageSeconds - (now() - SENT) / 1000);
        return handler({ Records: [record] }, context);
      },
    };
  };
  const breakers = async () => {
    const states = await createBreakers(TABLE, { client, now }).list();
    const own = states.filter((one) => one.target === target);
    return own.map(({ endpoint, state, reason, code, needsPerson }) => ({
      endpoint,
      state,
      reason,
      code,
      needsPerson,
    }));
  };
  return {
    ...{ world, org, pubSub, recovered, start, breakers, sent: catching.sentNumbers },
    async [Symbol.asyncDispose]() {
      await org[Symbol.asyncDispose]();
      await pubSub[Symbol.asyncDispose]();
    },
  };
}

describe("while the breaker of its organisation is open, a catch-up", () => {
  test("makes no login and no other call, counts no try however old the request is, and comes when the wait is over", async () => {
    await using here = await scene();
    here.world.login = BUSY;
    await expect(here.start().salesforce.describe("Account")).rejects.toMatchObject({ name: "RateLimitedError" });
    expect(here.org.tokens()).toHaveLength(1);
    here.world.login = undefined;
    here.world.now += 100_000;
    const { take, postponed, parked } = here.start();
    for (const age of [0, DAY, 12 * DAY]) await take(age);
    expect([here.org.requests.length, here.pubSub.seen.sessions.length]).toEqual([1, 0]);
    expect([postponed, parked]).toEqual([Array(3).fill(["m", 500]), []]);
    here.world.now += 500_000;
    expect((await take()).batchItemFailures).toEqual([]);
    expect([here.sent(), here.recovered.includes(ORG)]).toEqual([[1, 2, 3], true]);
  });
});

describe("a login that Salesforce", () => {
  test.each(Object.entries(REFUSAL))(
    "refuses with %s opens it for a person, and once the secret is replaced all goes on by itself",
    async (error, error_description) => {
      await using here = await scene();
      here.world.login = { status: 400, body: { error, error_description } };
      const { take, parked } = here.start();
      await take();
      const refused = { endpoint: ORG, state: "open", reason: "refused", code: error, needsPerson: true };
      expect(await here.breakers()).toEqual([refused]);
      const logins = here.org.tokens().length;
      await take(DAY);
      await expect(here.start().salesforce.describe("Account")).rejects.toMatchObject({ code: "BREAKER_OPEN" });
      expect([here.org.requests.length, parked]).toEqual([logins, []]);
      Object.assign(here.world, { login: undefined, stored: "new", valid: "new", now: here.world.now + 60_000 });
      expect((await take(DAY)).batchItemFailures).toEqual([]);
      expect([here.sent(), here.recovered, (await here.breakers())[0]?.state]).toEqual([[1, 2, 3], [ORG], "closed"]);
    },
  );

  test("cannot answer until a named time opens it until exactly then", async () => {
    await using here = await scene();
    here.world.login = BUSY;
    const { take, postponed } = here.start();
    await take();
    here.world.now += 599_000;
    await take();
    expect([postponed, here.org.requests.length]).toEqual([
      [
        ["m", 600],
        ["m", 1],
      ],
      1,
    ]);
    expect(await here.breakers()).toMatchObject([{ state: "open", reason: "asked-to-wait" }]);
    Object.assign(here.world, { login: undefined, now: here.world.now + 1_000 });
    expect((await take()).batchItemFailures).toEqual([]);
  });
});

describe("the Pub/Sub API", () => {
  const endpoint = `${ORG}/pub-sub`;
  const fault = (errorCode: string): Fault => ({ after: 0, code: 8, errorCode });

  test("has a breaker of its own: its deliveries are used up, and records are still read", async () => {
    await using here = await scene([fault("subscription.limit.exceeded")]);
    const { take, postponed, salesforce } = here.start();
    await take();
    expect(await here.breakers()).toEqual([
      { endpoint, state: "open", reason: "asked-to-wait", code: "subscription.limit.exceeded", needsPerson: false },
    ]);
    await take(DAY);
    expect([postponed, here.pubSub.seen.sessions.length]).toEqual([Array(2).fill(["m", 3_600]), 1]);
    await expect(salesforce.readUsage()).rejects.toMatchObject({ name: "ContractError" });
    expect(here.org.calls()).toHaveLength(1);
    here.world.now += 3_600_000;
    expect((await take()).batchItemFailures).toEqual([]);
    expect([here.sent(), here.recovered]).toEqual([[1, 2, 3], [endpoint]]);
  });

  test("that refuses us waits for a person, and goes on by itself", async () => {
    await using here = await scene([fault("subscription.topic.cannot.subscribe")]);
    const { take, parked } = here.start();
    await take();
    expect(await here.breakers()).toMatchObject([{ endpoint, reason: "refused", needsPerson: true }]);
    await take();
    expect([here.pubSub.seen.sessions.length, parked]).toEqual([1, []]);
    here.world.now += 60_000;
    expect((await take()).batchItemFailures).toEqual([]);
  });

  test("is asked again with a new session at once, also as a probe", async () => {
    await using here = await scene([fault("subscription.limit.exceeded"), { after: 0, code: 16 }]);
    const { take } = here.start();
    await take();
    here.world.now += 3_600_000;
    expect((await take()).batchItemFailures).toEqual([]);
    expect([here.org.tokens().length, here.recovered]).toEqual([2, [endpoint]]);
  });

  test.each([
    ["may not be used", new NotAuthorizedError("AccessDenied", "no permission")],
    ["asks to wait", new RateLimitedError("Throttled", "slow down", { retryAfterSeconds: 9 })],
  ])("has nothing to do with a queue of ours that %s, and a probe is left to the next", async (_what, error) => {
    await using here = await scene([undefined, fault("subscription.limit.exceeded")]);
    const broken = { send: () => Promise.reject(error) };
    await here.start(broken).take();
    expect(await here.breakers()).toEqual([]);
    await here.start().take();
    here.world.now += 3_600_000;
    await here.start(broken).take();
    expect(await here.breakers()).toMatchObject([{ endpoint, state: "open", reason: "asked-to-wait" }]);
    expect((await here.start().take()).batchItemFailures).toEqual([]);
    expect(await here.breakers()).toMatchObject([{ endpoint, state: "closed" }]);
  });
});

test("a crashed probe of the Pub/Sub API is waited for longer than any run takes", () => {
  expect(PROBE_LEASE_MS).toBeGreaterThan(worstCaseMs(WAITS["salesforce-catch-up"] ?? { calls: {}, awsCalls: 0 }));
});
