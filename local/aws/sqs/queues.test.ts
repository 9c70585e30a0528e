import { afterEach, describe, expect, test } from "@jest/globals";
import { TemplateError } from "../kernel/errors.ts";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { Service, TemplateResource } from "../kernel/service.ts";
import { testKernel } from "../testing.ts";
import { createSqs } from "./index.ts";

const started: Service[] = [];
afterEach(() => {
  for (const service of started.splice(0)) service.stop?.();
});

function setUp(scale = 1) {
  const kernel = testKernel(scale);
  kernel.origin = "http://127.0.0.1:4566";
  const sqs = createSqs(kernel);
  kernel.register(sqs);
  started.push(sqs);
  return { kernel, sqs, call: caller(kernel) };
}

function caller(kernel: Kernel) {
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the output that it asks for
  return (operation: string, input: object): Promise<any> =>
    kernel.call("sqs", operation, input, { principal: ADMINISTRATOR });
}

function resource(properties: Record<string, unknown>, type = "AWS::SQS::Queue"): TemplateResource {
  return { logicalId: "Jobs", type, properties, stackName: "fleet-dev", artifacts: "" };
}

const provider = (sqs: Service, type: string) => {
  const found = sqs.resources?.find((candidate) => candidate.type === type);
  if (!found) throw new Error(`no provider for ${type}`);
  return found;
};

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
describe("CreateQueue", () => {
  test("answers with a URL on the twin's origin and the default attributes", async () => {
    const { call } = setUp();
    const { QueueUrl } = await call("CreateQueue", { QueueName: "jobs" });
    expect(QueueUrl).toBe("http://127.0.0.1:4566/123456789012/jobs");
    const { Attributes } = await call("GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] });
    expect(Attributes).toMatchObject({
      QueueArn: "arn:aws:sqs:us-east-1:123456789012:jobs",
      VisibilityTimeout: "30",
      MaximumMessageSize: "1048576",
      MessageRetentionPeriod: "345600",
      DelaySeconds: "0",
      ReceiveMessageWaitTimeSeconds: "0",
      ApproximateNumberOfMessages: "0",
    });
  });

  test("is idempotent with the same attributes and refuses other ones", async () => {
    const { call } = setUp();
    const first = await call("CreateQueue", { QueueName: "jobs", Attributes: { VisibilityTimeout: "60" } });
    expect(await call("CreateQueue", { QueueName: "jobs", Attributes: { VisibilityTimeout: "60" } })).toEqual(first);
    await expect(
      call("CreateQueue", { QueueName: "jobs", Attributes: { VisibilityTimeout: "61" } }),
    ).rejects.toMatchObject({
      code: "QueueNameExists",
      queryCode: "QueueAlreadyExists",
      message: "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
    });
  });

  test.each([
    [{ VisibilityTimeout: "43201" }, "InvalidAttributeValue"],
    [{ DelaySeconds: "-1" }, "InvalidAttributeValue"],
    [{ MessageRetentionPeriod: "59" }, "InvalidAttributeValue"],
    [{ MaximumMessageSize: "1048577" }, "InvalidAttributeValue"],
    [{ Policy: "not json" }, "InvalidAttributeValue"],
    [{ Nonsense: "1" }, "InvalidAttributeName"],
    [{ FifoQueue: "true" }, "UnsupportedOperation"],
    [{ RedrivePolicy: '{"maxReceiveCount":3}' }, "InvalidParameterValueException"],
    [
      { RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:none","maxReceiveCount":3}' },
      "InvalidParameterValueException",
    ],
    [{ RedriveAllowPolicy: '{"redrivePermission":"byQueue"}' }, "InvalidParameterValueException"],
  ])("refuses %j with %s", async (Attributes, code) => {
    const { call } = setUp();
    await expect(call("CreateQueue", { QueueName: "jobs", Attributes })).rejects.toMatchObject({ code });
    await expect(call("GetQueueUrl", { QueueName: "jobs" })).rejects.toMatchObject({ code: "QueueDoesNotExist" });
  });

  test.each(["a.b", "", "x".repeat(81), "jobs.fifo"])("refuses the name %j", async (QueueName) => {
    const { call } = setUp();
    await expect(call("CreateQueue", { QueueName })).rejects.toThrow();
  });

  test("waits 60 seconds before a deleted name can be used again", async () => {
    const { call } = setUp();
    const { QueueUrl } = await call("CreateQueue", { QueueName: "jobs" });
    await call("DeleteQueue", { QueueUrl });
    await expect(call("CreateQueue", { QueueName: "jobs" })).rejects.toMatchObject({ code: "QueueDeletedRecently" });
    await expect(call("SendMessage", { QueueUrl, MessageBody: "x" })).rejects.toMatchObject({
      code: "QueueDoesNotExist",
      queryCode: "AWS.SimpleQueueService.NonExistentQueue",
      message: "The specified queue does not exist.",
    });
  });
});

describe("other queue operations", () => {
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
  test("ListQueues filters by prefix and pages", async () => {
    const { call } = setUp();
    for (const name of ["a-1", "a-2", "a-3", "b-1"]) await call("CreateQueue", { QueueName: name });
    const first = await call("ListQueues", { QueueNamePrefix: "a-", MaxResults: 2 });
    expect(first.QueueUrls).toHaveLength(2);
    const rest = await call("ListQueues", { QueueNamePrefix: "a-", MaxResults: 2, NextToken: first.NextToken });
    expect(rest).toEqual({ QueueUrls: ["http://127.0.0.1:4566/123456789012/a-3"] });
    expect(await call("ListQueues", { QueueNamePrefix: "none" })).toEqual({});
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
  test("GetQueueAttributes answers only what was asked and refuses unknown names", async () => {
    const { call } = setUp();
    const { QueueUrl } = await call("CreateQueue", { QueueName: "jobs" });
    expect(await call("GetQueueAttributes", { QueueUrl, AttributeNames: ["VisibilityTimeout"] })).toEqual({
      Attributes: { VisibilityTimeout: "30" },
    });
    expect(await call("GetQueueAttributes", { QueueUrl })).toEqual({});
    await expect(call("GetQueueAttributes", { QueueUrl, AttributeNames: ["Foo"] })).rejects.toMatchObject({
      code: "InvalidAttributeName",
      message: "Unknown Attribute Foo.",
    });
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
  test("SetQueueAttributes changes nothing when one attribute is wrong", async () => {
    const { call } = setUp();
    const { QueueUrl } = await call("CreateQueue", { QueueName: "jobs" });
    const Attributes = { DelaySeconds: "5", VisibilityTimeout: "many" };
    await expect(call("SetQueueAttributes", { QueueUrl, Attributes })).rejects.toThrow();
    const names = ["DelaySeconds"];
    expect(await call("GetQueueAttributes", { QueueUrl, AttributeNames: names })).toEqual({
      Attributes: { DelaySeconds: "0" },
    });
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html
  test("PurgeQueue empties the queue once a minute", async () => {
    const { call } = setUp();
    const { QueueUrl } = await call("CreateQueue", { QueueName: "jobs" });
    await call("SendMessage", { QueueUrl, MessageBody: "one" });
    await call("SendMessage", { QueueUrl, MessageBody: "two", DelaySeconds: 900 });
    await call("PurgeQueue", { QueueUrl });
    expect(await call("ReceiveMessage", { QueueUrl })).toEqual({});
    await expect(call("PurgeQueue", { QueueUrl })).rejects.toMatchObject({ code: "PurgeQueueInProgress", status: 403 });
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html
  test("ListDeadLetterSourceQueues names the queues that point at a dead-letter queue", async () => {
    const { call } = setUp();
    const { QueueUrl } = await call("CreateQueue", { QueueName: "dead" });
    expect(await call("ListDeadLetterSourceQueues", { QueueUrl })).toEqual({ queueUrls: [] });
    const RedrivePolicy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":"3"}';
    const source = await call("CreateQueue", { QueueName: "jobs", Attributes: { RedrivePolicy } });
    expect(await call("ListDeadLetterSourceQueues", { QueueUrl })).toEqual({ queueUrls: [source.QueueUrl] });
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html
  test("RedriveAllowPolicy keeps other queues from using a dead-letter queue", async () => {
    const { call } = setUp();
    const RedriveAllowPolicy = '{"redrivePermission":"denyAll"}';
    await call("CreateQueue", { QueueName: "dead", Attributes: { RedriveAllowPolicy } });
    const RedrivePolicy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":3}';
    await expect(call("CreateQueue", { QueueName: "jobs", Attributes: { RedrivePolicy } })).rejects.toMatchObject({
      code: "InvalidParameterValueException",
    });
  });
});

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
describe("AWS::SQS::Queue and AWS::SQS::QueuePolicy", () => {
  test("make a queue with its policy, and update it when the template is deployed again", async () => {
    const { sqs, call } = setUp();
    const queues = provider(sqs, "AWS::SQS::Queue");
    const made = await queues.create(
      resource({ QueueName: "jobs", VisibilityTimeout: 180, SqsManagedSseEnabled: true }),
    );
    expect(made).toEqual({
      ref: "http://127.0.0.1:4566/123456789012/jobs",
      attributes: {
        Arn: "arn:aws:sqs:us-east-1:123456789012:jobs",
        QueueName: "jobs",
        QueueUrl: "http://127.0.0.1:4566/123456789012/jobs",
      },
    });
    const PolicyDocument = { Version: "2012-10-17", Statement: [] };
    await provider(sqs, "AWS::SQS::QueuePolicy").create(resource({ PolicyDocument, Queues: [made.ref] }));
    await call("SendMessage", { QueueUrl: made.ref, MessageBody: "kept" });
    const read = () => call("GetQueueAttributes", { QueueUrl: made.ref, AttributeNames: ["All"] });
    expect((await read()).Attributes).toMatchObject({
      VisibilityTimeout: "180",
      Policy: JSON.stringify(PolicyDocument),
    });
    await queues.create(resource({ QueueName: "jobs", VisibilityTimeout: 60 }));
    expect((await read()).Attributes).toMatchObject({ VisibilityTimeout: "60", ApproximateNumberOfMessages: "1" });
    expect((await read()).Attributes).not.toHaveProperty("Policy");
  });

  test("name an unnamed queue after stack and logical id, the same at every boot", async () => {
    const names = await Promise.all(
      [setUp(), setUp()].map(async ({ sqs }) => (await provider(sqs, "AWS::SQS::Queue").create(resource({}))).ref),
    );
    expect(names[0]).toMatch(/\/fleet-dev-Jobs-[0-9A-F]{12}$/);
    expect(names[1]).toBe(names[0]);
  });

  test.each([
    [{ FifoQueue: true }, /Jobs: FifoQueue: .*standard/],
    [{ QueueName: "jobs.fifo" }, /Jobs: QueueName: .*standard/],
    [{ VisibilityTimeout: 99_999 }, /Jobs: .*VisibilityTimeout/],
    [
      { RedrivePolicy: { deadLetterTargetArn: "arn:aws:sqs:us-east-1:123456789012:none", maxReceiveCount: 1 } },
      /Dead letter/,
    ],
  ])("refuse %j with the place in the template", async (properties, message) => {
    const { sqs } = setUp();
    const create = async () => provider(sqs, "AWS::SQS::Queue").create(resource(properties));
    await expect(create()).rejects.toThrow(message);
    await expect(create()).rejects.toThrow(TemplateError);
  });
});
