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
      /^Thing\.Environment has \d+ bytes, 4096 /,
    ],
    [
      "targets of a rule",
      "AWS::Events::Rule",
      { Targets: [1, 2, 3, 4, 5, 6] },
      "Thing.Targets has 6 targets, 5 are allowed",
    ],
  ])("%s", (_what, Type, Properties, text) => {
    expect(overLimits({ Thing: { Type, Properties } })).toEqual([expect.stringMatching(text)]);
  });

  test("more resources, and more rules of one bus, than there may be", () => {
    const rules = Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`R${n}`, { Type: "AWS::Events::Rule" }]));
    expect(overLimits(rules)).toEqual([
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
    expect(overLimits({ Secret, Role })).toEqual([expect.stringMatching(/^Role\.Policies has 1\d{4} characters/)]);
  });
});
