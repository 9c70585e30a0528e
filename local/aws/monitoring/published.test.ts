import { afterEach, describe, expect, test } from "@jest/globals";
import { harness as eventsHarness } from "../events/harness.ts";
import { ADMINISTRATOR, Kernel } from "../kernel/kernel.ts";
import { createHarness } from "../lambda/harness.ts";
import { createSqs } from "../sqs/index.ts";
import { bench, only } from "../states/testing.ts";
import { allowAll, eventually, manualClock } from "../testing.ts";
import { createMonitoring } from "./index.ts";

// What AWS publishes by itself, from the services that do it.
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** The statistics of a metric over the last day, or undefined without data. */
async function statistics(kernel: Kernel, Namespace: string, MetricName: string, dimensions: Record<string, string>) {
  const now = kernel.clock.now() / 1000;
  const { Datapoints } = await kernel.call(
    "monitoring",
    "GetMetricStatistics",
    {
      ...{ Namespace, MetricName, Period: 86_400, StartTime: now - 86_400, EndTime: now + 60 },
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      Statistics: ["Sum", "Maximum", "SampleCount"],
    },
    { principal: ADMINISTRATOR },
  );
  return Datapoints.at(-1);
}

describe("a queue", () => {
  function queue() {
    const clock = manualClock(Date.UTC(2026, 0, 5, 12));
    const kernel = new Kernel(clock, allowAll());
    kernel.origin = "http://127.0.0.1:1";
    for (const service of [createMonitoring(kernel), createSqs(kernel)]) kernel.register(service);
    // biome-ignore lint/suspicious/noExplicitAny: AWS's answers have no types of their own here
    const call = (operation: string, input: object = {}): Promise<any> =>
      kernel.call("sqs", operation, { QueueUrl: "/1/jobs", ...input }, { principal: ADMINISTRATOR });
    const latest = async (name: string) =>
      (await statistics(kernel, "AWS/SQS", name, { QueueName: "jobs" }))?.Maximum as number | undefined;
    const sum = async (name: string) =>
      (await statistics(kernel, "AWS/SQS", name, { QueueName: "jobs" }))?.Sum as number | undefined;
    return { clock, call, latest, sum, create: () => call("CreateQueue", { QueueName: "jobs" }) };
  }

  test("counts what is sent, received and deleted", async () => {
    const { call, sum, create } = queue();
    await create();
    const Entries = ["a", "b", "c"].map((Id) => ({ Id, MessageBody: Id }));
    await call("SendMessageBatch", { Entries });
    const { Messages } = await call("ReceiveMessage", { MaxNumberOfMessages: 2 });
    await call("DeleteMessage", { ReceiptHandle: Messages[0].ReceiptHandle });
    const names = ["NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted"];
    expect(await Promise.all(names.map(sum))).toEqual([3, 2, 1]);
  });

  test("tells its depth and the age of its oldest message, waiting or in flight", async () => {
    const { call, clock, latest, create } = queue();
    await create();
    expect(await latest("ApproximateAgeOfOldestMessage")).toBeUndefined();
    await call("SendMessage", { MessageBody: "old" });
    clock.advance(90_000);
    await call("SendMessage", { MessageBody: "new" });
    await call("ReceiveMessage");
    expect(await latest("ApproximateNumberOfMessagesVisible")).toBe(1);
    expect(await latest("ApproximateNumberOfMessagesNotVisible")).toBe(1);
    expect(await latest("ApproximateAgeOfOldestMessage")).toBe(90);
  });

  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
  test("does not count a message that was received more than three times", async () => {
    const { call, clock, latest, create } = queue();
    await create();
    await call("SendMessage", { MessageBody: "poison" });
    for (let n = 0; n < 4; n += 1) await call("ReceiveMessage", { VisibilityTimeout: 0 });
    clock.advance(120_000);
    expect(await latest("ApproximateAgeOfOldestMessage")).toBeUndefined();
    await call("SendMessage", { MessageBody: "good" });
    clock.advance(30_000);
    expect(await latest("ApproximateAgeOfOldestMessage")).toBe(30);
  });
});

test("a function's invocations, errors, durations, throttles and concurrency", async () => {
  const harness = createHarness();
  ends.push(harness.stop);
  harness.kernel.register(createMonitoring(harness.kernel));
  const source = "exports.handler = async (event) => { if (event.fail) throw new Error('no'); };";
  await harness.deployFunction("work", source, { Timeout: 7 });
  await harness.invoke("work");
  await harness.invoke("work", { fail: true });
  await harness.call("lambda", "PutFunctionConcurrency", { FunctionName: "work", ReservedConcurrentExecutions: 0 });
  await expect(harness.invoke("work")).rejects.toMatchObject({ code: "TooManyRequestsException" });
  const of = (name: string) => statistics(harness.kernel, "AWS/Lambda", name, { FunctionName: "work" });
  expect([await of("Invocations"), await of("Errors"), await of("Throttles")]).toMatchObject([
    { Sum: 2, Unit: "Count" },
    { Sum: 1 },
    { Sum: 1 },
  ]);
  expect(await of("Duration")).toMatchObject({ SampleCount: 2, Unit: "Milliseconds" });
  expect((await of("Duration")).Maximum).toBeLessThan(7000);
  expect(await of("ConcurrentExecutions")).toMatchObject({ Maximum: 1 });
});

test("a state machine's runs, by how they ended", async () => {
  const { kernel, api, machine, ended } = bench();
  kernel.register(createMonitoring(kernel));
  const definition = {
    StartAt: "Choose",
    States: {
      Choose: {
        Type: "Choice",
        Choices: [{ Condition: "{% $states.input.wait %}", Next: "Wait" }],
        Default: "Decide",
      },
      Decide: { Type: "Choice", Choices: [{ Condition: "{% $states.input.fail %}", Next: "No" }], Default: "Yes" },
      Wait: { Type: "Wait", Seconds: 1_000_000, End: true },
      Yes: { Type: "Succeed" },
      No: { Type: "Fail", Error: "No" },
    },
  };
  const stateMachineArn = await machine(definition);
  const start = async (input: object) =>
    (await api("StartExecution", { stateMachineArn, input: JSON.stringify(input) })).executionArn;
  await ended(await start({ wait: false, fail: false }));
  await ended(await start({ wait: false, fail: true }));
  const stopped = await start({ wait: true });
  await api("StopExecution", { executionArn: stopped });
  await ended(stopped);
  const names = ["Started", "Succeeded", "Failed", "Aborted", "TimedOut"];
  const counts = names.map(async (name) => {
    const found = await statistics(kernel, "AWS/States", `Executions${name}`, { StateMachineArn: stateMachineArn });
    return found?.Sum;
  });
  expect(await Promise.all(counts)).toEqual([3, 1, 1, 1, undefined]);
});

test("a run that is over its time", async () => {
  const { kernel, machine, api, ended } = bench([], { scale: 1 });
  kernel.register(createMonitoring(kernel));
  const stateMachineArn = await machine({ ...only({ Type: "Wait", Seconds: 100 }), TimeoutSeconds: 1 });
  await ended((await api("StartExecution", { stateMachineArn, input: "{}" })).executionArn);
  const found = await statistics(kernel, "AWS/States", "ExecutionsTimedOut", { StateMachineArn: stateMachineArn });
  expect(found).toMatchObject({ Sum: 1, Unit: "Count" });
});

test("a rule's deliveries", async () => {
  const events = await eventsHarness(1000);
  ends.push(events.stop);
  events.kernel.register(createMonitoring(events.kernel));
  await events.ruleToQueue("good");
  await events.call("PutEvents", { Entries: [{ Source: "test", DetailType: "x", Detail: "{}" }] });
  await events.next("good");
  const rules = (await events.call("ListRules")).Rules.map(({ Name }: { Name: string }) => Name);
  const delivered = () => statistics(events.kernel, "AWS/Events", "Invocations", { RuleName: rules[0] });
  expect(await eventually(delivered)).toMatchObject({ Sum: 1 });
});
