import { afterEach, describe, expect, test } from "@jest/globals";
import { AwsError } from "../kernel/errors.ts";
import { busArn, entry, fakeTarget, type Harness, harness, queueArn, TRACE, until } from "./harness.ts";

const open: Harness[] = [];
afterEach(async () => {
  for (const h of open.splice(0)) await h.stop();
});

async function start(scale = 1, restored?: unknown) {
  const h = await harness(scale, restored);
  open.push(h);
  return h;
}

const FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f";
const MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
const ROLE = "arn:aws:iam::123456789012:role/rule";
const RULE = "arn:aws:events:us-east-1:123456789012:rule/r";
const busy = () => new AwsError("ServiceException", "try later", { status: 500 });

/** A rule `r` with one target and a dead-letter queue `dead`. */
async function rule(h: Harness, target: object, withDeadLetterQueue = true) {
  await h.sqs("CreateQueue", "dead");
  await h.call("PutRule", { Name: "r", EventPattern: '{"source":["fleet.test"]}' });
  const DeadLetterConfig = withDeadLetterQueue ? { DeadLetterConfig: { Arn: queueArn("dead") } } : {};
  await h.call("PutTargets", { Rule: "r", Targets: [{ Id: "t", ...DeadLetterConfig, ...target }] });
}

const put = (h: Harness, overrides: object = {}) => h.call("PutEvents", { Entries: [entry(overrides)] });

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
describe("targets", () => {
  test("a function is invoked asynchronously, as the rule, after PutEvents has answered", async () => {
    const h = await start();
    const received = fakeTarget(h.kernel, "lambda", "Invoke", () => ({ StatusCode: 202 }));
    await rule(h, { Arn: FUNCTION });
    await put(h, { TraceHeader: TRACE });
    expect(received).toHaveLength(0);
    await until(() => received.length === 1);
    expect(received[0]?.input).toMatchObject({ FunctionName: FUNCTION, InvocationType: "Event" });
    expect(JSON.parse(String(received[0]?.input.Payload))).toMatchObject({ source: "fleet.test" });
    expect(received[0]?.context).toMatchObject({
      traceHeader: TRACE,
      principal: { kind: "service", service: "events.amazonaws.com", sourceArn: RULE },
    });
  });

  test("a state machine is started with the target's role", async () => {
    const h = await start();
    const received = fakeTarget(h.kernel, "states", "StartExecution", () => ({}));
    await rule(h, { Arn: MACHINE, RoleArn: ROLE, InputPath: "$.detail" });
    const { Entries } = await put(h, { TraceHeader: TRACE });
    await until(() => received.length === 1);
    expect(received[0]?.input).toEqual({
      stateMachineArn: MACHINE,
      name: expect.stringMatching(new RegExp(`^${Entries[0].EventId}_[0-9a-f-]{36}$`)),
      input: '{"n":1}',
    });
    expect(received[0]?.context).toMatchObject({ traceHeader: TRACE, principal: { kind: "role", roleArn: ROLE } });
  });

  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
  test("another bus receives the event unchanged, but hands it on no further", async () => {
    const h = await start();
    for (const Name of ["two", "three"]) await h.call("CreateEventBus", { Name });
    await rule(h, { Arn: busArn("two"), RoleArn: ROLE });
    await h.ruleToQueue("q", { bus: "two" });
    await h.call("PutRule", { Name: "on", EventBusName: "two", EventPattern: '{"source":["fleet.test"]}' });
    const DeadLetterConfig = { Arn: queueArn("dead") };
    const Targets = [{ Id: "t", Arn: busArn("three"), RoleArn: ROLE, DeadLetterConfig }];
    await h.call("PutTargets", { Rule: "on", EventBusName: "two", Targets });
    const { Entries } = await put(h, { TraceHeader: TRACE });
    const { body, attributes } = await h.next("q");
    expect(body.id).toBe(Entries[0].EventId);
    expect(attributes.AWSTraceHeader).toBe(TRACE);
    const dead = await h.next("dead");
    expect(dead.messageAttributes).toMatchObject({
      ERROR_CODE: "THIRD_ACCOUNT_HOP_DETECTED",
      RULE_ARN: "arn:aws:events:us-east-1:123456789012:rule/two/on",
    });
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
describe("retries", () => {
  test("go on until the target takes the event", async () => {
    const h = await start(1000);
    const received = fakeTarget(h.kernel, "lambda", "Invoke", (count) =>
      count < 4 ? (count === 1 ? new AwsError("TooManyRequestsException", "slow", { status: 429 }) : busy()) : {},
    );
    await rule(h, { Arn: FUNCTION });
    await put(h);
    await until(() => received.length === 4);
    expect(new Set(received.map(({ input }) => input.Payload)).size).toBe(1);
    expect(await h.sqs("ReceiveMessage", "dead")).toEqual({});
  });

  test("end after MaximumRetryAttempts, in the dead-letter queue with everything that is known", async () => {
    const h = await start(1000);
    const received = fakeTarget(h.kernel, "lambda", "Invoke", busy);
    await rule(h, { Arn: FUNCTION, RetryPolicy: { MaximumRetryAttempts: 2 } });
    const { Entries } = await put(h, { TraceHeader: TRACE });
    const dead = await h.next("dead");
    expect(received).toHaveLength(3);
    expect(dead.body).toMatchObject({ id: Entries[0].EventId, source: "fleet.test" });
    expect(dead.attributes.AWSTraceHeader).toBe(TRACE);
    expect(dead.messageAttributes).toEqual({
      RULE_ARN: RULE,
      TARGET_ARN: FUNCTION,
      ERROR_CODE: "ERROR_FROM_TARGET",
      ERROR_MESSAGE: "try later",
      RETRY_ATTEMPTS: "2",
      EXHAUSTED_RETRY_CONDITION: "MaximumRetryAttempts",
    });
  });

  test("end when the event is older than MaximumEventAgeInSeconds", async () => {
    const h = await start(500);
    fakeTarget(h.kernel, "lambda", "Invoke", busy);
    await rule(h, { Arn: FUNCTION, RetryPolicy: { MaximumEventAgeInSeconds: 60 } });
    await put(h);
    const { messageAttributes } = await h.next("dead");
    expect(messageAttributes).toMatchObject({ EXHAUSTED_RETRY_CONDITION: "MaximumEventAgeInSeconds" });
    expect(Number(messageAttributes.RETRY_ATTEMPTS)).toBeGreaterThan(0);
  });

  test("of undelivered events survive a restart", async () => {
    const before = await start();
    const refused = fakeTarget(before.kernel, "lambda", "Invoke", busy);
    await rule(before, { Arn: FUNCTION });
    const { Entries } = await put(before, { TraceHeader: TRACE });
    await until(() => refused.length === 1);
    await before.events.stop?.();
    const state = before.events.snapshot?.();
    const after = await start();
    const received = fakeTarget(after.kernel, "lambda", "Invoke", () => ({}));
    await after.events.restore?.(JSON.parse(JSON.stringify(state)));
    await after.events.start?.();
    await until(() => received.length === 1);
    expect(JSON.parse(String(received[0]?.input.Payload)).id).toBe(Entries[0].EventId);
    expect(received[0]?.context.traceHeader).toBe(TRACE);
    await until(() => after.pending().length === 0);
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
describe("failures that are not retried", () => {
  test.each([
    [
      "a missing permission",
      new AwsError("AccessDeniedException", "not authorized", { status: 403 }),
      "NO_PERMISSIONS",
    ],
    ["a missing target", new AwsError("ResourceNotFoundException", "gone", { status: 404 }), "NO_RESOURCE"],
    ["another client error", new AwsError("InvalidParameterValueException", "bad"), "INVALID_PARAMETER"],
    ["input that is not JSON", new AwsError("InvalidRequestContentException", "bad"), "INVALID_JSON"],
  ])("%s goes straight to the dead-letter queue", async (_what, error, ERROR_CODE) => {
    const h = await start();
    const received = fakeTarget(h.kernel, "lambda", "Invoke", () => error);
    await rule(h, { Arn: FUNCTION });
    await put(h);
    const { messageAttributes } = await h.next("dead");
    expect(received).toHaveLength(1);
    expect(messageAttributes).toEqual({
      RULE_ARN: RULE,
      TARGET_ARN: FUNCTION,
      ERROR_CODE,
      ERROR_MESSAGE: error.message,
      RETRY_ATTEMPTS: "0",
    });
  });

  test("a queue that does not exist is a missing target", async () => {
    const h = await start();
    await rule(h, { Arn: queueArn("none") });
    await put(h);
    expect((await h.next("dead")).messageAttributes).toMatchObject({ ERROR_CODE: "NO_RESOURCE" });
  });

  test("a template that yields no JSON never reaches the target", async () => {
    const h = await start();
    const received = fakeTarget(h.kernel, "lambda", "Invoke", () => ({}));
    await rule(h, { Arn: FUNCTION, InputTransformer: { InputTemplate: "no json" } });
    await put(h);
    expect((await h.next("dead")).messageAttributes).toMatchObject({ ERROR_CODE: "INVALID_JSON" });
    expect(received).toHaveLength(0);
  });

  test("a role that cannot be assumed", async () => {
    const h = await start();
    const assume = () => {
      throw new AwsError("AccessDenied", "the role does not trust events.amazonaws.com");
    };
    Object.assign(h.kernel.identities, { assume });
    await rule(h, { Arn: MACHINE, RoleArn: ROLE });
    await put(h);
    expect((await h.next("dead")).messageAttributes).toMatchObject({
      ERROR_CODE: "FAILED_TO_ASSUME_ROLE",
      ERROR_MESSAGE: "the role does not trust events.amazonaws.com",
    });
  });

  test("without a dead-letter queue, or with one that is missing, the event is dropped in plain sight", async () => {
    const h = await start();
    await rule(h, { Arn: queueArn("none") }, false);
    await put(h, { TraceHeader: TRACE });
    await until(() => h.drops.length === 1);
    expect(h.drops[0]).toMatchObject({ service: "events", operation: "DropEvent", resource: RULE, traceHeader: TRACE });
    expect(h.drops[0]?.error).toMatch(/thing\.happened.*sqs.*none: NO_RESOURCE: .*no dead-letter queue/);
    await h.call("PutTargets", {
      Rule: "r",
      Targets: [{ Id: "t", Arn: queueArn("none"), DeadLetterConfig: { Arn: queueArn("none") } }],
    });
    await put(h);
    await until(() => h.drops.length === 2);
    await until(() => h.pending().length === 0);
  });
});
