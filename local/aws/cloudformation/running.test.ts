import { SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { bootTwin, type Twin } from "../boot.ts";
import { ADMINISTRATOR } from "../kernel/kernel.ts";
import { createStates } from "../states/index.ts";
import { eventually } from "../testing.ts";

/** A run that waits, and then tells which version of the machine it is of. */
const template = (version: string) => ({
  Resources: {
    Role: {
      Type: "AWS::IAM::Role",
      Properties: {
        AssumeRolePolicyDocument: {
          Statement: { Effect: "Allow", Principal: { Service: "states.amazonaws.com" }, Action: "sts:AssumeRole" },
        },
      },
    },
    Machine: {
      Type: "AWS::StepFunctions::StateMachine",
      Properties: {
        StateMachineName: "runs",
        RoleArn: { "Fn::GetAtt": ["Role", "Arn"] },
        Definition: {
          QueryLanguage: "JSONata",
          StartAt: "Wait",
          States: {
            Wait: { Type: "Wait", Seconds: 600, Next: "Tell" },
            Tell: { Type: "Pass", Output: version, End: true },
          },
        },
      },
    },
  },
});

let twin: Twin;
let client: SFNClient;

beforeEach(async () => {
  const services = [createStates];
  twin = await bootTwin({ template: template("old"), artifacts: import.meta.dirname, stackName: "app", services });
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  client = new SFNClient({ endpoint: twin.origin, region: "us-east-1", credentials });
});
afterEach(async () => {
  client.destroy();
  await twin.stop();
});

const aws = (service: string, operation: string, input: object) =>
  twin.kernel.call(service, operation, input, { principal: ADMINISTRATOR });

const settled = (status: string) =>
  eventually(async () => {
    const { Stacks } = await aws("cloudformation", "DescribeStacks", { StackName: "app" });
    return Stacks[0].StackStatus === status ? true : undefined;
  });

test("a Standard run goes on with the definition that it began with", async () => {
  const stateMachineArn = twin.resources.get("Machine")?.ref ?? "";
  const start = async () => (await client.send(new StartExecutionCommand({ stateMachineArn }))).executionArn;
  const before = await start();
  const set = { StackName: "app", ChangeSetName: "set" };
  const given = { TemplateBody: JSON.stringify(template("new")), Capabilities: ["CAPABILITY_IAM"] };
  await aws("cloudformation", "CreateChangeSet", { ...set, ...given });
  await aws("cloudformation", "ExecuteChangeSet", set);
  await settled("UPDATE_COMPLETE");
  const after = await start();

  twin.kernel.clock.advance(601_000);
  const outputs = await Promise.all(
    [before, after].map((executionArn) =>
      eventually(async () => (await aws("states", "DescribeExecution", { executionArn })).output),
    ),
  );
  expect(outputs).toEqual(['"old"', '"new"']);
});
