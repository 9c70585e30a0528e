import {
  EventBridgeClient,
  ListRulesCommand,
  PutEventsCommand,
  StartReplayCommand,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import {
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { bootTwin, type Twin } from "../boot.ts";
import { createSqs } from "../sqs/index.ts";
import { createEvents } from "./index.ts";

const EventPattern = { source: ["fleet.test"] };
const send = (queue: string, rule: string) => ({
  Type: "AWS::SQS::QueuePolicy",
  Properties: {
    Queues: [{ Ref: queue }],
    PolicyDocument: {
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: { "Fn::GetAtt": [queue, "Arn"] },
        Condition: { ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": [rule, "Arn"] } } },
      },
    },
  },
});
const rule = (queue: string, deadLetters?: string) => ({
  Type: "AWS::Events::Rule",
  Properties: {
    EventBusName: { Ref: "Bus" },
    EventPattern,
    Targets: [
      {
        Id: "queue",
        Arn: { "Fn::GetAtt": [queue, "Arn"] },
        ...(deadLetters ? { DeadLetterConfig: { Arn: { "Fn::GetAtt": [deadLetters, "Arn"] } } } : {}),
      },
    ],
  },
});
const queue = (QueueName: string) => ({ Type: "AWS::SQS::Queue", Properties: { QueueName } });
const allow = (...statements: object[]) => ({
  Type: "AWS::IAM::Role",
  Properties: {
    AssumeRolePolicyDocument: {
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
    },
    Policies: [{ PolicyName: "p", PolicyDocument: { Version: "2012-10-17", Statement: statements } }],
  },
});

const template = {
  Resources: {
    Bus: { Type: "AWS::Events::EventBus", Properties: { Name: "fleet" } },
    Open: queue("open"),
    Closed: queue("closed"),
    Dead: queue("dead"),
    OpenRule: rule("Open"),
    ClosedRule: rule("Closed", "Dead"),
    OpenPolicy: send("Open", "OpenRule"),
    DeadPolicy: send("Dead", "ClosedRule"),
    Putter: allow({
      Effect: "Allow",
      Action: "events:PutEvents",
      Resource: { "Fn::GetAtt": ["Bus", "Arn"] },
      Condition: { StringEquals: { "events:source": "fleet.test" } },
    }),
  },
  Outputs: { Putter: { Value: { "Fn::GetAtt": ["Putter", "Arn"] } } },
};

let twin: Twin;
let sqs: SQSClient;
let events: EventBridgeClient;

beforeAll(async () => {
  twin = await bootTwin({ template, artifacts: ".", services: [createSqs, createEvents] });
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const options = { endpoint: twin.origin, region: "us-east-1", credentials };
  [sqs, events] = [new SQSClient(options), new EventBridgeClient(options)];
});
afterAll(async () => {
  sqs.destroy();
  events.destroy();
  await twin.stop();
});

async function receive(QueueName: string) {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  const asked = { QueueUrl, WaitTimeSeconds: 5, MessageAttributeNames: ["All"] };
  return (await sqs.send(new ReceiveMessageCommand(asked))).Messages ?? [];
}

const Entries = [{ EventBusName: "fleet", Source: "fleet.test", DetailType: "t", Detail: "{}", Time: new Date() }];

/** Clients as a role of the template. */
function roleClients() {
  const { accessKeyId, secretAccessKey, sessionToken } = twin.identities.assume(
    String(twin.outputs.Putter),
    "lambda.amazonaws.com",
    "session",
  );
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const options = { endpoint: twin.origin, region: "us-east-1", credentials };
  return { events: new EventBridgeClient(options), sqs: new SQSClient(options) };
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
describe("through the SDK's clients, with IAM", () => {
  test("a rule may send only to the queue whose policy names it; the other event becomes a dead letter", async () => {
    const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries }));
    expect(FailedEntryCount).toBe(0);
    expect(JSON.parse((await receive("open"))[0]?.Body ?? "{}")).toMatchObject({ source: "fleet.test" });
    const [dead] = await receive("dead");
    expect(dead?.MessageAttributes).toMatchObject({
      ERROR_CODE: { StringValue: "NO_PERMISSIONS" },
      ERROR_MESSAGE: { StringValue: expect.stringContaining("sqs:sendmessage") },
      RETRY_ATTEMPTS: { StringValue: "0" },
    });
  });

  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
  test("a role puts events only as its policy allows, and no partner events", async () => {
    const clients = roleClients();
    expect((await clients.events.send(new PutEventsCommand({ Entries }))).FailedEntryCount).toBe(0);
    const other = Entries.map((entry) => ({ ...entry, Source: "fleet.other" }));
    await expect(clients.events.send(new PutEventsCommand({ Entries: other }))).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: "open" }));
    await expect(clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" }))).rejects.toMatchObject({
      name: "AccessDenied",
    });
    await expect(clients.sqs.send(new GetQueueUrlCommand({ QueueName: "none" }))).rejects.toMatchObject({
      name: "QueueDoesNotExist",
    });
  });

  test("checksums satisfy the client, and time stamps and errors have the shapes it reads", async () => {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: "closed" }));
    const text = { DataType: "String", StringValue: "ü" };
    const binary = { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 2]) };
    const batch = [{ Id: "a", MessageBody: "€", MessageAttributes: { text, binary } }];
    const sent = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: batch }));
    expect(sent.Successful).toHaveLength(1);
    expect((await receive("closed"))[0]?.MessageAttributes).toEqual({ text, binary });
    const rules = await events.send(new ListRulesCommand({ EventBusName: "fleet" }));
    expect(rules.Rules).toHaveLength(2);
    const Event = JSON.stringify({
      id: "1",
      account: "1",
      source: "fleet.test",
      time: "t",
      region: "r",
      "detail-type": "d",
    });
    const tested = new TestEventPatternCommand({ EventPattern: JSON.stringify(EventPattern), Event });
    expect((await events.send(tested)).Result).toBe(true);
    const replay = new StartReplayCommand({
      ReplayName: "r",
      EventSourceArn: "arn:aws:events:us-east-1:123456789012:archive/none",
      EventStartTime: new Date(0),
      EventEndTime: new Date(),
      Destination: { Arn: "arn:aws:events:us-east-1:123456789012:event-bus/fleet" },
    });
    await expect(events.send(replay)).rejects.toMatchObject({ name: "ValidationException" });
  });
});
