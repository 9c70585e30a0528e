import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { version } from "#shared/testing/customers-table.ts";
import { TRACE } from "#shared/testing/metadata.ts";
import { toParkedWork } from "./park-message.ts";
import { bodyOf, CUSTOMER_ID, changed, deleted, recordOf } from "./testing.ts";

const NOW = new Date("2026-02-03T04:05:06.789Z");
const OTHER_TRACE = "Root=1-67000000-000000000000000000000001;Parent=00000000000000aa;Sampled=1";

describe("the reason", () => {
  test("is our consumer's own", () => {
    const reason = {
      ERROR_CODE: "RejectedByTargetError",
      ERROR_REASON: "resource_missing",
      ERROR_MESSAGE: "no such plan",
      RECEIVE_COUNT: "3",
    };
    expect(toParkedWork(recordOf(bodyOf(changed), reason, { ApproximateReceiveCount: "1" }), NOW)).toEqual({
      parkedId: "message-1",
      parking: "message-1",
      kind: "message",
      hop: "connector-fleet-test-customer-sync",
      input: bodyOf(changed),
      errorName: "RejectedByTargetError",
      errorCode: "resource_missing",
      errorMessage: "no such plan",
      orgId: changed.detail.metadata.orgId,
      version: changed.detail.data.version,
      correlationId: "correlation-1",
      customerId: CUSTOMER_ID,
      traceHeader: TRACE,
      tries: 3,
      parkedAt: "2026-02-03T04:05:06.789Z",
    });
  });

  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
  test("is EventBridge's when a rule gave the event up", () => {
    const reason = {
      RULE_ARN: "arn:aws:events:us-east-1:123456789012:rule/bus/rule",
      TARGET_ARN: "arn:aws:sqs:us-east-1:123456789012:queue",
      ERROR_CODE: "NO_PERMISSIONS",
      ERROR_MESSAGE: "Access denied",
      EXHAUSTED_RETRY_CONDITION: "MaximumRetryAttempts",
      RETRY_ATTEMPTS: "185",
    };
    expect(toParkedWork(recordOf(bodyOf(deleted), reason), NOW)).toMatchObject({
      errorName: "NO_PERMISSIONS",
      errorMessage: "Access denied",
      tries: 185,
      customerId: CUSTOMER_ID,
    });
  });

  test("is a crash when the queue itself gave the message up", () => {
    const record = recordOf(bodyOf(changed), {}, { ApproximateReceiveCount: "7" });
    expect(toParkedWork(record, NOW)).toMatchObject({
      errorName: "ConsumerCrashed",
      errorMessage: expect.stringMatching(/^The consumer ended 7 times without an answer .* its log says why\.$/),
      tries: 7,
    });
  });

  test("is no crash when somebody gave a reason without words", () => {
    expect(toParkedWork(recordOf("", { ERROR_CODE: "SDK_CLIENT_ERROR" }), NOW)).toMatchObject({
      errorName: "SDK_CLIENT_ERROR",
      errorMessage: expect.not.stringContaining("consumer"),
    });
  });

  test.each(["many", "", "-"])("counts the receives when the given count is '%s'", (RECEIVE_COUNT) => {
    const record = recordOf("", { RECEIVE_COUNT }, { ApproximateReceiveCount: "4" });
    expect(toParkedWork(record, NOW).tries).toBe(4);
  });
});

describe("the identity", () => {
  test("of a redriven message is that of the piece of work it was", () => {
    const record = recordOf(bodyOf(changed), { PARKED_ID: "parked-1", ERROR_CODE: "ContractError" });
    expect(toParkedWork(record, NOW)).toMatchObject({ parkedId: "parked-1", parking: "message-1" });
  });

  test("of an account that could not be told of a version is one, however many messages try", () => {
    const idOf = (messageId: string, body: string) => {
      const eventSourceARN = "arn:aws:sqs:us-east-1:000000000000:connector-fleet-test-write-back-dead";
      return toParkedWork(
        { ...recordOf(body, { ERROR_CODE: "RejectedByTargetError" }), messageId, eventSourceARN },
        NOW,
      ).parkedId;
    };
    const bodyAt = (at: string) =>
      JSON.stringify({ detail: { metadata: {}, data: { customerId: CUSTOMER_ID, version: at } } });
    const [first, second] = [bodyAt(version(1)), bodyAt(version(2))];
    expect(idOf("m1", first)).toBe(idOf("m2", first));
    expect(idOf("m1", first)).not.toBe(idOf("m1", second));
    expect(idOf("m1", bodyAt("unknown"))).toBe("m1");
  });

  // A consumer whose answer from the dead-letter queue was lost sends the same message once more, under another id.
  test.each([
    ["once parked", {}, "given-up"],
    ["redriven", { PARKED_ID: "parked-1" }, "parked-1"],
  ])("of a %s message is one, however many dead letters were made of it", (_what, attributes, parkedId) => {
    const deadLetters = ["dead-1", "dead-2"].map((messageId) => ({
      ...recordOf(bodyOf(changed), { PARKED_MESSAGE: "given-up", ERROR_CODE: "ContractError", ...attributes }),
      messageId,
    }));
    for (const record of deadLetters)
      expect(toParkedWork(record, NOW)).toMatchObject({ parkedId, parking: "given-up" });
  });
});

describe("the ids", () => {
  test("of the organisation come from a partner event's source", () => {
    const body = JSON.stringify({
      source: "aws.partner/salesforce.com/00D5f000005KcCnEAK/0YL5f0000000001GAA",
      detail: {},
    });
    expect(toParkedWork(recordOf(body), NOW)).toMatchObject({ orgId: "00D5f000005KcCnEAK" });
  });

  test("of the trace are the message's own before the event's", () => {
    const record = recordOf(bodyOf(changed), {}, { AWSTraceHeader: OTHER_TRACE });
    expect(toParkedWork(record, NOW).traceHeader).toBe(OTHER_TRACE);
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["null", "null"],
    ["a number", "7"],
    ["an event without detail", "{}"],
    ["detail of null", '{"detail":null}'],
    ["a change event of Salesforce", '{"detail":{"payload":{"ChangeEventHeader":{}}}}'],
    ["ids that are no text", '{"detail":{"metadata":{"correlationId":7,"traceHeader":{}},"data":{"customerId":[]}}}'],
    ["empty ids", '{"detail":{"metadata":{"correlationId":"","traceHeader":""},"data":{"customerId":""}}}'],
  ])("are unknown with %s as body, which is kept whole", (_what, body) => {
    expect(toParkedWork(recordOf(body), NOW)).toMatchObject({
      input: body,
      correlationId: "unknown",
      customerId: "unknown",
      traceHeader: "none",
    });
  });

  test("are the account's when a change in Salesforce names exactly one", () => {
    const ChangeEventHeader = { entityName: "Account", recordIds: [CUSTOMER_ID] };
    const record = recordOf(JSON.stringify({ detail: { payload: { ChangeEventHeader } } }));
    expect(toParkedWork(record, NOW)).toMatchObject({ customerId: CUSTOMER_ID, correlationId: "unknown" });
  });

  test("are found as far as there are any", () => {
    const body = JSON.stringify({ detail: { metadata: null, data: { customer: { customerId: CUSTOMER_ID } } } });
    expect(toParkedWork(recordOf(body), NOW)).toMatchObject({ customerId: CUSTOMER_ID, correlationId: "unknown" });
  });
});

test("anything can be parked, whole and with every member filled", () => {
  const body = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc
      .record({ metadata: fc.jsonValue(), data: fc.oneof(fc.jsonValue(), fc.record({ customer: fc.jsonValue() })) })
      .map((detail) => JSON.stringify({ detail })),
  );
  const names = fc.constantFrom("ERROR_CODE", "ERROR_MESSAGE", "RECEIVE_COUNT", "RETRY_ATTEMPTS", "toString");
  const reason = fc.dictionary(names, fc.string());
  const count = fc.nat().map(String);
  fc.assert(
    fc.property(body, reason, count, fc.option(fc.string()), (text, attributes, receives, trace) => {
      const record = recordOf(text, attributes, {
        ApproximateReceiveCount: receives,
        ...(trace === null ? {} : { AWSTraceHeader: trace }),
      });
      const work = toParkedWork(record, NOW);
      expect(work.input).toBe(text);
      const { tries, input: _input, ...texts } = work;
      expect(Number.isSafeInteger(tries) && tries >= 0).toBe(true);
      for (const [member, value] of Object.entries(texts))
        expect([member, typeof value, value === ""]).toEqual([member, "string", false]);
    }),
  );
});
