import { afterEach, describe, expect, test } from "@jest/globals";
import { ADMINISTRATOR } from "../kernel/kernel.ts";
import type { CallContext, Service } from "../kernel/service.ts";
import { testKernel } from "../testing.ts";
import { createSqs } from "./index.ts";

const started: Service[] = [];
afterEach(() => {
  for (const service of started.splice(0)) service.stop?.();
});

const TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
const arn = (name: string) => `arn:aws:sqs:us-east-1:123456789012:${name}`;

function service(scale = 1) {
  const kernel = testKernel(scale);
  const sqs = createSqs(kernel);
  kernel.register(sqs);
  started.push(sqs);
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the output that it asks for
  const on = (queue: string, operation: string, input: object = {}, context: Partial<CallContext> = {}): Promise<any> =>
    kernel.call(
      "sqs",
      operation,
      { QueueUrl: `/123456789012/${queue}`, ...input },
      { principal: ADMINISTRATOR, ...context },
    );
  return { sqs, on };
}

async function withDeadLetterQueue(scale = 1, maxReceiveCount = 1) {
  const { sqs, on } = service(scale);
  await on("dead", "CreateQueue", { QueueName: "dead" });
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn("dead"), maxReceiveCount });
  await on("jobs", "CreateQueue", { QueueName: "jobs", Attributes: { RedrivePolicy } });
  /** Sends a message and lets it fail until it lies in the dead-letter queue. */
  const bury = async (MessageBody: string, context: Partial<CallContext> = {}) => {
    const sent = await on("jobs", "SendMessage", { MessageBody }, context);
    for (let n = 0; n <= maxReceiveCount; n += 1) await on("jobs", "ReceiveMessage", { VisibilityTimeout: 0 });
    return sent;
  };
  const count = async (queue: string) =>
    Number(
      (await on(queue, "GetQueueAttributes", { AttributeNames: ["ApproximateNumberOfMessages"] })).Attributes
        .ApproximateNumberOfMessages,
    );
  return { sqs, on, bury, count };
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
describe("dead-letter queues", () => {
  test("take a message at the receive after the last allowed one, as it was", async () => {
    const { on, count } = await withDeadLetterQueue(1, 2);
    const MessageAttributes = { kind: { DataType: "String", StringValue: "a" } };
    const sent = await on("jobs", "SendMessage", { MessageBody: "x", MessageAttributes }, { traceHeader: TRACE });
    const receive = () => on("jobs", "ReceiveMessage", { VisibilityTimeout: 0 });
    expect((await receive()).Messages).toHaveLength(1);
    expect((await receive()).Messages).toHaveLength(1);
    expect(await count("dead")).toBe(0);
    expect(await receive()).toEqual({});
    const names = { AttributeNames: ["All"], MessageAttributeNames: ["All"] };
    const { Messages } = await on("dead", "ReceiveMessage", names);
    expect(Messages).toEqual([
      expect.objectContaining({
        MessageId: sent.MessageId,
        Body: "x",
        MessageAttributes,
        Attributes: expect.objectContaining({
          ApproximateReceiveCount: "3",
          AWSTraceHeader: TRACE,
          DeadLetterQueueSourceArn: arn("jobs"),
        }),
      }),
    ]);
  });

  test("wake their own long polls", async () => {
    const { on, bury } = await withDeadLetterQueue();
    const poll = on("dead", "ReceiveMessage", { WaitTimeSeconds: 20 });
    await bury("x");
    expect((await poll).Messages).toHaveLength(1);
  });

  test("count retention from the first sending", async () => {
    const { on, bury, count } = await withDeadLetterQueue(1000);
    await on("dead", "SetQueueAttributes", { Attributes: { MessageRetentionPeriod: "60" } });
    await bury("x");
    const startedAt = Date.now();
    while ((await count("dead")) > 0) {
      if (Date.now() - startedAt > 5000) throw new Error("the message never expired");
      await new Promise(setImmediate);
    }
    expect(await on("dead", "ReceiveMessage")).toEqual({});
  });
});

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
describe("delays", () => {
  test("hide a message, from the queue's delay or the message's own", async () => {
    const { on } = service(20);
    await on("jobs", "CreateQueue", { QueueName: "jobs", Attributes: { DelaySeconds: "900" } });
    await on("jobs", "SendMessage", { MessageBody: "later" });
    await on("jobs", "SendMessage", { MessageBody: "soon", DelaySeconds: 5 });
    const names = { AttributeNames: ["ApproximateNumberOfMessagesDelayed"] };
    expect((await on("jobs", "GetQueueAttributes", names)).Attributes).toEqual({
      ApproximateNumberOfMessagesDelayed: "2",
    });
    expect(await on("jobs", "ReceiveMessage")).toEqual({});
    const { Messages } = await on("jobs", "ReceiveMessage", { WaitTimeSeconds: 20, MaxNumberOfMessages: 10 });
    expect(Messages.map(({ Body }: { Body: string }) => Body)).toEqual(["soon"]);
  });
});

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
describe("message move tasks", () => {
  async function settled(on: ReturnType<typeof service>["on"], SourceArn: string) {
    for (;;) {
      const { Results } = await on("dead", "ListMessageMoveTasks", { SourceArn });
      if (!["RUNNING", "CANCELLING"].includes(Results[0].Status)) return Results[0];
      await new Promise(setImmediate);
    }
  }

  test("bring every message back to the queue it came from", async () => {
    const { on, bury, count } = await withDeadLetterQueue(100);
    await bury("one");
    await bury("two");
    const { TaskHandle } = await on("dead", "StartMessageMoveTask", { SourceArn: arn("dead") });
    expect(TaskHandle).toEqual(expect.any(String));
    expect(await settled(on, arn("dead"))).toEqual({
      Status: "COMPLETED",
      SourceArn: arn("dead"),
      ApproximateNumberOfMessagesMoved: 2,
      ApproximateNumberOfMessagesToMove: 2,
      StartedTimestamp: expect.any(Number),
    });
    expect(await count("dead")).toBe(0);
    const { Messages } = await on("jobs", "ReceiveMessage", { MaxNumberOfMessages: 10, AttributeNames: ["All"] });
    for (const { Attributes } of Messages) {
      expect(Attributes.ApproximateReceiveCount).toBe("1");
      expect(Attributes).not.toHaveProperty("DeadLetterQueueSourceArn");
    }
  });

  test("can be cancelled, keep to their rate, and run one at a time", async () => {
    const { on, bury, count } = await withDeadLetterQueue();
    await bury("x");
    const start = () => on("dead", "StartMessageMoveTask", { SourceArn: arn("dead"), MaxNumberOfMessagesPerSecond: 1 });
    const { TaskHandle } = await start();
    await expect(start()).rejects.toMatchObject({
      queryCode: "InvalidParameterValue",
      message:
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    });
    expect(await on("dead", "CancelMessageMoveTask", { TaskHandle })).toEqual({ ApproximateNumberOfMessagesMoved: 0 });
    expect(await settled(on, arn("dead"))).toMatchObject({ Status: "CANCELLED" });
    expect(await count("dead")).toBe(1);
  });

  test("fail for a message that was sent to the dead-letter queue directly, and leave it there", async () => {
    const { on, count } = await withDeadLetterQueue(100);
    await on("dead", "SendMessage", { MessageBody: "x" });
    await on("dead", "StartMessageMoveTask", { SourceArn: arn("dead") });
    expect(await settled(on, arn("dead"))).toMatchObject({
      Status: "FAILED",
      FailureReason: "CouldNotDetermineMessageSource",
    });
    expect(await count("dead")).toBe(1);
  });

  test.each([
    [
      { SourceArn: arn("jobs") },
      "InvalidParameterValueException",
      "Source queue must be configured as a Dead Letter Queue.",
    ],
    [{ SourceArn: arn("none") }, "ResourceNotFoundException", "SourceArn parameter doesn't exist."],
    [
      { SourceArn: arn("dead"), DestinationArn: arn("none") },
      "ResourceNotFoundException",
      "DestinationArn parameter doesn't exist.",
    ],
    [
      { SourceArn: arn("dead"), MaxNumberOfMessagesPerSecond: 501 },
      "InvalidParameterValueException",
      "between 1 and 500",
    ],
  ])("refuse %j", async (input, code, text) => {
    const { on } = await withDeadLetterQueue();
    await expect(on("dead", "StartMessageMoveTask", input)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
  });

  test("refuse handles that are none, or of no running task", async () => {
    const { on } = await withDeadLetterQueue();
    await expect(on("dead", "CancelMessageMoveTask", { TaskHandle: "x" })).rejects.toThrow(
      "Value for parameter TaskHandle is invalid.",
    );
    const TaskHandle = Buffer.from(JSON.stringify({ taskId: "1", sourceArn: arn("dead") })).toString("base64");
    await expect(on("dead", "CancelMessageMoveTask", { TaskHandle })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
      status: 404,
      message: "Task does not exist.",
    });
  });
});

describe("a restart", () => {
  test("keeps messages; those in flight are visible again, delayed ones stay delayed", async () => {
    const before = await withDeadLetterQueue(1, 3);
    await before.on("jobs", "SendMessage", { MessageBody: "in flight" }, { traceHeader: TRACE });
    await before.on("jobs", "ReceiveMessage", { VisibilityTimeout: 600 });
    await before.on("jobs", "SendMessage", { MessageBody: "visible" });
    await before.on("jobs", "SendMessage", { MessageBody: "delayed", DelaySeconds: 900 });
    await before.sqs.stop?.();
    const state = JSON.parse(JSON.stringify(before.sqs.snapshot?.()));
    const after = service();
    await after.sqs.restore?.(state);
    const input = { MaxNumberOfMessages: 10, AttributeNames: ["All"], VisibilityTimeout: 0 };
    const { Messages } = await after.on("jobs", "ReceiveMessage", input);
    expect(Messages.map(({ Body }: { Body: string }) => Body).sort()).toEqual(["in flight", "visible"]);
    const inFlight = Messages.find(({ Body }: { Body: string }) => Body === "in flight");
    expect(inFlight.Attributes).toMatchObject({ ApproximateReceiveCount: "2", AWSTraceHeader: TRACE });
    const names = { AttributeNames: ["RedrivePolicy", "ApproximateNumberOfMessagesDelayed"] };
    expect((await after.on("jobs", "GetQueueAttributes", names)).Attributes).toEqual({
      RedrivePolicy: expect.stringContaining(arn("dead")),
      ApproximateNumberOfMessagesDelayed: "1",
    });
  });
});
