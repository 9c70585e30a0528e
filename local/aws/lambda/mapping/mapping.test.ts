import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createHarness, eventually, type Harness, type HarnessOptions } from "../harness.ts";

const QUEUE = "arn:aws:sqs:us-east-1:123456789012:inbox";
/** Logs the bodies of each batch as one line. */
const LOGS = `export const handler = async ({ Records }) => console.log("batch", JSON.stringify(Records.map((r) => r.body)))`;

/** The functions' work is real: at this scale a visibility timeout of 30 s leaves them 600 ms. */
const SCALE = 50;

let twin: Harness;
afterEach(() => twin.stop());

async function begin(
  source: string,
  mapping: object = {},
  options: HarnessOptions & { fn?: object; queue?: object } = {},
) {
  const { fn = {}, queue = {}, ...harness } = options;
  twin = createHarness({ scale: SCALE, ...harness });
  await twin.deployQueue("inbox", queue);
  await twin.deployFunction("consumer", source, fn);
  const properties = { EventSourceArn: QUEUE, FunctionName: "consumer", ...mapping };
  const { ref } = await twin.deploy("AWS::Lambda::EventSourceMapping", properties);
  await twin.start();
  return ref;
}

const send = (...bodies: string[]) =>
  twin.call("sqs", "SendMessageBatch", {
    QueueUrl: "inbox",
    Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
  });

const batches = () =>
  twin.logLines().flatMap((line) => {
    const json = /\tbatch (.*)$/.exec(line)?.[1];
    return json ? [JSON.parse(json) as unknown[]] : [];
  });

async function counts(): Promise<{ waiting: number; hidden: number }> {
  const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
  const { Attributes } = await twin.call("sqs", "GetQueueAttributes", { QueueUrl: "inbox", AttributeNames });
  return {
    waiting: Number(Attributes.ApproximateNumberOfMessages),
    hidden: Number(Attributes.ApproximateNumberOfMessagesNotVisible),
  };
}

const receives = () => twin.activities.filter(({ operation }) => operation === "ReceiveMessage").length;

const empty = () =>
  eventually(async () => {
    const { waiting, hidden } = await counts();
    return waiting + hidden === 0 ? true : undefined;
  });

const state = (uuid: string) => twin.call("lambda", "GetEventSourceMapping", { UUID: uuid });

// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
describe("a batch", () => {
  test.each([
    ["once when it ends well", "0", [["1"]]],
    ["again when it is killed", "1", [["1"], ["2"]]],
  ])(
    "stays hidden while the function works, however much time is skipped: it is worked %s",
    async (_what, fatal, runs) => {
      const release = Promise.withResolvers<void>();
      const server = createServer((_, response) => void release.promise.then(() => response.end()))
        .listen(0)
        .unref();
      const { port } = server.address() as AddressInfo;
      await begin(`export const handler = async ({ Records }) => {
        const counts = Records.map((r) => r.attributes.ApproximateReceiveCount);
        console.log("batch", JSON.stringify(counts));
        await fetch("http://127.0.0.1:${port}");
        if (counts[0] === "${fatal}") process.exit(1);
      }`);
      await send("a");
      await once(server, "request");
      twin.activities.length = 0;
      twin.kernel.clock.advance(3_600_000);
      // Whoever could see the message would have got it by now.
      await eventually(() => (receives() > 1 ? true : undefined));
      expect(twin.kernel.underWay("lambda", "Invoke")).toBe(1);
      release.resolve();
      await empty();
      expect(batches()).toEqual(runs);
      server.close();
    },
  );

  test("reaches the function as records and is deleted after it", async () => {
    await begin(
      `export const handler = async (event) => console.log("batch", JSON.stringify([event, process.env._X_AMZN_TRACE_ID]))`,
    );
    const header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    await twin.call("sqs", "SendMessage", {
      QueueUrl: "inbox",
      MessageBody: "hello",
      MessageAttributes: { kind: { DataType: "String", StringValue: "greeting" } },
      MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: header } },
    });
    await empty();
    const [event, trace] = (await eventually(() => batches()[0])) as [{ Records: object[] }, string];
    expect(event.Records).toEqual([
      {
        messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        receiptHandle: expect.any(String),
        body: "hello",
        attributes: {
          ApproximateReceiveCount: "1",
          SentTimestamp: expect.stringMatching(/^\d+$/),
          SenderId: expect.any(String),
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d+$/),
          AWSTraceHeader: header,
        },
        messageAttributes: {
          kind: { stringValue: "greeting", stringListValues: [], binaryListValues: [], dataType: "String" },
        },
        md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
        md5OfBody: "5d41402abc4b2a76b9719d911017c592",
        eventSource: "aws:sqs",
        eventSourceARN: QUEUE,
        awsRegion: "us-east-1",
      },
    ]);
    // The invocation has a trace of its own; the message's travels in its attributes.
    expect(trace).toMatch(/^Root=1-/);
    expect(trace).not.toContain("bd862e3fe1be46a994272793");
  });

  test("of a full size does not wait for the window", async () => {
    await begin(LOGS, { BatchSize: 3, MaximumBatchingWindowInSeconds: 300 }, { scale: 1 });
    await send("a", "b", "c");
    expect((await eventually(() => batches()[0]))?.length).toBe(3);
  });

  test("gathers what comes within the window, counted from the first message", async () => {
    await begin(LOGS, { BatchSize: 100, MaximumBatchingWindowInSeconds: 30 }, { queue: { VisibilityTimeout: 600 } });
    const since = Date.now();
    for (const body of ["a", "b", "c"]) await send(body);
    expect(await eventually(() => batches()[0])).toEqual(["a", "b", "c"]);
    const invoke = twin.activities.find(({ operation }) => operation === "Invoke");
    expect((invoke?.at ?? 0) - since).toBeGreaterThanOrEqual(590);
    expect((invoke?.at ?? 0) - since).toBeLessThan(1000);
  });

  test("without a window begins within milliseconds of the message", async () => {
    await begin(LOGS, {}, { scale: 1 });
    await send("warm up");
    await empty();
    const since = Date.now();
    await send("now");
    await empty();
    const invoke = twin.activities.filter(({ operation }) => operation === "Invoke").at(-1);
    expect((invoke?.at ?? 0) - since).toBeLessThan(50);
  });

  test("ends at 6 MB", async () => {
    const source = `export const handler = async ({ Records }) => console.log("batch", Records.length)`;
    await begin(
      source,
      { BatchSize: 100, MaximumBatchingWindowInSeconds: 100 },
      { queue: { VisibilityTimeout: 3600 } },
    );
    for (let index = 0; index < 8; index += 1) await send("x".repeat(1_000_000));
    await empty();
    expect(await eventually(() => (batches().length === 2 ? batches() : undefined))).toEqual([6, 2]);
  });
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
describe("a batch that fails", () => {
  const FAIL_ONCE = `const seen = new Set(); export const handler = async ({ Records }) => {
    console.log("batch", JSON.stringify(Records.map((r) => r.body + r.attributes.ApproximateReceiveCount)));
    const failed = Records.filter((r) => r.body.startsWith("bad") && !seen.has(r.body));
    for (const { body } of failed) seen.add(body);`;

  test("comes back whole after the visibility timeout", async () => {
    await begin(`${FAIL_ONCE} if (failed.length) throw new Error("no") }`);
    await send("bad", "good");
    await empty();
    expect(batches().flat().sort()).toEqual(["bad1", "bad2", "good1", "good2"]);
  });

  test("leaves only the reported messages on the queue", async () => {
    const answer = "return { batchItemFailures: failed.map((r) => ({ itemIdentifier: r.messageId })) } }";
    const mapping = { FunctionResponseTypes: ["ReportBatchItemFailures"] };
    await begin(FAIL_ONCE + answer, mapping);
    await send("bad", "good");
    await empty();
    expect(batches().flat().sort()).toEqual(["bad1", "bad2", "good1"]);
  });

  test("is deleted when the mapping does not ask for reports", async () => {
    await begin("export const handler = async () => ({ batchItemFailures: [{ itemIdentifier: 'x' }] })");
    await send("a");
    await empty();
  });

  test("goes to the dead-letter queue after its tries", async () => {
    twin = createHarness({ scale: SCALE });
    await twin.deployQueue("dead");
    const deadLetterTargetArn = "arn:aws:sqs:us-east-1:123456789012:dead";
    await twin.deployQueue("inbox", { RedrivePolicy: { deadLetterTargetArn, maxReceiveCount: 2 } });
    await twin.deployFunction("consumer", "export const handler = async () => { throw new Error('never') }");
    await twin.deploy("AWS::Lambda::EventSourceMapping", { EventSourceArn: QUEUE, FunctionName: "consumer" });
    await twin.start();
    await send("poison");
    const dead = await eventually(async () => {
      const { Messages } = await twin.call("sqs", "ReceiveMessage", { QueueUrl: "dead" });
      return Messages?.[0].Body as string | undefined;
    });
    expect(dead).toBe("poison");
    expect(twin.activities.filter(({ operation }) => operation === "Invoke")).toHaveLength(2);
  });
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
describe("concurrency", () => {
  const SLOW = `export const handler = async () => new Promise((done) => setTimeout(done, 300))`;

  test("at its maximum stops reading, so that messages keep their receive count", async () => {
    await begin(SLOW, { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } }, { scale: 1 });
    await send("1", "2", "3", "4", "5");
    const { hidden, waiting } = await eventually(async () => {
      const now = await counts();
      return now.hidden === 2 ? now : undefined;
    });
    expect([hidden, waiting]).toEqual([2, 3]);
    await empty();
  });

  test("reserved below it is throttled and tried again", async () => {
    await begin(LOGS, { BatchSize: 1 }, { fn: { ReservedConcurrentExecutions: 1 } });
    await send("1", "2", "3");
    await empty();
    expect(batches().flat().sort()).toEqual(["1", "2", "3"]);
  });
});

describe("a mapping", () => {
  test("drops messages that its filters do not let through", async () => {
    const Filters = [{ Pattern: '{"body":{"kind":["created"]}}' }];
    await begin(LOGS, { FilterCriteria: { Filters } });
    await send('{"kind":"gone"}', '{"kind":"created"}', "plain");
    await empty();
    expect(await eventually(() => batches()[0])).toEqual(['{"kind":"created"}']);
    expect(batches()).toHaveLength(1);
  });

  test("without the permission to read is disabled, says why, and shows the refused call", async () => {
    const uuid = await begin(LOGS, {}, { denied: ["sqs:ReceiveMessage"] });
    const disabled = await eventually(async () => {
      const found = await state(uuid);
      return found.State === "Disabled" ? found : undefined;
    });
    expect(disabled.StateTransitionReason).toMatch(/^AccessDeniedException: User: .* sqs:ReceiveMessage/);
    const refused = twin.activities.filter(({ error }) => error);
    expect(refused).toMatchObject([{ service: "sqs", operation: "ReceiveMessage" }]);
  });

  test("can be switched off and on again", async () => {
    const uuid = await begin(LOGS);
    const update = (input: object) => twin.call("lambda", "UpdateEventSourceMapping", { UUID: uuid, ...input });
    expect(await update({ Enabled: false })).toMatchObject({ State: "Disabled" });
    await send("later");
    expect(await counts()).toEqual({ waiting: 1, hidden: 0 });
    expect(await update({ Enabled: true })).toMatchObject({ State: "Enabled" });
    await empty();
    await expect(update({ BatchSize: 5 })).rejects.toMatchObject({ code: "InvalidParameterValueException" });
    await expect(state("absent")).rejects.toMatchObject({ code: "ResourceNotFoundException", status: 404 });
  });

  test("made with Enabled false reads nothing", async () => {
    const uuid = await begin(LOGS, { Enabled: false });
    await send("waits");
    expect(await counts()).toEqual({ waiting: 1, hidden: 0 });
    expect(await state(uuid)).toMatchObject({ State: "Disabled", BatchSize: 10, EventSourceArn: QUEUE });
    const listed = await twin.call("lambda", "ListEventSourceMappings", { FunctionName: "consumer" });
    expect(listed.EventSourceMappings).toHaveLength(1);
  });

  test("goes on after the queue answered with an error", async () => {
    await begin(LOGS, { Enabled: false });
    const error = Object.assign(new Error("try again"), { code: "InternalError", status: 500 });
    twin.kernel.faults.push({ service: "sqs", operation: "ReceiveMessage", times: 2, error: error as never });
    const [mapping] = (await twin.call("lambda", "ListEventSourceMappings", {})).EventSourceMappings;
    await twin.call("lambda", "UpdateEventSourceMapping", { UUID: mapping.UUID, Enabled: true });
    await send("through");
    await empty();
  });

  test.each([
    ["a batch beyond 10 without a window", { BatchSize: 11 }, /Maximum batch window/],
    ["a window beyond 300", { MaximumBatchingWindowInSeconds: 301 }, /MaximumBatchingWindowInSeconds/],
    ["a concurrency of 1", { ScalingConfig: { MaximumConcurrency: 1 } }, /MaximumConcurrency/],
    ["a missing queue", { EventSourceArn: `${QUEUE}-absent` }, /NonExistentQueue/],
    ["a stream", { EventSourceArn: "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/1" }, /reads queues only/],
    ["a missing function", { FunctionName: "absent" }, /Function not found/],
    ["an unknown response type", { FunctionResponseTypes: ["Other"] }, /Other/],
    ["a broken filter", { FilterCriteria: { Filters: [{ Pattern: "{" }] } }, /Invalid filter pattern definition/],
    ["an unknown member", { ScalingConfig: { Minimum: 1 } }, /ScalingConfig.Minimum/],
  ])("is refused: %s", async (_title, properties, message) => {
    twin = createHarness();
    await twin.deployQueue("inbox");
    await twin.deployFunction("consumer", LOGS);
    const wanted = { EventSourceArn: QUEUE, FunctionName: "consumer", ...properties };
    await expect(twin.deploy("AWS::Lambda::EventSourceMapping", wanted)).rejects.toThrow(message);
  });

  test("is refused on a queue whose messages reappear before the function has ended, and twice", async () => {
    twin = createHarness();
    await twin.deployQueue("inbox", { VisibilityTimeout: 10 });
    const wanted = { EventSourceArn: QUEUE, FunctionName: "consumer" };
    await twin.deployFunction("consumer", LOGS, { Timeout: 11 });
    await expect(twin.deploy("AWS::Lambda::EventSourceMapping", wanted)).rejects.toThrow(/visibility timeout: 10/);
    await twin.deployFunction("consumer", LOGS, { Timeout: 10 });
    await twin.deploy("AWS::Lambda::EventSourceMapping", wanted, "First");
    await expect(twin.deploy("AWS::Lambda::EventSourceMapping", wanted, "Second")).rejects.toThrow(/already exists/);
  });
});

test("changed while it gathers a batch delivers what it holds, rather than let it hide until it may be seen again", async () => {
  const mapping = { BatchSize: 100, MaximumBatchingWindowInSeconds: 300 };
  await begin(LOGS, mapping, { queue: { VisibilityTimeout: 3600 } });
  await send("held");
  await eventually(async () => ((await counts()).hidden === 1 ? true : undefined));
  await twin.deploy("AWS::Lambda::EventSourceMapping", {
    ...{ EventSourceArn: QUEUE, FunctionName: "consumer", BatchSize: 100 },
    MaximumBatchingWindowInSeconds: 1,
  });
  await empty();
  expect(batches()).toEqual([["held"]]);
});

test("stops while as many batches are in flight as it may have", async () => {
  const slow = `export const handler = () => { console.log("batch", "[]"); return new Promise(() => setTimeout(() => {}, 60000)); }`;
  await begin(slow, { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } }, { scale: 1 });
  await send("a", "b", "c");
  await eventually(() => (batches().length === 2 ? true : undefined));
  await twin.stop();
  expect((await counts()).waiting).toBe(1);
});
