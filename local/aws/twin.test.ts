import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { SFNClient, StartSyncExecutionCommand } from "@aws-sdk/client-sfn";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { bootTwin, type Twin } from "./boot.ts";
import { table } from "./testing.ts";

// Every service at once, made from one template and reached with unmodified SDK clients.
const PRINCIPAL = (service: string) => ({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" },
});

const template = {
  Resources: {
    Bus: { Type: "AWS::Events::EventBus", Properties: { Name: "fleet" } },
    Queue: { Type: "AWS::SQS::Queue", Properties: { QueueName: "jobs" } },
    QueuePolicy: {
      Type: "AWS::SQS::QueuePolicy",
      Properties: {
        Queues: [{ Ref: "Queue" }],
        PolicyDocument: {
          Version: "2012-10-17",
          Statement: {
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: { "Fn::GetAtt": ["Queue", "Arn"] },
            Condition: { ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": ["Rule", "Arn"] } } },
          },
        },
      },
    },
    Rule: {
      Type: "AWS::Events::Rule",
      Properties: {
        Name: "changes",
        EventBusName: { Ref: "Bus" },
        EventPattern: { source: ["fleet.test"] },
        Targets: [{ Id: "queue", Arn: { "Fn::GetAtt": ["Queue", "Arn"] } }],
      },
    },
    Table: table({ TableName: "kept" }),
    MachineRole: {
      Type: "AWS::IAM::Role",
      Properties: {
        AssumeRolePolicyDocument: PRINCIPAL("states.amazonaws.com"),
        Policies: [
          {
            PolicyName: "write",
            PolicyDocument: {
              Version: "2012-10-17",
              Statement: [
                { Effect: "Allow", Action: "dynamodb:PutItem", Resource: { "Fn::GetAtt": ["Table", "Arn"] } },
              ],
            },
          },
        ],
      },
    },
    Machine: {
      Type: "AWS::StepFunctions::StateMachine",
      Properties: {
        StateMachineName: "keep",
        StateMachineType: "EXPRESS",
        RoleArn: { "Fn::GetAtt": ["MachineRole", "Arn"] },
        Definition: {
          QueryLanguage: "JSONata",
          StartAt: "Keep",
          States: {
            Keep: {
              Type: "Task",
              // biome-ignore lint/suspicious/noTemplateCurlyInString: a substitution of the template
              Resource: "${PutItem}",
              Arguments: { TableName: "kept", Item: { id: { S: "{% $states.input.id %}" } } },
              Output: { done: true },
              End: true,
            },
          },
        },
        DefinitionSubstitutions: { PutItem: "arn:aws:states:::dynamodb:putItem" },
      },
    },
  },
};

let twin: Twin;
const clients: { destroy(): void }[] = [];

function client<Client extends { destroy(): void }>(make: new (config: object) => Client, more: object = {}): Client {
  const credentials = { accessKeyId: "AKIALAPTOP", secretAccessKey: "anything" };
  const made = new make({ endpoint: twin.origin, region: "us-east-1", credentials, maxAttempts: 1, ...more });
  clients.push(made);
  return made;
}

beforeAll(async () => {
  twin = await bootTwin({ template, artifacts: ".", clockScale: 100 });
});

afterAll(async () => {
  for (const one of clients) one.destroy();
  await twin.stop();
});

describe("a template of every service", () => {
  test("an event goes over the bus and its rule into the queue", async () => {
    const Entries = [{ EventBusName: "fleet", Source: "fleet.test", DetailType: "thing.done", Detail: '{"id":"7"}' }];
    const { FailedEntryCount } = await client(EventBridgeClient).send(new PutEventsCommand({ Entries }));
    expect(FailedEntryCount).toBe(0);
    const QueueUrl = `${twin.origin}/123456789012/jobs`;
    const { Messages } = await client(SQSClient).send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    expect(JSON.parse(Messages?.[0]?.Body ?? "{}")).toMatchObject({ source: "fleet.test", detail: { id: "7" } });
  });

  test("an Express execution writes with the rights of its own role", async () => {
    const start = { stateMachineArn: "arn:aws:states:us-east-1:123456789012:stateMachine:keep", input: '{"id":"42"}' };
    const sfn = client(SFNClient, { disableHostPrefix: true });
    await expect(sfn.send(new StartSyncExecutionCommand(start))).resolves.toMatchObject({
      status: "SUCCEEDED",
      output: '{"done":true}',
    });
    const { Item } = await client(DynamoDBClient).send(
      new GetItemCommand({ TableName: "kept", Key: { id: { S: "42" } } }),
    );
    expect(Item).toEqual({ id: { S: "42" } });
  });

  test("a template whose role lacks the permission runs into IAM", async () => {
    const without = structuredClone(template);
    without.Resources.MachineRole.Properties.Policies = [];
    const second = await bootTwin({ template: without, artifacts: ".", clockScale: 100 });
    const sfn = client(SFNClient, { disableHostPrefix: true, endpoint: second.origin });
    const start = { stateMachineArn: "arn:aws:states:us-east-1:123456789012:stateMachine:keep", input: '{"id":"42"}' };
    const result = await sfn.send(new StartSyncExecutionCommand(start));
    await second.stop();
    expect(result).toMatchObject({
      status: "FAILED",
      cause: expect.stringContaining("is not authorized to perform: dynamodb:PutItem on resource"),
    });
  });

  test("a call to a log group that is not there is an error of CloudWatch Logs", async () => {
    const failing = client(CloudWatchLogsClient).send(new FilterLogEventsCommand({ logGroupName: "/none" }));
    await expect(failing).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });
});
