import { describe, expect, test } from "@jest/globals";
import type { SQSRecord } from "aws-lambda";
import { NotAuthorizedError, RateLimitedError, RejectedByTargetError, TransientError } from "#shared/errors.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { Message } from "./digest.ts";
import type { Notice } from "./notices.ts";
import { tell } from "./tell.ts";
import { doubt, drift, failed, recovered, synced, unreachable } from "./testing.ts";

let count = 0;

function deliveryOf(event: Notice): Delivery<Notice> {
  count += 1;
  const record = { messageId: `m${count}` } as SQSRecord;
  return { event, messageId: record.messageId, body: "", receiveCount: 1, traceHeader: undefined, record };
}

/** A Slack that takes messages, but for those that `refuse` names an error for; every post takes a second. */
function fakeSlack(refuse: (message: Message, post: number) => Error | undefined = () => undefined) {
  const posts: Message[] = [];
  let [tries, ms] = [0, 0];
  const slack = {
    async post(message: Message) {
      tries += 1;
      ms += 1_000;
      const error = refuse(message, tries);
      if (error) throw error;
      posts.push(message);
    },
  };
  return { slack, now: () => ms, stage: "local", posts, tries: () => tries };
}

const bodyOf = ({ blocks }: Message) => blocks.map(({ text }) => text.text).join("\n");
/** Failures so long that about eight of them fill a message. */
const longOnes = (number: number) =>
  Array.from({ length: number }, (_, n) =>
    deliveryOf(failed({ data: { parkedId: `parked-${n}.`, error: { name: "Error", message: "x".repeat(1_000) } } })),
  );
const toldIn = (posts: readonly Message[], number: number) =>
  Array.from({ length: number }, (_, n) => posts.filter((post) => bodyOf(post).includes(` parked-${n}.\``)).length);

describe("telling", () => {
  test("tells a whole batch in one message", async () => {
    const world = fakeSlack();
    expect(await tell([synced(), failed(), synced(), unreachable(), recovered()].map(deliveryOf), world)).toEqual([]);
    expect(world.posts.map(({ text }) => text)).toEqual([
      "Stripe unreachable, Stripe answers again, :rotating_light: 1 change could not be synced, 2 changes synced",
    ]);
  });

  test("tells of comparisons, but not of those that were planned, asked for or only go on", async () => {
    const world = fakeSlack();
    const quiet = [
      doubt({ data: { reason: "schedule" } }),
      doubt({ data: { reason: "manual" } }),
      doubt({ data: { cursor: { after: "001" } } }),
    ];
    expect(await tell(quiet.map(deliveryOf), world)).toEqual([]);
    expect(world.posts).toEqual([]);
    await tell([...quiet, doubt(), drift(), synced()].map(deliveryOf), world);
    expect(world.posts.map(({ text }) => text)).toEqual([
      "1 comparison with Salesforce needed, 1 comparison with Salesforce done, 1 change synced",
    ]);
  });

  test("tells of an event that is repeated only when something came of it", async () => {
    type Data = ReturnType<typeof synced>["detail"]["data"];
    const replayed = (store: Data["store"], outcome: Data["billing"]["outcome"]) =>
      synced({ metadata: { replayOf: "event-1" }, data: { store, billing: { outcome, stripeCustomerId: null } } });
    const world = fakeSlack();
    await tell([replayed("unchanged", "unchanged"), replayed("unchanged", "none")].map(deliveryOf), world);
    expect(world.posts).toEqual([]);
    const news = [replayed("updated", "unchanged"), replayed("unchanged", "created"), replayed("unchanged", "updated")];
    await tell(news.map(deliveryOf), world);
    expect(world.posts.map(({ text }) => text)).toEqual(["3 changes synced"]);
  });

  test("fails every delivery when Slack fails", async () => {
    const error = new TransientError("UNREACHABLE", "down");
    const one = deliveryOf(synced());
    expect(
      await tell(
        [one],
        fakeSlack(() => error),
      ),
    ).toEqual([{ record: one.record, error }]);
  });
});

describe("a batch of several messages", () => {
  test("is posted in order, and every notice once", async () => {
    const world = fakeSlack();
    expect(await tell(longOnes(30), world)).toEqual([]);
    expect(world.posts.length).toBeGreaterThan(2);
    expect(toldIn(world.posts, 30)).toEqual(Array(30).fill(1));
  });

  test.each([
    new RateLimitedError("ratelimited", "wait", { retryAfterSeconds: 7 }),
    new TransientError("HTTP_503", "down"),
    new NotAuthorizedError("invalid_auth", "no"),
    new TypeError("a bug"),
  ])("keeps what was posted, and brings only the rest back: %s", async (error) => {
    const deliveries = longOnes(30);
    const world = fakeSlack((_message, post) => (post === 2 ? error : undefined));
    const failures = await tell(deliveries, world);
    expect(world.tries()).toBe(2);
    const told = toldIn(world.posts, 30);
    expect(failures.map(({ record }) => record)).toEqual(
      deliveries.filter((_, n) => told[n] === 0).map(({ record }) => record),
    );
    expect(new Set(failures.map((failure) => failure.error))).toEqual(new Set([error]));
    const again = fakeSlack();
    const left = deliveries.filter(({ record }) => failures.some((failure) => failure.record === record));
    expect(await tell(left, again)).toEqual([]);
    expect(toldIn([...world.posts, ...again.posts], 30)).toEqual(Array(30).fill(1));
  });

  test("fails only the notice that Slack refuses, and tells the others", async () => {
    const error = new RejectedByTargetError("invalid_blocks", "no");
    const deliveries = longOnes(12);
    const world = fakeSlack((message) => (bodyOf(message).includes(" parked-5.`") ? error : undefined));
    expect(await tell(deliveries, world)).toEqual([{ record: deliveries[5]?.record, error }]);
    expect(toldIn(world.posts, 12)).toEqual(Array.from({ length: 12 }, (_, n) => (n === 5 ? 0 : 1)));
  });

  test("is told by a Slack that takes less than it did", async () => {
    const world = fakeSlack((message) =>
      bodyOf(message).length > 4_000 ? new RejectedByTargetError("msg_blocks_too_long", "no") : undefined,
    );
    expect(await tell(longOnes(10), world)).toEqual([]);
    expect(toldIn(world.posts, 10)).toEqual(Array(10).fill(1));
  });

  test("says of every message at once that it was told, so that a hang afterwards tells it to nobody again", async () => {
    const deliveries = longOnes(12);
    const first: Message[] = [];
    const told: SQSRecord[] = [];
    await new Promise<void>((hangs) => {
      const post = async (message: Message) => {
        if (first.push(message) === 1) return;
        hangs();
        await new Promise(() => undefined);
      };
      void tell(deliveries, { slack: { post }, now: () => 0, stage: "local" }, (record) => told.push(record));
    });
    const inFirst = toldIn(first.slice(0, 1), 12);
    expect(told).toEqual(deliveries.filter((_, n) => inFirst[n] === 1).map(({ record }) => record));
    expect(told.length).toBeGreaterThan(0);
  });

  test("ends in time, and the rest follows at once without counting as a try", async () => {
    const deliveries = longOnes(300);
    const world = fakeSlack();
    const failures = await tell(deliveries, world);
    expect(world.posts).toHaveLength(30);
    expect(failures.length).toBe(toldIn(world.posts, 300).filter((times) => times === 0).length);
    for (const { error } of failures)
      expect(error).toMatchObject({ name: "TargetUnavailableError", retryAfterSeconds: 1 });
  });
});
