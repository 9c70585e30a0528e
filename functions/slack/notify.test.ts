import { describe, expect, test } from "@jest/globals";
import type { SQSRecord } from "aws-lambda";
import { TransientError } from "#shared/errors.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { Message, Notice } from "./digest.ts";
import { notify } from "./notify.ts";
import { failed, synced } from "./testing.ts";

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

  test("fails with the batch when Slack does", async () => {
    const slack = { post: () => Promise.reject(new TransientError("UNREACHABLE", "down")) };
    await expect(notify([deliveryOf(synced())], slack)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});
