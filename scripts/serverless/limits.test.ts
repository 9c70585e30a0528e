import { describe, expect, test } from "@jest/globals";
import { overLimits } from "./limits.ts";

const statements = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ Sid: `Statement${n}`, Effect: "Allow" }));

describe("what AWS would refuse is told with its logical id and property", () => {
  test.each([
    [
      "a name that is too long",
      "AWS::Lambda::Function",
      { FunctionName: "f".repeat(65) },
      "Thing.FunctionName has 65 characters, 64 are allowed",
    ],
    [
      "a name with a blank",
      "AWS::SQS::Queue",
      { QueueName: "my queue" },
      "Thing.QueueName is 'my queue', which is no name for AWS",
    ],
    [
      "a queue's policy",
      "AWS::SQS::QueuePolicy",
      { PolicyDocument: statements(300) },
      /^Thing\.PolicyDocument has \d+ bytes, 8192 are allowed/,
    ],
    [
      "a role's policies together",
      "AWS::IAM::Role",
      { Policies: [1, 2].map(() => ({ PolicyDocument: statements(150) })) },
      /^Thing\.Policies has \d+ characters, 10240 /,
    ],
    [
      "an environment",
      "AWS::Lambda::Function",
      { Environment: { Variables: { ORGS: "o".repeat(4_090) } } },
      /^Thing\.Environment\.Variables has \d+ bytes, 4096 /,
    ],
    [
      "targets of a rule",
      "AWS::Events::Rule",
      { Targets: [1, 2, 3, 4, 5, 6] },
      "Thing.Targets has 6 entries, 5 are allowed",
    ],
    [
      "a number",
      "AWS::SQS::Queue",
      { VisibilityTimeout: 43_201 },
      "Thing.VisibilityTimeout is 43201, 0 to 43200 are allowed",
    ],
    [
      "a place within a list",
      "AWS::Events::Rule",
      { Targets: [{ Id: "one" }, { Id: "t".repeat(65) }] },
      "Thing.Targets.1.Id has 65 characters, 64 are allowed",
    ],
    ["a name that is too short", "AWS::DynamoDB::Table", { TableName: "ab" }, "Thing.TableName has 2 characters, 3 "],
    [
      "a tag",
      "AWS::S3::Bucket",
      { Tags: [{ Key: "costCentre", Value: "v".repeat(257) }] },
      "Thing.Tags.0.Value has 257 characters, 256 are allowed",
    ],
    [
      "a value that the schemas take for any text",
      "AWS::DynamoDB::Table",
      { BillingMode: "PAY_PER_REQUESTS" },
      "Thing.BillingMode is 'PAY_PER_REQUESTS': write one of PROVISIONED, PAY_PER_REQUEST",
    ],
    [
      "a clock that does not exist",
      "AWS::Events::Rule",
      { ScheduleExpression: "rate(1 minutes)" },
      /^Thing\.ScheduleExpression is 'rate\(1 minutes\)': write rate\(15 minutes\) or cron/,
    ],
    [
      "a batch without a window",
      "AWS::Lambda::EventSourceMapping",
      { BatchSize: 50 },
      "Thing.MaximumBatchingWindowInSeconds must be 1 or more for a BatchSize of 50: add it",
    ],
    [
      "a key without a definition",
      "AWS::DynamoDB::Table",
      { KeySchema: [{ AttributeName: "id" }] },
      "Thing.AttributeDefinitions lacks the key 'id': add it",
    ],
    [
      "a definition without a key",
      "AWS::DynamoDB::Table",
      { AttributeDefinitions: [{ AttributeName: "id" }] },
      "Thing.AttributeDefinitions has 'id', which is no key: remove it",
    ],
    [
      "attributes of all indexes",
      "AWS::DynamoDB::Table",
      { GlobalSecondaryIndexes: Array(6).fill({ Projection: { NonKeyAttributes: Array(17).fill("a") } }) },
      "Thing projects 102 attributes into its indexes, 100 are allowed",
    ],
    [
      "an alarm that looks back for more than a day",
      "AWS::CloudWatch::Alarm",
      { Period: 300, EvaluationPeriods: 289 },
      "Thing.EvaluationPeriods looks 86700 seconds back, 86400 are allowed",
    ],
    [
      "an alarm that can never fire",
      "AWS::CloudWatch::Alarm",
      { Period: 300, EvaluationPeriods: 2, DatapointsToAlarm: 3 },
      "Thing.DatapointsToAlarm is more than the 2 EvaluationPeriods: lower it",
    ],
  ])("%s", (_what, Type, Properties, text) => {
    const told = overLimits({ Resources: { Thing: { Type, Properties } } });
    expect(told).toEqual([expect.stringMatching(text)]);
    expect(told[0]).toMatch(/: [^:]+ \(https:\/\/docs\.aws\.amazon\.com\/\S+\)\.$/);
  });

  test("a queue that hands out what is still being worked", () => {
    const Worker = { Type: "AWS::Lambda::Function", Properties: { Timeout: 90 } };
    const Queue = { Type: "AWS::SQS::Queue", Properties: { VisibilityTimeout: 60 } };
    const get = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });
    const Properties = { EventSourceArn: get("Queue"), FunctionName: get("Worker") };
    const Mapping = { Type: "AWS::Lambda::EventSourceMapping", Properties };
    expect(overLimits({ Resources: { Worker, Queue, Mapping } })).toEqual([
      expect.stringContaining("Queue.VisibilityTimeout is 60, less than the 90 seconds of Worker: make it six times"),
    ]);
  });

  test("outputs and names of the whole template", () => {
    const outputs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`O${n}`, {}]));
    expect(overLimits({ Resources: {}, Outputs: outputs(201) })).toEqual([
      expect.stringContaining("The template has 201 outputs, 200 are allowed: tell fewer things"),
    ]);
    expect(overLimits({ Resources: { "my-queue": {} } })).toEqual([
      expect.stringContaining("my-queue is no logical id: use letters and digits, at most 255"),
    ]);
  });

  test("what CloudFormation fills in has no number or length to look at", () => {
    const Properties = { VisibilityTimeout: { Ref: "Seconds" }, Tags: { "Fn::If": ["Tagged", [], []] } };
    expect(overLimits({ Resources: { Thing: { Type: "AWS::SQS::Queue", Properties } } })).toEqual([]);
  });

  test("more resources, and more rules of one bus, than there may be", () => {
    const rules = Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`R${n}`, { Type: "AWS::Events::Rule" }]));
    expect(overLimits({ Resources: rules })).toEqual([
      expect.stringContaining("The template has 501 resources, 500 are allowed"),
      expect.stringContaining('The bus "default" has 501 rules, 300 are allowed'),
    ]);
  });

  test("references count as what they become at most", () => {
    const Secret = { Type: "AWS::SecretsManager::Secret", Properties: { Name: "n".repeat(500) } };
    const Resource = Array.from({ length: 20 }, () => ({ Ref: "Secret" }));
    const Role = {
      Type: "AWS::IAM::Role",
      Properties: { Policies: [{ PolicyDocument: { Statement: [{ Resource }] } }] },
    };
    expect(overLimits({ Resources: { Secret, Role } })).toEqual([
      expect.stringMatching(/^Role\.Policies has 1\d{4} characters/),
    ]);
  });
});
