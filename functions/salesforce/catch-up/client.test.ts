import { describe, expect, test } from "@jest/globals";
import { ungated } from "#shared/targets/gate.ts";
import { header, ORG } from "../testing.ts";
import { createPubSub, type PubSub } from "./client.ts";
import { isPositionLost, isSessionExpired } from "./errors.ts";
import {
  allClosed,
  type Behaviour,
  replayBytes,
  SCHEMA_ID,
  SESSION,
  startPubSub,
  type TestPubSub,
} from "./testing/server.ts";

const CHANNEL = "/data/ChangeEvents";
const PATIENCE = 20_000;

const event = (replayId: number) => ({ replayId, header: header({ sequenceNumber: replayId }) });
const events = (count: number) => Array.from({ length: count }, (_, n) => event(n + 1));

const withPubSubAt = createPubSub(ungated);

/** Runs `work` against a server of its own; nothing may stay open afterwards. */
async function withPubSub<T>(behaviour: Partial<Behaviour>, work: (pubSub: PubSub, server: TestPubSub) => Promise<T>) {
  await using server = await startPubSub(behaviour);
  const { endpoint, certificate } = server;
  const settings = { endpoint, certificate, orgId: ORG, session: async () => SESSION };
  const result = await withPubSubAt(settings, (pubSub) => work(pubSub, server));
  expect(await allClosed(server)).toBe(true);
  return result;
}

describe("a subscription", () => {
  test("names channel and position once, and who asks", async () => {
    await withPubSub({ events: events(3) }, async (pubSub, { seen }) => {
      const subscription = pubSub.subscribe(CHANNEL, replayBytes(1));
      subscription.request(1);
      const first = await subscription.next(PATIENCE);
      subscription.request(1);
      const second = await subscription.next(PATIENCE);
      expect([first, second].map((answer) => answer?.events.map(({ replayId }) => replayId))).toEqual([
        [replayBytes(2)],
        [replayBytes(3)],
      ]);
      expect(first?.events[0]?.event).toMatchObject({ id: "event-2-2", schemaId: SCHEMA_ID });
      expect(seen.subscribed).toEqual([
        { topicName: CHANNEL, replayPreset: "CUSTOM", replayId: replayBytes(1), numRequested: 1 },
      ]);
      expect(seen.requested).toEqual([1, 1]);
      expect(seen.sessions).toEqual([
        expect.objectContaining({ accesstoken: "token-1", instanceurl: SESSION.instanceUrl, tenantid: ORG }),
      ]);
    });
  });

  test("from the channel's end gets a keepalive with its position", async () => {
    await withPubSub({ events: events(3), tip: 7 }, async (pubSub, { seen }) => {
      const subscription = pubSub.subscribe(CHANNEL, "latest");
      subscription.request(1);
      expect(await subscription.next(PATIENCE)).toMatchObject({ events: [], latestReplayId: replayBytes(7) });
      expect(seen.subscribed).toEqual([expect.objectContaining({ replayPreset: "LATEST" })]);
    });
  });

  test("tells silence from an answer", async () => {
    await withPubSub({ keepalive: false, events: events(1) }, async (pubSub) => {
      const subscription = pubSub.subscribe(CHANNEL, replayBytes(1));
      subscription.request(1);
      expect(await subscription.next(50)).toBeUndefined();
    });
  });

  test("that is cancelled ends at Salesforce too, and its connection with it", async () => {
    await withPubSub({}, async (pubSub, server) => {
      const subscription = pubSub.subscribe(CHANNEL, "latest");
      subscription.request(2);
      await subscription.next(PATIENCE);
      expect([server.seen.open, server.seen.connections()]).toEqual([1, 1]);
      subscription.cancel();
      while (server.seen.open > 0) await new Promise(setImmediate);
    });
  });

  test("gives what came before the connection was cut, then fails", async () => {
    await withPubSub({ events: events(5), faults: [{ after: 2, cut: true }] }, async (pubSub) => {
      const subscription = pubSub.subscribe(CHANNEL, replayBytes(0));
      subscription.request(5);
      expect((await subscription.next(PATIENCE))?.events).toHaveLength(2);
      await expect(subscription.next(PATIENCE)).rejects.toMatchObject({ name: "TransientError", code: "STATUS_14" });
      subscription.request(1);
      await expect(subscription.next(PATIENCE)).rejects.toMatchObject({ name: "TransientError" });
    });
  });
});

// https://developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html
describe("an error", () => {
  test.each([
    ["subscription.fetch.replayid.corrupted", 3, "RejectedByTargetError"],
    ["subscription.fetch.replayid.validation.failed", 3, "RejectedByTargetError"],
    ["subscription.fetch.topic.mismatch", 3, "RejectedByTargetError"],
    ["topic.not.found", 5, "RejectedByTargetError"],
    ["service.auth.error", 16, "TransientError"],
    ["service.auth.refresh.invalid", 16, "TransientError"],
    ["service.auth.headers.invalid", 16, "NotAuthorizedError"],
    ["subscription.topic.cannot.subscribe", 7, "NotAuthorizedError"],
    ["service.tenant.license", 7, "NotAuthorizedError"],
    ["subscription.limit.exceeded", 8, "RateLimitedError"],
    ["concurrent.client.limit.exceeded", 8, "RateLimitedError"],
    ["service.unavailable", 13, "TransientError"],
    ["service.unavailable", 14, "TransientError"],
    ["subscription.internal.error", 13, "TransientError"],
    ["subscription.fetch.replay.repeated", 3, "TransientError"],
    ["something.new", 13, "TransientError"],
    ["something.new", 3, "TransientError"],
    ["something.new", 7, "TransientError"],
  ])("%s with status %i is a %s", async (errorCode, code, name) => {
    await withPubSub({ faults: [{ after: 0, code, errorCode }] }, async (pubSub) => {
      const subscription = pubSub.subscribe(CHANNEL, "latest");
      subscription.request(1);
      const error = await subscription.next(PATIENCE).catch((thrown) => thrown);
      expect(error).toMatchObject({ name, code: errorCode });
      expect(error.message).toBe(`Salesforce answered ${errorCode} to Subscribe to ${CHANNEL}.`);
      expect(error.requestId).toBe(`test-${code}`);
      expect(isPositionLost(error)).toBe(errorCode.includes("replayid"));
      expect(isSessionExpired(error)).toBe(/auth.(error|refresh)/.test(errorCode));
    });
  });

  test.each([
    [16, "TransientError", true],
    [3, "RejectedByTargetError", false],
    [7, "NotAuthorizedError", false],
    [99, "TransientError", false],
    [13, "TransientError", false],
    [14, "TransientError", false],
  ])("without a reason goes by its status %i", async (code, name, expired) => {
    await withPubSub({ faults: [{ after: 0, code }] }, async (pubSub) => {
      const subscription = pubSub.subscribe(CHANNEL, "latest");
      subscription.request(1);
      const error = await subscription.next(PATIENCE).catch((thrown) => thrown);
      expect([error.name, error.code, isSessionExpired(error)]).toEqual([name, `STATUS_${code}`, expired]);
    });
  });

  test("names how long to wait when the org's deliveries are used up", async () => {
    const faults = [{ after: 0, code: 8, errorCode: "subscription.limit.exceeded" }];
    await withPubSub({ faults }, async (pubSub) => {
      const subscription = pubSub.subscribe(CHANNEL, "latest");
      subscription.request(1);
      await expect(subscription.next(PATIENCE)).rejects.toMatchObject({ retryAfterSeconds: 3_600 });
    });
  });
});

describe("schemas", () => {
  test("come by their id", async () => {
    await withPubSub({ schemas: { a: "{}" } }, async (pubSub) => {
      expect(await pubSub.schema("a")).toBe("{}");
      await expect(pubSub.schema("b")).rejects.toMatchObject({
        name: "NotAuthorizedError",
        message: expect.stringContaining("schema.meta.permission to GetSchema b"),
      });
    });
  });

  test("that nobody has are given up, as the events behind would wait for them", async () => {
    await withPubSub({ schemas: { a: 5 } }, async (pubSub) => {
      await expect(pubSub.schema("a")).rejects.toMatchObject({ name: "RejectedByTargetError", code: "STATUS_5" });
    });
  });

  test("that are empty are a broken answer", async () => {
    await withPubSub({ schemas: { a: "" } }, async (pubSub) => {
      await expect(pubSub.schema("a")).rejects.toMatchObject({ name: "ContractError", code: "BAD_ANSWER" });
    });
  });
});

describe("connecting", () => {
  const quick = { orgId: ORG, session: async () => SESSION, patienceMs: 300 };

  test.each([
    ["with a certificate that is not trusted", async ({ endpoint }: TestPubSub) => ({ endpoint })],
    ["where nobody listens", async ({ certificate }: TestPubSub) => ({ endpoint: "localhost:1", certificate })],
  ])("%s fails and says what to check", async (_what, settingsOf) => {
    await using server = await startPubSub();
    const settings = await settingsOf(server);
    await expect(withPubSubAt({ ...settings, ...quick }, async () => "connected")).rejects.toMatchObject({
      name: "TransientError",
      code: "UNREACHABLE",
      message: `No TLS connection to ${settings.endpoint} within 0.3 s; check the connection's pubSubEndpoint and pubSubCertificate.`,
    });
    expect(await allClosed(server)).toBe(true);
  });
});
