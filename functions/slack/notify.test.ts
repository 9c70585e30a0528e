import { describe, expect, test } from "@jest/globals";
import type { SQSRecord } from "aws-lambda";
import { TransientError } from "#shared/errors.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { Message } from "./digest.ts";
import type { Notice } from "./notices.ts";
import { notify } from "./notify.ts";
import { doubt, drift, failed, synced } from "./testing.ts";

function deliveryOf(event: Notice): Delivery<Notice> {
  return { event, messageId: "m", body: "", receiveCount: 1, traceHeader: undefined, record: {} as SQSRecord };
}

describe("notify", () => {
  test("tells a whole batch in one message", async () => {
    const posts: Message[] = [];
    const slack = { post: async (message: Message) => void posts.push(message) };
    expect(await notify([synced(), failed(), synced()].map(deliveryOf), slack)).toEqual([]);
    expect(posts.map(({ text }) => text)).toEqual([":rotating_light: 1 change could not be synced, 2 changes synced"]);
  });

  test("tells of comparisons, but not of those that were planned, asked for or only go on", async () => {
    const posts: Message[] = [];
    const slack = { post: async (message: Message) => void posts.push(message) };
    const quiet = [
      doubt({ data: { reason: "schedule" } }),
      doubt({ data: { reason: "manual" } }),
      doubt({ data: { cursor: { after: "001" } } }),
    ];
    expect(await notify(quiet.map(deliveryOf), slack)).toEqual([]);
    expect(posts).toEqual([]);
    await notify([...quiet, doubt(), drift(), synced()].map(deliveryOf), slack);
    expect(posts.map(({ text }) => text)).toEqual([
      "1 comparison with Salesforce needed, 1 comparison with Salesforce done, 1 change synced",
    ]);
  });

  test("fails with the batch when Slack does", async () => {
    const slack = { post: () => Promise.reject(new TransientError("UNREACHABLE", "down")) };
    await expect(notify([deliveryOf(synced())], slack)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});
