import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { TemplateError } from "../kernel/errors.ts";
import { busArn, entry, type Harness, harness, queueArn, until } from "./harness.ts";

let h: Harness;
beforeEach(async () => {
  h = await harness();
});
afterEach(() => h.stop());

const PATTERN = '{"source":["fleet.test"]}';

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
describe("rules", () => {
  test("are described as they were put; a second PutRule keeps the targets", async () => {
    await h.ruleToQueue("q");
    const { RuleArn } = await h.call("PutRule", {
      Name: "q",
      EventPattern: PATTERN,
      Description: "d",
      State: "DISABLED",
    });
    expect(RuleArn).toBe("arn:aws:events:us-east-1:123456789012:rule/q");
    const described = {
      Name: "q",
      Arn: RuleArn,
      EventBusName: "default",
      State: "DISABLED",
      EventPattern: PATTERN,
      Description: "d",
    };
    expect(await h.call("DescribeRule", { Name: "q" })).toEqual(described);
    expect(await h.call("ListRules", { NamePrefix: "q" })).toEqual({ Rules: [described] });
    expect(await h.call("ListTargetsByRule", { Rule: "q" })).toEqual({ Targets: [{ Id: "t", Arn: queueArn("q") }] });
    expect(await h.call("ListRuleNamesByTarget", { TargetArn: queueArn("q") })).toEqual({ RuleNames: ["q"] });
  });

  test("match only while enabled", async () => {
    await h.ruleToQueue("off");
    await h.ruleToQueue("on");
    await h.call("DisableRule", { Name: "off" });
    await h.call("PutEvents", { Entries: [entry()] });
    await h.next("on");
    expect(await h.sqs("ReceiveMessage", "off")).toEqual({});
    await h.call("EnableRule", { Name: "off" });
    await h.call("PutEvents", { Entries: [entry()] });
    await h.next("off");
  });

  test.each([
    [{ Name: "a b", EventPattern: PATTERN }, "ValidationException", "Member must satisfy regular expression pattern"],
    [{ Name: "r" }, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."],
    [{ Name: "r", EventPattern: '{"a":1}' }, "InvalidEventPatternException", '"a" must be an object or an array'],
    [{ Name: "r", EventPattern: PATTERN, State: "ON" }, "ValidationException", "enum value set"],
    [
      { Name: "r", EventPattern: PATTERN, EventBusName: "no" },
      "ResourceNotFoundException",
      "Event bus no does not exist.",
    ],
    [
      { Name: "r", ScheduleExpression: "rate(1 minutes)" },
      "ValidationException",
      "Parameter ScheduleExpression is not valid.",
    ],
  ])("PutRule refuses %j", async (input, code, text) => {
    await expect(h.call("PutRule", input)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  });

  test("have schedules on the default bus only", async () => {
    await h.call("CreateEventBus", { Name: "fleet" });
    const input = { Name: "r", ScheduleExpression: "rate(1 minute)", EventBusName: "fleet" };
    await expect(h.call("PutRule", input)).rejects.toThrow(
      "ScheduleExpression is supported only on the default event bus.",
    );
  });

  test("are deleted without their targets only; deleting none is no error", async () => {
    await h.ruleToQueue("q");
    await expect(h.call("DeleteRule", { Name: "q" })).rejects.toThrow("Rule can't be deleted since it has targets.");
    const removed = await h.call("RemoveTargets", { Rule: "q", Ids: ["t", "u"] });
    expect(removed).toMatchObject({ FailedEntryCount: 1, FailedEntries: [{ TargetId: "u" }] });
    await h.call("DeleteRule", { Name: "q" });
    await h.call("DeleteRule", { Name: "q" });
    await expect(h.call("DescribeRule", { Name: "q" })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
      message: "Rule q does not exist on EventBus default.",
    });
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
describe("PutTargets", () => {
  const target = (overrides: object) => ({ Id: "t", Arn: queueArn("q"), ...overrides });

  test.each([
    [[{ Id: "a b" }], "ValidationException", "at 'targets.1.member.id' failed to satisfy constraint"],
    [
      [{ Arn: "queue" }],
      "ValidationException",
      "Parameter queue is not valid. Reason: Provided Arn is not in correct format.",
    ],
    [[{ Arn: "arn:aws:sns:us-east-1:123456789012:topic" }], "ValidationException", "The twin does not deliver to"],
    [
      [{ Arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m" }],
      "ValidationException",
      "RoleArn is required for target",
    ],
    [[{ EcsParameters: {} }], "ValidationException", "EcsParameters"],
    [[{ RetryPolicy: { MaximumRetryAttempts: 186 } }], "ValidationException", "less than or equal to 185"],
    [[{ RetryPolicy: { MaximumEventAgeInSeconds: 59 } }], "ValidationException", "greater than or equal to 60"],
    [[{ DeadLetterConfig: { Arn: `${queueArn("q")}.fifo` } }], "ValidationException", "standard SQS queue"],
    [
      Array.from({ length: 6 }, (_, n) => ({ Id: `${n}` })),
      "LimitExceededException",
      "exceeds the maximum number allowed",
    ],
  ])("refuses %j and changes nothing", async (overrides, code, text) => {
    await h.call("PutRule", { Name: "r", EventPattern: PATTERN });
    await expect(h.call("PutTargets", { Rule: "r", Targets: overrides.map(target) })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
    expect(await h.call("ListTargetsByRule", { Rule: "r" })).toEqual({ Targets: [] });
  });

  test("pages its listing", async () => {
    await h.call("PutRule", { Name: "r", EventPattern: PATTERN });
    const Targets = ["1", "2", "3"].map((Id) => target({ Id }));
    expect(await h.call("PutTargets", { Rule: "r", Targets })).toEqual({ FailedEntryCount: 0, FailedEntries: [] });
    const first = await h.call("ListTargetsByRule", { Rule: "r", Limit: 2 });
    const rest = await h.call("ListTargetsByRule", { Rule: "r", Limit: 2, NextToken: first.NextToken });
    expect([...first.Targets, ...rest.Targets].map(({ Id }: { Id: string }) => Id)).toEqual(["1", "2", "3"]);
    expect(rest).not.toHaveProperty("NextToken");
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html
describe("buses", () => {
  test("are made, listed, described and deleted", async () => {
    expect(await h.call("CreateEventBus", { Name: "fleet" })).toEqual({ EventBusArn: busArn("fleet") });
    const names = (await h.call("ListEventBuses")).EventBuses.map(({ Name }: { Name: string }) => Name);
    expect(names).toEqual(["default", "fleet"]);
    expect(await h.call("DescribeEventBus", { Name: "fleet" })).toMatchObject({ Name: "fleet", Arn: busArn("fleet") });
    await h.call("DeleteEventBus", { Name: "fleet" });
    await expect(h.call("DescribeEventBus", { Name: "fleet" })).rejects.toThrow("Event bus fleet does not exist.");
  });

  test.each([
    [{ Name: "default" }, "Event bus default already exists."],
    [{ Name: "a/b" }, "Event bus name must not contain '/'."],
    [{ Name: "a b" }, "regular expression"],
    [{ Name: "aws.partner/x/y", EventSourceName: "aws.partner/x/z" }, "must be its event source name"],
  ])("CreateEventBus refuses %j", async (input, text) => {
    await expect(h.call("CreateEventBus", input)).rejects.toThrow(text);
  });
});

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html
describe("template resources", () => {
  const create = async (type: string, properties: Record<string, unknown>) => {
    const provider = h.events.resources?.find((candidate) => candidate.type === `AWS::Events::${type}`);
    if (!provider) throw new Error(`no provider for ${type}`);
    return provider.create({ logicalId: "Thing", type, properties, stackName: "fleet-dev", artifacts: "" });
  };

  test("a partner bus with a rule, a queue policy's view of it, and a second deployment", async () => {
    const name = "aws.partner/salesforce.com/00D/0YL";
    const bus = await create("EventBus", { Name: name, EventSourceName: name, Tags: [] });
    expect(bus).toMatchObject({ ref: name, attributes: { Arn: busArn(name), Name: name } });
    await h.sqs("CreateQueue", "q");
    const Targets = [
      {
        Id: "q",
        Arn: queueArn("q"),
        RetryPolicy: { MaximumRetryAttempts: "3" },
        SqsParameters: { MessageGroupId: "g" },
      },
    ];
    const properties = { EventBusName: name, EventPattern: { account: ["123456789012"] }, State: "ENABLED", Targets };
    const rule = await create("Rule", { ...properties, Name: "changes" });
    expect(rule).toEqual({
      ref: `${name}|changes`,
      attributes: { Arn: `arn:aws:events:us-east-1:123456789012:rule/${name}/changes` },
    });
    await create("Rule", { ...properties, Name: "changes" });
    await h.call("PutPartnerEvents", { Entries: [entry({ Source: name })] });
    expect((await h.next("q")).attributes.MessageGroupId).toBe("g");
    expect(await h.sqs("ReceiveMessage", "q")).toEqual({});
  });

  test("a bus policy, statement by statement", async () => {
    await create("EventBus", { Name: "fleet" });
    const Statement = { Effect: "Allow", Principal: "*", Action: "events:PutEvents", Resource: busArn("fleet") };
    for (const StatementId of ["a", "b", "a"])
      await create("EventBusPolicy", { EventBusName: "fleet", StatementId, Statement });
    const { Policy } = await h.call("DescribeEventBus", { Name: "fleet" });
    expect(
      JSON.parse(Policy)
        .Statement.map(({ Sid }: { Sid: string }) => Sid)
        .sort(),
    ).toEqual(["a", "b"]);
  });

  test.each([
    ["Rule", { EventPattern: { a: 1 } }, /Thing: Properties: .*must be an object or an array/],
    [
      "Rule",
      { EventPattern: { a: [1] }, Targets: [{ Id: "t", Arn: "arn:aws:sns:r:1:t" }] },
      /Thing: Targets: .*does not deliver/,
    ],
    ["Rule", { EventPattern: { a: [1] }, EventBusName: "none" }, /Event bus none does not exist/],
    ["EventBus", {}, /Thing: Name: is missing/],
    ["EventBusPolicy", { StatementId: "s" }, /Thing: Statement: is missing/],
    ["Archive", {}, /Thing: SourceArn: is missing/],
  ])("%s refuses %j with the place in the template", async (type, properties, message) => {
    await expect(create(type, properties)).rejects.toThrow(message);
    await expect(create(type, properties)).rejects.toThrow(TemplateError);
  });

  test("are left out of the snapshot, which the template makes again; what the API made comes back", async () => {
    await create("Rule", { Name: "from-template", EventPattern: { a: [1] } });
    await h.ruleToQueue("from-api");
    const after = await harness(1, h.events.snapshot?.());
    try {
      const { Rules } = await after.call("ListRules");
      expect(Rules.map(({ Name }: { Name: string }) => Name)).toEqual(["from-api"]);
      await after.sqs("CreateQueue", "from-api");
      await after.call("PutEvents", { Entries: [entry()] });
      await until(async () => (await after.sqs("ReceiveMessage", "from-api")).Messages !== undefined);
    } finally {
      await after.stop();
    }
  });
});
