import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createHarness, eventually, type Harness } from "./harness.ts";

const ARN = "arn:aws:lambda:us-east-1:123456789012:function:work";
const QUEUE = "arn:aws:sqs:us-east-1:123456789012:results";
const FAILS = "export const handler = async () => { throw new TypeError('no') }";

let twin: Harness;
beforeEach(async () => {
  twin = createHarness({ scale: 5000 });
  await twin.start();
  await twin.deployQueue("results");
});
afterEach(() => twin.stop());

const configure = (properties: object) =>
  twin.deploy("AWS::Lambda::EventInvokeConfig", { FunctionName: "work", Qualifier: "$LATEST", ...properties });
const invokeEvent = (event: unknown) => twin.invoke("work", event, { InvocationType: "Event" });

async function received(): Promise<{ body: Record<string, unknown>; message: Record<string, unknown> }> {
  return eventually(async () => {
    const input = { QueueUrl: "results", MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] };
    const { Messages } = await twin.call("sqs", "ReceiveMessage", input);
    return Messages ? { body: JSON.parse(Messages[0].Body), message: Messages[0] } : undefined;
  });
}

const attempts = () =>
  twin.activities.filter(({ operation, principal }) => operation === "Invoke" && principal.kind === "service");

// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
describe("a destination", () => {
  test("gets the record of a success", async () => {
    await twin.deployFunction("work", "export const handler = async ({ n }) => ({ twice: 2 * n })");
    await configure({ DestinationConfig: { OnSuccess: { Destination: QUEUE } } });
    expect(await invokeEvent({ n: 4 })).toEqual({ StatusCode: 202, Payload: "" });
    const { body, message } = await received();
    expect(body).toEqual({
      version: "1.0",
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      requestContext: {
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        functionArn: `${ARN}:$LATEST`,
        condition: "Success",
        approximateInvokeCount: 1,
      },
      requestPayload: { n: 4 },
      responseContext: { statusCode: 200, executedVersion: "$LATEST" },
      responsePayload: { twice: 8 },
    });
    expect(message).toMatchObject({ Attributes: { AWSTraceHeader: expect.stringMatching(/^Root=1-/) } });
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
  test("gets a failure after two retries with the same request id", async () => {
    const source = "export const handler = async (e, { awsRequestId }) => { throw new TypeError(awsRequestId) }";
    await twin.deployFunction("work", source);
    await configure({ DestinationConfig: { OnFailure: { Destination: QUEUE } } });
    await invokeEvent({ n: 1 });
    const { body } = await received();
    expect(body).toMatchObject({
      requestContext: { condition: "RetriesExhausted", approximateInvokeCount: 3 },
      requestPayload: { n: 1 },
      responseContext: { statusCode: 200, functionError: "Unhandled" },
      responsePayload: { errorType: "TypeError" },
    });
    const { requestId } = body.requestContext as { requestId: string };
    expect((body.responsePayload as { errorMessage: string }).errorMessage).toBe(requestId);
    const times = attempts().map(({ at }) => at);
    expect(times).toHaveLength(3);
    // One and two minutes, 5000 times faster.
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(11);
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(23);
  });

  test("gets the event at once when nothing may run", async () => {
    await twin.deployFunction("work", FAILS, { ReservedConcurrentExecutions: 0 });
    await configure({ DestinationConfig: { OnFailure: { Destination: QUEUE } } });
    await invokeEvent("unseen");
    const { body } = await received();
    expect(body).toMatchObject({
      requestContext: { condition: "ZeroReservedConcurrency", approximateInvokeCount: 0 },
      requestPayload: "unseen",
    });
    expect(body).not.toHaveProperty("responseContext");
    expect(body).not.toHaveProperty("responsePayload");
  });

  test("gets an event that grew too old before a retry", async () => {
    await twin.deployFunction("work", FAILS);
    await configure({ MaximumEventAgeInSeconds: 60, DestinationConfig: { OnFailure: { Destination: QUEUE } } });
    await invokeEvent(1);
    expect((await received()).body).toMatchObject({ requestContext: { condition: "EventAgeExceeded" } });
  });

  test("may be an event bus", async () => {
    await twin.deployFunction("work", "export const handler = async () => 'done'");
    const bus = "arn:aws:events:us-east-1:123456789012:event-bus/fleet";
    await configure({ DestinationConfig: { OnSuccess: { Destination: bus } } });
    await invokeEvent(1);
    const { input } = await eventually(() => twin.calls.find(({ operation }) => operation === "PutEvents"));
    expect(input.Entries[0]).toMatchObject({
      EventBusName: bus,
      Source: "lambda",
      DetailType: "Lambda Function Invocation Result - Success",
      Resources: [bus, `${ARN}:$LATEST`],
    });
    expect(JSON.parse(input.Entries[0].Detail)).toMatchObject({ responsePayload: "done" });
  });

  test("may be another function", async () => {
    await twin.deployFunction("work", "export const handler = async () => 'done'");
    await twin.deployFunction(
      "after",
      "export const handler = async (event) => console.log('after', event.responsePayload)",
    );
    const target = "arn:aws:lambda:us-east-1:123456789012:function:after";
    await configure({ DestinationConfig: { OnSuccess: { Destination: target } } });
    await invokeEvent(1);
    await eventually(() => twin.logLines().find((line) => line.includes("after done")));
  });
});

test("the dead-letter queue gets the original event", async () => {
  await twin.deployFunction("work", FAILS, { DeadLetterConfig: { TargetArn: QUEUE } });
  await configure({ MaximumRetryAttempts: 0 });
  await invokeEvent({ order: 7 });
  const { body, message } = await received();
  expect(body).toEqual({ order: 7 });
  expect(message.MessageAttributes).toMatchObject({
    RequestID: { DataType: "String", StringValue: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    ErrorCode: { DataType: "Number", StringValue: "200" },
    ErrorMessage: { DataType: "String", StringValue: "no" },
  });
  expect(attempts()).toHaveLength(1);
});

test("a throttled event waits until the function may run", async () => {
  await twin.deployFunction("work", "export const handler = async (event) => console.log('ran', event)");
  const error = Object.assign(new Error("Rate Exceeded."), { code: "TooManyRequestsException", status: 429 });
  twin.kernel.faults.push({ service: "lambda", operation: "Invoke", resource: ARN, times: 0, error: error as never });
  await invokeEvent("late");
  for (const fault of twin.kernel.faults) fault.times = 2;
  await eventually(() => twin.logLines().find((line) => line.includes("ran late")));
  expect(attempts().filter((attempt) => attempt.error)).toHaveLength(2);
});

test("an event that had not run is kept over a restart", async () => {
  await twin.deployFunction("work", FAILS);
  await twin.lambda.stop?.();
  const before = createHarness({ scale: 5000 });
  await before.deployFunction("work", FAILS);
  await before.invoke("work", "kept", { InvocationType: "Event" });
  const state = JSON.parse(JSON.stringify(before.lambda.snapshot?.()));
  await before.stop();
  const after = createHarness({ scale: 5000 });
  await after.lambda.restore?.(state);
  await after.deployFunction("work", "export const handler = async (event) => console.log('ran', event)");
  await after.start();
  await eventually(() => after.logLines().find((line) => line.includes("ran kept")));
  await after.stop();
});
