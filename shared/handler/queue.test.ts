import { SQSClient } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "@jest/globals";
import type { SQSRecord } from "aws-lambda";
import { ContractError, InvalidInputError, NotAuthorizedError, RateLimitedError, TransientError } from "../errors.ts";
import { type Answer, serve } from "../testing/server.ts";
import { noAttempts } from "./attempts.ts";
import type { Delivery } from "./delivery.ts";
import { eachDelivery, queueHandler } from "./queue.ts";
import { createQueueControl, type QueueControl } from "./queue-control.ts";
import { NOTHING_KNOWN } from "./suspects.ts";
import { context, NOW, queueOf, recordOf } from "./testing.ts";

const DAY = 86_400;

const decode = (body: string) => {
  if (body === "bad") throw new ContractError("NOT_JSON", "unreadable");
  return body;
};

/** Fails a delivery with the error that its body names. */
const work = eachDelivery<string>(async ({ event }) => {
  if (event === "transient") throw new TransientError("T", "down");
  if (event === "limited") throw new RateLimitedError("R", "slow", { retryAfterSeconds: 9 });
  if (event === "denied") throw new NotAuthorizedError("D", "no permission");
  if (event === "invalid") throw new InvalidInputError("I", "wrong");
  if (event === "bug") throw new TypeError("bug");
});

async function run(records: SQSRecord[], queue = queueOf(), consume = work) {
  const options = { random: () => 0.4, now: () => NOW };
  const answer = await queueHandler(decode, consume, queue.control, options)({ Records: records }, context);
  return { again: answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier), ...queue };
}

describe("a queue consumer", () => {
  test("deletes what it worked, reports what may work later, parks what never will", async () => {
    const bodies = ["fine", "transient", "invalid", "bad", "bug"];
    const { again, parked, postponed } = await run(bodies.map((body) => recordOf(body, body)));
    expect(again).toEqual(["transient", "bug"]);
    expect(parked.sort()).toEqual([
      ["bad", "unreadable"],
      ["invalid", "wrong"],
    ]);
    expect(postponed).toEqual([
      ["transient", 4.5],
      ["bug", 4.5],
    ]);
  });

  test("waits longer with every try, up to five minutes", async () => {
    const { postponed } = await run([1, 2, 3, 8].map((receives) => recordOf(`m${receives}`, "transient", receives)));
    // What was handed out before is first hidden for as long as its run may last.
    const waits = postponed.filter(([, seconds]) => seconds !== 45);
    expect(waits).toEqual([
      ["m1", 4.5],
      ["m2", 13.5],
      ["m3", 40.5],
      ["m8", 270],
    ]);
  });

  test("waits the same for all of a batch, so that they are worked together again", async () => {
    const calls: [number, number][] = [];
    const queue = queueOf({ postpone: async (records, seconds) => void calls.push([records.length, seconds]) });
    const records = Array.from({ length: 50 }, (_, n) => recordOf(`m${n}`, n < 10 ? "limited" : "transient"));
    await queueHandler(decode, work, queue.control, { now: () => NOW })({ Records: records }, context);
    expect(calls).toEqual([
      [10, 9],
      [40, expect.any(Number)],
    ]);
    const [, [, seconds] = [0, 0]] = calls;
    expect(seconds).toBeGreaterThan(3.7);
    expect(seconds).toBeLessThanOrEqual(5);
  });

  test("waits as long as the target asked", async () => {
    const { again, postponed } = await run([recordOf("m", "limited")]);
    expect(again).toEqual(["m"]);
    expect(postponed).toEqual([["m", 9]]);
  });

  test("reports a message even when it could not be postponed", async () => {
    const queue = queueOf({ postpone: () => Promise.reject(new Error("no")) });
    expect((await run([recordOf("m", "limited")], queue)).again).toEqual(["m"]);
  });

  test.each(["transient", "limited", "bug"])(
    "parks %s when it has failed for a day, however old it is and however often it came",
    async (body) => {
      const failingFor = (seconds: number) => {
        const failing = new Map([["m", { since: NOW - seconds * 1000, at: NOW }]]);
        return queueOf({ attempts: { ...noAttempts, look: async () => ({ ...NOTHING_KNOWN, failing }) } });
      };
      const waited = await run([recordOf("m", body, 900, 12 * DAY)], failingFor(DAY - 1));
      expect([waited.again, waited.parked]).toEqual([["m"], []]);
      const failed = await run([recordOf("m", body, 2, DAY)], failingFor(DAY));
      expect([failed.again, failed.parked]).toEqual([[], [["m", expect.any(String)]]]);
    },
  );

  test("never parks for a missing permission: it waits for days", async () => {
    const { again, parked } = await run([recordOf("m", "denied", 900, 12 * DAY)]);
    expect([again, parked]).toEqual([["m"], []]);
  });

  test("keeps a message on the queue when it could not be parked", async () => {
    const queue = queueOf({ park: () => Promise.reject(new Error("no")) });
    const { again, postponed } = await run([recordOf("m", "invalid"), recordOf("n", "fine")], queue);
    expect([again, postponed]).toEqual([["m"], [["m", 4.5]]]);
  });

  test("fails every delivery when the work throws, but parks the unreadable ones", async () => {
    const broken = () => Promise.reject(new TransientError("T", "all down"));
    const { again, parked } = await run(
      [recordOf("a", "x"), recordOf("b", "bad"), recordOf("c", "y")],
      queueOf(),
      broken,
    );
    expect(again).toEqual(["a", "c"]);
    expect(parked).toEqual([["b", "unreadable"]]);
  });

  test("does not start the work when nothing is readable", async () => {
    const seen: unknown[] = [];
    const { parked } = await run([recordOf("b", "bad")], queueOf(), async (batch) => {
      seen.push(batch);
      return [];
    });
    expect([seen, parked]).toEqual([[], [["b", "unreadable"]]]);
  });

  test("hands over the body, the tries and the trace", async () => {
    const seen: Delivery<string>[] = [];
    await run([recordOf("m", "fine", 2)], queueOf(), async (batch) => {
      seen.push(...batch);
      return [];
    });
    expect(seen).toMatchObject([
      { event: "fine", body: "fine", messageId: "m", receiveCount: 2, traceHeader: expect.stringMatching(/^Root=/) },
    ]);
  });

  test("refuses an event that is no batch", async () => {
    const handler = queueHandler(decode, work, queueOf().control);
    await expect(handler({ hello: 1 }, context)).rejects.toMatchObject({ name: "ContractError" });
  });
});

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
describe("the control of an SQS queue", () => {
  test("parks the whole body with its reason and its trace", async () => {
    const { call, seen } = await ask((control) =>
      control.park(recordOf("m", "body", 2), new InvalidInputError("I", "wrong")),
    );
    await call;
    expect(seen).toMatchObject({
      QueueUrl: "http://queue/dead",
      MessageBody: "body",
      MessageAttributes: {
        ERROR_CODE: { StringValue: "InvalidInputError" },
        ERROR_MESSAGE: { StringValue: "wrong" },
        PARKED_MESSAGE: { StringValue: "m" },
        RECEIVE_COUNT: { StringValue: "2" },
      },
      MessageSystemAttributes: { AWSTraceHeader: { StringValue: expect.stringMatching(/^Root=/) } },
    });
  });

  test.each([
    [3.2, 4],
    [100_000.5, 43_200],
  ])("postpones for %d s within what SQS takes", async (seconds, VisibilityTimeout) => {
    const { call, seen } = await ask((control) => control.postpone([recordOf("m", "body")], seconds));
    await call;
    expect(seen).toEqual({
      QueueUrl: "http://queue/live",
      Entries: [{ Id: "0", ReceiptHandle: "receipt-m", VisibilityTimeout }],
    });
  });

  test("postpones ten messages with one call", async () => {
    const records = Array.from({ length: 23 }, (_, n) => recordOf(`m${n}`, "body"));
    const { call, all } = await ask((control) => control.postpone(records, 5));
    await call;
    expect(all.map(({ Entries }) => Entries.length).toSorted()).toEqual([10, 10, 3]);
    const handles = all.flatMap(({ Entries }) => Entries.map(({ ReceiptHandle }) => ReceiptHandle));
    expect(new Set(handles)).toEqual(new Set(records.map(({ receiptHandle }) => receiptHandle)));
  });

  test("deletes what is done, ten with one call", async () => {
    const records = Array.from({ length: 12 }, (_, n) => recordOf(`m${n}`, "body"));
    const { call, all } = await ask((control) => control.remove(records));
    await call;
    expect(all.map(({ Entries }) => Entries.length).toSorted()).toEqual([10, 2]);
  });

  test("says which message could not be postponed", async () => {
    const Failed = [{ Id: "0", SenderFault: true, Code: "InvalidParameterValue", Message: "not in flight" }];
    const { call } = await ask((control) => control.postpone([recordOf("m", "body")], 5), { body: { Failed } });
    await expect(call).rejects.toThrow("SQS did not hide a message: InvalidParameterValue");
  });

  test("says when it could not", async () => {
    const denied = { status: 403, body: { __type: "AccessDeniedException", message: "no" } };
    const { call } = await ask((control) => control.park(recordOf("m", "body"), new Error("x")), denied);
    await expect(call).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  async function ask(work: (control: QueueControl) => Promise<void>, refusal?: Answer) {
    await using server = await serve(() => refusal ?? { body: { MessageId: "1" } });
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const client = new SQSClient({
      endpoint: server.url,
      region: "eu-central-1",
      credentials,
      maxAttempts: 1,
      md5: false,
      useQueueUrlAsEndpoint: false,
    });
    const urls = { QUEUE_URL: "http://queue/live", DEAD_LETTER_QUEUE_URL: "http://queue/dead" };
    const settings = { ...urls, GIVE_UP_AFTER_SECONDS: DAY, VISIBILITY_SECONDS: 180, RUN_SECONDS: 45 };
    const [call] = await Promise.allSettled([work(createQueueControl(settings, noAttempts, client))]);
    const settled = call.status === "fulfilled" ? Promise.resolve() : Promise.reject(call.reason);
    settled.catch(() => undefined);
    const all: { Entries: { ReceiptHandle: string }[] }[] = server.requests.map(({ body }) => JSON.parse(body));
    return { call: settled, seen: all[0], all };
  }
});
