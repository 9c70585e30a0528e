import { describe, expect, test } from "@jest/globals";
import { deploy } from "../template/index.ts";
import { testKernel } from "../testing.ts";
import { createIam, createIdentities } from "./index.ts";

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
const TRUST = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: ["lambda.amazonaws.com"] }, Action: ["sts:AssumeRole"] }],
};
const ROLE_ARN = "arn:aws:iam::123456789012:role/worker";

async function deployed(Resources: object) {
  const identities = createIdentities();
  const kernel = testKernel();
  kernel.register(createIam(identities));
  const stack = await deploy(kernel, { Resources }, { stackName: "fleet", artifacts: "." });
  const may = (action: string, resource: string) => {
    const { principal } = identities.assume(ROLE_ARN, "lambda.amazonaws.com", "fn");
    try {
      identities.authorize(principal, { action, resource });
      return true;
    } catch {
      return false;
    }
  };
  return { stack, may };
}

const role = (more: object = {}) => ({
  Type: "AWS::IAM::Role",
  Properties: { RoleName: "worker", AssumeRolePolicyDocument: TRUST, ...more },
});

describe("roles of a template", () => {
  test("carry inline, attached, AWS-managed and separate policies", async () => {
    const statement = (Action: string) => ({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action, Resource: "*" }],
    });
    const { may, stack } = await deployed({
      Role: role({
        Policies: [{ PolicyName: "inline", PolicyDocument: statement("sqs:SendMessage") }],
        ManagedPolicyArns: [
          {
            "Fn::Join": [
              "",
              ["arn:", { Ref: "AWS::Partition" }, ":iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
            ],
          },
          { Ref: "Managed" },
        ],
      }),
      Managed: { Type: "AWS::IAM::ManagedPolicy", Properties: { PolicyDocument: statement("states:StartExecution") } },
      Separate: {
        Type: "AWS::IAM::Policy",
        Properties: { PolicyName: "separate", Roles: [{ Ref: "Role" }], PolicyDocument: statement("dynamodb:GetItem") },
      },
    });
    for (const action of ["sqs:SendMessage", "logs:PutLogEvents", "states:StartExecution", "dynamodb:GetItem"])
      expect([action, may(action, "*")]).toEqual([action, true]);
    expect(may("sqs:ReceiveMessage", "*")).toBe(false);
    expect(stack.resources.get("Role")).toMatchObject({ ref: "worker", attributes: { Arn: ROLE_ARN } });
  });

  test("a role without a name gets the same one at every boot", async () => {
    const unnamed = { Role: { Type: "AWS::IAM::Role", Properties: { AssumeRolePolicyDocument: TRUST } } };
    const [first, second] = [await deployed(unnamed), await deployed(unnamed)];
    expect(first.stack.resources.get("Role")?.ref).toMatch(/^fleet-Role-[0-9A-F]{12}$/);
    expect(first.stack.resources.get("Role")).toEqual(second.stack.resources.get("Role"));
  });

  test.each([
    [
      "an unknown managed policy",
      { ManagedPolicyArns: ["arn:aws:iam::aws:policy/NoSuchPolicy"] },
      "Role: Properties.ManagedPolicyArns: the twin does not know the managed policy arn:aws:iam::aws:policy/NoSuchPolicy",
    ],
    [
      "a condition operator that IAM does not have",
      {
        Policies: [
          {
            PolicyName: "p",
            PolicyDocument: {
              Statement: { Effect: "Allow", Action: "*", Resource: "*", Condition: { StringSame: { k: "v" } } },
            },
          },
        ],
      },
      "Role: Properties.Policies[0].PolicyDocument.Statement[0].Condition.StringSame: IAM has no such condition operator",
    ],
    [
      "a statement without a resource",
      { Policies: [{ PolicyName: "p", PolicyDocument: { Statement: [{ Effect: "Allow", Action: "*" }] } }] },
      "Role: Properties.Policies[0].PolicyDocument.Statement[0]: needs one of Resource and NotResource",
    ],
    [
      "a misspelt member",
      {
        Policies: [
          { PolicyName: "p", PolicyDocument: { Statement: [{ Effect: "Allow", Actions: "*", Resource: "*" }] } },
        ],
      },
      "Role: Properties.Policies[0].PolicyDocument.Statement[0].Actions: is no member of a statement",
    ],
    [
      "a property that the twin does not know",
      { Nope: 1 },
      "Role: Properties.Nope: the twin does not support this of AWS::IAM::Role",
    ],
  ])("%s stops the boot", async (_, more, message) => {
    await expect(deployed({ Role: role(more) })).rejects.toThrow(message);
  });

  test("a policy for a role that is not there stops the boot", async () => {
    const PolicyDocument = { Statement: { Effect: "Allow", Action: "*", Resource: "*" } };
    const Separate = { Type: "AWS::IAM::Policy", Properties: { PolicyName: "p", Roles: ["ghost"], PolicyDocument } };
    await expect(deployed({ Separate })).rejects.toThrow("Separate: Properties.Roles: there is no role 'ghost'");
  });
});
