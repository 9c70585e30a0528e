import { afterEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { CallContext, Service } from "../kernel/service.ts";
import { testKernel } from "../testing.ts";
import { createSqs } from "./index.ts";

const started: Service[] = [];
afterEach(() => {
  for (const service of started.splice(0)) service.stop?.();
});

const TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

async function setUp({ scale = 1, attributes = {} }: { scale?: number; attributes?: Record<string, string> } = {}) {
  const kernel = testKernel(scale);
  const sqs = createSqs(kernel);
  kernel.register(sqs);
  started.push(sqs);
  const call = caller(kernel);
  const { QueueUrl } = await call("CreateQueue", { QueueName: "jobs", Attributes: attributes });
  const on = (operation: string, input: object = {}, context: Partial<CallContext> = {}) =>
    call(operation, { QueueUrl, ...input }, context);
  return { kernel, sqs, call, on };
}

function caller(kernel: Kernel) {
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the output that it asks for
  return (operation: string, input: object, context: Partial<CallContext> = {}): Promise<any> =>
    kernel.call("sqs", operation, input, { principal: ADMINISTRATOR, ...context });
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
describe("SendMessage", () => {
  test("answers with the MD5 of body, attributes and system attributes", async () => {
    const { on } = await setUp();
    const sent = await on("SendMessage", {
      MessageBody: "derp",
      MessageAttributes: { timestamp: { DataType: "Number", StringValue: "1493147359900" } },
      MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: TRACE } },
    });
    expect(sent).toEqual({
      MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      MD5OfMessageBody: "58fd9edd83341c29f1aebba81c31e257",
      MD5OfMessageAttributes: "235c5c510d26fb653d073faed50ae77c",
      MD5OfMessageSystemAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test.each([
    [{}, "MissingRequiredParameterException", "The request must contain the parameter MessageBody."],
    [{ MessageBody: "" }, "MissingRequiredParameterException", "The request must contain the parameter MessageBody."],
    [{ MessageBody: "\u0000" }, "InvalidMessageContents", "Invalid characters found"],
    [{ MessageBody: "x", DelaySeconds: 901 }, "InvalidParameterValueException", "Value 901 for parameter DelaySeconds"],
    [{ MessageBody: "x", MessageDeduplicationId: "1" }, "InvalidParameterValueException", "MessageDeduplicationId"],
    [
      { MessageBody: "x", MessageAttributes: { a: { DataType: "Text", StringValue: "b" } } },
      "InvalidParameterValueException",
      "invalid message attribute type",
    ],
    [
      { MessageBody: "x", MessageAttributes: { a: { DataType: "String" } } },
      "InvalidParameterValueException",
      "must contain a non-empty",
    ],
    [
      { MessageBody: "x", MessageAttributes: { a: { DataType: "Number", StringValue: "ten" } } },
      "InvalidParameterValueException",
      "Can't cast the value",
    ],
    [
      { MessageBody: "x", MessageAttributes: { "aws.a": { DataType: "String", StringValue: "b" } } },
      "InvalidParameterValueException",
      "Invalid message attribute name",
    ],
    [
      { MessageBody: "x", MessageSystemAttributes: { Other: { DataType: "String", StringValue: "b" } } },
      "InvalidParameterValueException",
      "Message system attribute name 'Other' is invalid.",
    ],
    [
      { MessageBody: "x", MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: "b" } } },
      "InvalidParameterValueException",
      "AWSTraceHeader",
    ],
  ])("refuses %j", async (input, code, text) => {
    const { on } = await setUp();
    await expect(on("SendMessage", input)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
    expect(await on("ReceiveMessage")).toEqual({});
  });

  test("takes a message of exactly the largest size, attributes counted, and none above it", async () => {
    const { on } = await setUp();
    const MessageAttributes = { kind: { DataType: "String", StringValue: "ab" } };
    const rest = "kind".length + "String".length + "ab".length;
    const body = "x".repeat(1_048_576 - rest);
    await on("SendMessage", { MessageBody: body, MessageAttributes });
    await expect(on("SendMessage", { MessageBody: `${body}x`, MessageAttributes })).rejects.toMatchObject({
      code: "InvalidParameterValueException",
      queryCode: "InvalidParameterValue",
      message: "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    });
  });
});

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
describe("batches", () => {
  const entries = (count: number) => Array.from({ length: count }, (_, n) => ({ Id: `m${n}`, MessageBody: `${n}` }));

  test("send, change and delete entry by entry; a bad entry fails alone", async () => {
    const { on } = await setUp();
    const sent = await on("SendMessageBatch", { Entries: [...entries(2), { Id: "bad", MessageBody: "\u0001" }] });
    expect(sent.Successful.map(({ Id }: { Id: string }) => Id)).toEqual(["m0", "m1"]);
    expect(sent.Failed).toEqual([
      { Id: "bad", SenderFault: true, Code: "InvalidMessageContents", Message: expect.any(String) },
    ]);
    const { Messages } = await on("ReceiveMessage", { MaxNumberOfMessages: 10 });
    const handles = Messages.map(({ ReceiptHandle }: { ReceiptHandle: string }, n: number) => ({
      Id: `${n}`,
      ReceiptHandle,
    }));
    const withTimeout = handles.map((handle: object) => ({ ...handle, VisibilityTimeout: 100 }));
    expect((await on("ChangeMessageVisibilityBatch", { Entries: withTimeout })).Successful).toHaveLength(2);
    const deleted = await on("DeleteMessageBatch", { Entries: [...handles, { Id: "no", ReceiptHandle: "nonsense" }] });
    expect(deleted.Successful).toEqual([{ Id: "0" }, { Id: "1" }]);
    expect(deleted.Failed).toEqual([expect.objectContaining({ Id: "no", Code: "ReceiptHandleIsInvalid" })]);
  });

  test.each([
    [[], "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."],
    [entries(20), "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 20."],
    [[...entries(1), ...entries(1)], "BatchEntryIdsNotDistinct", "Id m0 repeated."],
    [[{ Id: "a b", MessageBody: "x" }], "InvalidBatchEntryId", "alphanumeric"],
    [
      ["a", "b"].map((Id) => ({ Id, MessageBody: "x".repeat(Id === "a" ? 1_048_576 : 1) })),
      "BatchRequestTooLong",
      "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    ],
  ])("refuse a whole batch that is wrong (%#)", async (Entries, code, text) => {
    const { on } = await setUp();
    await expect(on("SendMessageBatch", { Entries })).rejects.toMatchObject({
      code,
      queryCode: `AWS.SimpleQueueService.${code}`,
      message: expect.stringContaining(text),
    });
  });
});

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
describe("ReceiveMessage", () => {
  test("returns the attributes that were asked for", async () => {
    const { on } = await setUp();
    const text = (StringValue: string) => ({ DataType: "String", StringValue });
    const MessageAttributes = {
      "a.one": text("1"),
      "a.two": text("2"),
      b: { DataType: "Binary", BinaryValue: "AAEC" },
    };
    await on("SendMessage", { MessageBody: "x", MessageAttributes }, { traceHeader: TRACE });
    const read = async (input: object) => (await on("ReceiveMessage", { VisibilityTimeout: 0, ...input })).Messages[0];
    expect(await read({})).toEqual({
      MessageId: expect.any(String),
      ReceiptHandle: expect.any(String),
      Body: "x",
      MD5OfBody: "9dd4e461268c8034f5c8564e155c67a6",
    });
    expect((await read({ MessageAttributeNames: ["a.*"] })).MessageAttributes).toEqual({
      "a.one": MessageAttributes["a.one"],
      "a.two": MessageAttributes["a.two"],
    });
    const all = await read({ MessageAttributeNames: ["All"], AttributeNames: ["All"] });
    expect(all.MessageAttributes).toEqual(MessageAttributes);
    expect(all.Attributes).toEqual({
      AWSTraceHeader: TRACE,
      ApproximateReceiveCount: "3",
      ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
      SentTimestamp: expect.stringMatching(/^\d{13}$/),
      SenderId: "123456789012",
    });
    const named = await read({ MessageSystemAttributeNames: ["AWSTraceHeader"] });
    expect(named.Attributes).toEqual({ AWSTraceHeader: TRACE });
  });

  // https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html
  test("prefers the trace header of the message to the caller's, and drops one that is not valid", async () => {
    const { on } = await setUp();
    const other = "Root=1-00000000-000000000000000000000000";
    const MessageSystemAttributes = { AWSTraceHeader: { DataType: "String", StringValue: TRACE } };
    await on("SendMessage", { MessageBody: "1", MessageSystemAttributes }, { traceHeader: other });
    await on("SendMessage", { MessageBody: "2" }, { traceHeader: "rubbish" });
    const { Messages } = await on("ReceiveMessage", { MaxNumberOfMessages: 10, AttributeNames: ["AWSTraceHeader"] });
    expect(Messages.map(({ Attributes }: { Attributes?: object }) => Attributes)).toEqual([
      { AWSTraceHeader: TRACE },
      undefined,
    ]);
  });

  test.each([
    [
      { MaxNumberOfMessages: 11 },
      "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
    ],
    [
      { WaitTimeSeconds: 21 },
      "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be between 0 and 20, if provided.",
    ],
    [{ VisibilityTimeout: 43_201 }, "Value 43201 for parameter VisibilityTimeout"],
    [{ AttributeNames: ["Foo"] }, "Unknown Attribute Foo."],
  ])("refuses %j", async (input, text) => {
    const { on } = await setUp();
    await expect(on("ReceiveMessage", input)).rejects.toThrow(text);
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
  test("hides a message while it is in flight and counts its receives", async () => {
    const { on } = await setUp({ scale: 20 });
    await on("SendMessage", { MessageBody: "x" });
    const names = { AttributeNames: ["ApproximateReceiveCount"] };
    await on("ReceiveMessage", { VisibilityTimeout: 10 });
    expect(await on("ReceiveMessage")).toEqual({});
    const again = await on("ReceiveMessage", { WaitTimeSeconds: 20, ...names });
    expect(again.Messages[0].Attributes).toEqual({ ApproximateReceiveCount: "2" });
  });

  test("deletes with the receipt handle of an earlier receive, and twice", async () => {
    const { on } = await setUp();
    await on("SendMessage", { MessageBody: "x" });
    const first = await on("ReceiveMessage", { VisibilityTimeout: 0 });
    await on("ReceiveMessage", { VisibilityTimeout: 0 });
    const { ReceiptHandle } = first.Messages[0];
    await on("DeleteMessage", { ReceiptHandle });
    await on("DeleteMessage", { ReceiptHandle });
    expect(await on("ReceiveMessage")).toEqual({});
    await expect(on("DeleteMessage", { ReceiptHandle: "garbage" })).rejects.toMatchObject({
      code: "ReceiptHandleIsInvalid",
      message: 'The input receipt handle "garbage" is not a valid receipt handle.',
    });
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
  test("ChangeMessageVisibility shows a message at once, and refuses one that is not in flight or gone", async () => {
    const { on } = await setUp();
    await on("SendMessage", { MessageBody: "x" });
    const { ReceiptHandle } = (await on("ReceiveMessage")).Messages[0];
    const change = (VisibilityTimeout: number) => on("ChangeMessageVisibility", { ReceiptHandle, VisibilityTimeout });
    await expect(change(43_201)).rejects.toMatchObject({ code: "InvalidParameterValueException" });
    await change(0);
    await expect(change(10)).rejects.toMatchObject({
      code: "MessageNotInflight",
      queryCode: "AWS.SimpleQueueService.MessageNotInflight",
    });
    expect((await on("ReceiveMessage")).Messages).toHaveLength(1);
    await on("DeleteMessage", { ReceiptHandle });
    await expect(change(10)).rejects.toThrow(
      "Message does not exist or is not available for visibility timeout change.",
    );
  });
});

describe("long polls", () => {
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
  test("are woken by a message, and every message goes to one of them", async () => {
    const { on } = await setUp();
    const polls = ["a", "b"].map(() => on("ReceiveMessage", { WaitTimeSeconds: 20 }));
    await on("SendMessage", { MessageBody: "1" });
    await on("SendMessage", { MessageBody: "2" });
    const bodies = (await Promise.all(polls)).map(({ Messages }) => Messages[0].Body);
    expect(bodies.sort()).toEqual(["1", "2"]);
  });

  test("end empty when their time is over", async () => {
    const { on } = await setUp({ scale: 1000 });
    expect(await on("ReceiveMessage", { WaitTimeSeconds: 20 })).toEqual({});
  });

  test("end at once when the caller goes away, and take no message with them", async () => {
    const { on } = await setUp();
    const caller = new AbortController();
    const poll = on("ReceiveMessage", { WaitTimeSeconds: 20 }, { signal: caller.signal });
    caller.abort();
    expect(await poll).toEqual({});
    await on("SendMessage", { MessageBody: "x" });
    expect(await on("ReceiveMessage", {}, { signal: caller.signal })).toEqual({});
    expect((await on("ReceiveMessage")).Messages).toHaveLength(1);
  });

  test("end when the twin stops", async () => {
    const { on, sqs } = await setUp();
    const poll = on("ReceiveMessage", { WaitTimeSeconds: 20 });
    await sqs.stop?.();
    expect(await poll).toEqual({});
  });
});

test("every message that is sent is received exactly once while nothing times out", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 10 }), { maxLength: 12 }), async (receives) => {
      const { on } = await setUp();
      const sent = new Set<string>();
      for (let n = 0; n < 30; n += 1) sent.add((await on("SendMessage", { MessageBody: `${n}` })).MessageId);
      const received: string[] = [];
      for (const max of [...receives, 10, 10, 10]) {
        const { Messages = [] } = await on("ReceiveMessage", { MaxNumberOfMessages: max });
        received.push(...Messages.map(({ MessageId }: { MessageId: string }) => MessageId));
      }
      expect(received).toHaveLength(30);
      expect(new Set(received)).toEqual(sent);
    }),
    { numRuns: 25 },
  );
});
