import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { SQSRecord } from "aws-lambda";
import fc from "fast-check";
import { createSlack } from "../../functions/slack/client.ts";
import type { Notice } from "../../functions/slack/notices.ts";
import { tell as tellAll } from "../../functions/slack/tell.ts";
import { doubt, drift, failed, recovered, synced, unreachable } from "../../functions/slack/testing.ts";
import { type SlackEmulator, startSlack } from "../../local/saas/slack/emulator.ts";
import { ungated } from "../../shared/targets/gate.ts";

let slack: SlackEmulator;
let count = 0;

beforeAll(async () => {
  slack = await startSlack({ port: 0 });
});
beforeEach(() => slack.reset());
afterAll(() => slack.stop());

/** Tells notices as the function does; each gets a correlation id of its own, by which it is found again. */
async function tell(notices: readonly Notice[]) {
  const marks = notices.map(() => {
    count += 1;
    return `mark-${count}.`;
  });
  const deliveries = notices.map(({ type, detail }, n) => {
    const correlationId = `${marks[n]}${detail.metadata.correlationId}`;
    const event = { type, detail: { ...detail, metadata: { ...detail.metadata, correlationId } } } as Notice;
    const record = { messageId: `m${n}` } as SQSRecord;
    return { event, messageId: record.messageId, body: "", receiveCount: 1, traceHeader: undefined, record };
  });
  const client = createSlack(async () => ({ ...slack.connection() }), ungated);
  const failures = await tellAll(deliveries, { slack: client, now: () => 0, stage: "local" });
  const texts = await history();
  const times = marks.map((mark) => texts.reduce((sum, text) => sum + text.split(mark).length - 1, 0));
  return { failures, messages: texts.length, times };
}

/** All text of each message in the channel. */
async function history(): Promise<string[]> {
  const { token, apiUrl, channel } = slack.connection();
  const texts: string[] = [];
  for (let cursor = ""; ; ) {
    const url = `${apiUrl}conversations.history?channel=${channel}&limit=100&cursor=${encodeURIComponent(cursor)}`;
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const { messages, response_metadata } = (await answer.json()) as {
      messages: { blocks: { text: { text: string } }[] }[];
      response_metadata?: { next_cursor?: string };
    };
    texts.push(...messages.map(({ blocks }) => blocks.map(({ text }) => text.text).join("\n")));
    cursor = response_metadata?.next_cursor ?? "";
    if (cursor === "") return texts;
  }
}

const any = fc.string({ unit: fc.constantFrom("&", "<", "`", "\n", "a", "é", "漢", "😀", "\uD800"), maxLength: 1_500 });
const id = fc.string({ unit: fc.constantFrom("&", "a", "`", "漢"), minLength: 1, maxLength: 200 });
const notice: fc.Arbitrary<Notice> = fc.oneof(
  fc.record({ correlationId: id, actor: id }).map((metadata) => synced({ metadata })),
  fc
    .array(any, { maxLength: 5 })
    .map((adjusted) => synced({ data: { billing: { outcome: "updated", stripeCustomerId: "cus_1", adjusted } } })),
  fc
    .record({ customerId: id, parkedId: id, state: id, message: any })
    .map(({ message, ...data }) => failed({ data: { ...data, error: { name: "Error", message } } })),
  fc.record({ entity: id }).map((data) => doubt({ data })),
  fc.record({ entity: id, reason: any, compared: fc.nat() }).map((data) => drift({ data })),
  fc
    .record({ target: fc.oneof(id, fc.constant("slack")), endpoint: id, reason: any, needsPerson: fc.boolean() })
    .map((data) => unreachable({ data })),
  fc.record({ target: id, endpoint: any }).map((data) => recovered({ data })),
);

test("every batch of notices is posted, in messages that Slack takes, and each notice is told once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(notice, { minLength: 1, maxLength: 120, size: "max" }), async (notices) => {
      const { failures, times } = await tell(notices);
      expect(failures).toEqual([]);
      expect(times).toEqual(notices.map(() => 1));
      await slack.reset();
    }),
    { numRuns: 40 },
  );
});

test.each([40, 50, 400])("%d failures of an outage are told in as few messages as Slack takes", async (number) => {
  const error = { name: "RejectedByTargetError", message: "x".repeat(85) };
  const { failures, messages, times } = await tell(Array.from({ length: number }, () => failed({ data: { error } })));
  expect(failures).toEqual([]);
  expect(times).toEqual(Array(number).fill(1));
  expect(messages).toBeLessThanOrEqual(Math.ceil(number / 24));
});
