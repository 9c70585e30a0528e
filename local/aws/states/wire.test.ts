import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StateMachineDoesNotExist,
} from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Gateway, startGateway } from "../gateway/index.ts";
import { bench, only, ROLE } from "./testing.ts";

// https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html
describe("through the SDK's own client", () => {
  let gateway: Gateway;
  let client: SFNClient;

  beforeEach(async () => {
    gateway = await startGateway(bench().kernel);
    client = new SFNClient({
      endpoint: gateway.origin,
      region: "us-east-1",
      credentials: { accessKeyId: "AKIATEST", secretAccessKey: "secret" },
      disableHostPrefix: true,
      maxAttempts: 1,
    });
  });

  afterEach(async () => {
    client.destroy();
    await gateway.close();
  });

  const create = async (name: string, type: "STANDARD" | "EXPRESS") => {
    const definition = JSON.stringify({ QueryLanguage: "JSONata", ...only({ Type: "Pass" }) });
    const command = new CreateStateMachineCommand({ name, type, definition, roleArn: ROLE });
    const { stateMachineArn } = await client.send(command);
    return stateMachineArn;
  };

  test("a STANDARD execution and its history arrive as the client's types", async () => {
    const stateMachineArn = await create("standard", "STANDARD");
    const { executionArn, startDate } = await client.send(new StartExecutionCommand({ stateMachineArn, input: "[1]" }));
    expect(startDate).toBeInstanceOf(Date);
    let status: string | undefined = "RUNNING";
    while (status === "RUNNING") ({ status } = await client.send(new DescribeExecutionCommand({ executionArn })));
    const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
    expect(events.map(({ type }) => type)).toEqual([
      "ExecutionStarted",
      "PassStateEntered",
      "PassStateExited",
      "ExecutionSucceeded",
    ]);
    expect(events[1]?.timestamp).toBeInstanceOf(Date);
    expect(events[1]?.stateEnteredEventDetails).toEqual({
      name: "Only",
      input: "[1]",
      inputDetails: { truncated: false },
    });
  });

  test("an EXPRESS execution answers at once", async () => {
    const stateMachineArn = await create("express", "EXPRESS");
    const answer = await client.send(new StartSyncExecutionCommand({ stateMachineArn, input: '{"a":1}' }));
    expect(answer).toMatchObject({
      status: "SUCCEEDED",
      output: '{"a":1}',
      billingDetails: { billedMemoryUsedInMB: 64 },
    });
  });

  test("errors are the client's own classes", async () => {
    const stateMachineArn = "arn:aws:states:us-east-1:123456789012:stateMachine:none";
    await expect(client.send(new StartExecutionCommand({ stateMachineArn }))).rejects.toBeInstanceOf(
      StateMachineDoesNotExist,
    );
  });
});
