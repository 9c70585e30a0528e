import { describe, expect, test } from "@jest/globals";
import { AwsError } from "../../kernel/errors.ts";
import type { Identities } from "../../kernel/identities.ts";
import { allowAll } from "../../testing.ts";
import type { JsonObject } from "../json.ts";
import { bench, fakeLambda, fakeService, functionArn, INVOKE, only, until } from "../testing.ts";

const task = (resource: string, Arguments: JsonObject, extra: JsonObject = {}): JsonObject => ({
  Type: "Task",
  Resource: `arn:aws:states:::${resource}`,
  Arguments,
  ...extra,
});

describe("events:putEvents", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
  test("serialises the detail and names the machine and the execution as resources", async () => {
    const entries: JsonObject[] = [];
    const { run } = bench([
      fakeService("events", {
        PutEvents(input) {
          entries.push(...input.Entries);
          return { FailedEntryCount: 0, Entries: [{ EventId: "1" }, { EventId: "2" }] };
        },
      }),
    ]);
    const Entries = [
      { Source: "s", DetailType: "t", Detail: { a: "{% $states.input.a %}" }, Resources: ["mine"] },
      { Source: "s", DetailType: "t", Detail: '{"text":true}' },
    ];
    const result = await run(only(task("events:putEvents", { Entries })), { a: 1 });
    expect(JSON.parse(result.output)).toEqual({ FailedEntryCount: 0, Entries: [{ EventId: "1" }, { EventId: "2" }] });
    expect(entries).toMatchObject([
      { Detail: '{"a":1}', Resources: ["mine", result.stateMachineArn, result.executionArn] },
      { Detail: '{"text":true}', Resources: [result.stateMachineArn, result.executionArn] },
    ]);
  });

  test("one failed entry fails the task with the whole answer as cause", async () => {
    const answer = {
      Entries: [{ ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." }],
      FailedEntryCount: 1,
    };
    const { run } = bench([fakeService("events", { PutEvents: () => answer })]);
    const result = await run(only(task("events:putEvents", { Entries: [{ Detail: {} }] })));
    expect(result.error).toBe("EventBridge.FailedEntry");
    expect(JSON.parse(result.cause)).toEqual(answer);
  });
});

describe("sqs:sendMessage", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html
  test("serialises the body", async () => {
    const { run } = bench([
      fakeService("sqs", { SendMessage: ({ MessageBody }) => ({ MD5OfMessageBody: MessageBody, MessageId: "m" }) }),
    ]);
    const result = await run(only(task("sqs:sendMessage", { QueueUrl: "http://x/q", MessageBody: { a: 1 } })));
    expect(JSON.parse(result.output)).toMatchObject({ MD5OfMessageBody: '{"a":1}', MessageId: "m" });
  });

  test("an error has the query code in its cause", async () => {
    const { run } = bench([
      fakeService("sqs", {
        SendMessage: () => {
          const message = "The request must contain the parameter MessageBody.";
          throw new AwsError("MissingRequiredParameterException", message, { queryCode: "MissingParameter" });
        },
      }),
    ]);
    const result = await run(only(task("sqs:sendMessage", { QueueUrl: "http://x/q", MessageBody: null })));
    expect(result.error).toBe("SQS.AmazonSQSException");
    expect(result.cause).toContain("(Service: AmazonSQS; Status Code: 400; Error Code: MissingParameter; Request ID: ");
  });
});

describe("dynamodb item actions", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html
  test("give the answer with the metadata of the call", async () => {
    const Item = { id: { S: "1" } };
    const { run } = bench([fakeService("dynamodb", { GetItem: ({ Key }) => ({ Item: Key }) })]);
    const result = await run(only(task("dynamodb:getItem", { TableName: "t", Key: Item })));
    expect(JSON.parse(result.output)).toMatchObject({ Item, SdkHttpMetadata: { HttpStatusCode: 200 } });
  });

  test.each([
    ["ConditionalCheckFailedException", "DynamoDB.ConditionalCheckFailedException"],
    ["ResourceNotFoundException", "DynamoDB.ResourceNotFoundException"],
    ["InternalServerError", "DynamoDB.InternalServerErrorException"],
    ["ValidationException", "DynamoDB.AmazonDynamoDBException"],
    ["AccessDeniedException", "DynamoDB.AmazonDynamoDBException"],
  ])("%s is %s", async (code, name) => {
    const { run } = bench([
      fakeService("dynamodb", {
        PutItem: () => {
          throw new AwsError(code, "no");
        },
      }),
    ]);
    const result = await run(only(task("dynamodb:putItem", { TableName: "t", Item: {} })));
    expect(result.error).toBe(name);
    expect(result.cause).toContain(
      `no (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ${code}; Request ID: `,
    );
  });
});

describe("aws-sdk integrations", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
  test("call any operation that the twin has", async () => {
    const { run } = bench([
      fakeService("secretsmanager", { GetSecretValue: ({ SecretId }) => ({ Name: SecretId, SecretString: "s" }) }),
    ]);
    const result = await run(only(task("aws-sdk:secretsmanager:getSecretValue", { SecretId: "x" })));
    expect(JSON.parse(result.output)).toEqual({ Name: "x", SecretString: "s" });
  });

  test("change the case of members where the API has small letters", async () => {
    const { run, machine } = bench();
    const arn = await machine(only({ Type: "Pass" }));
    const result = await run(only(task("aws-sdk:sfn:describeStateMachine", { StateMachineArn: arn })));
    expect(JSON.parse(result.output)).toMatchObject({ StateMachineArn: arn, TracingConfiguration: { Enabled: false } });
  });

  test.each([
    ["ResourceNotFoundException", "SecretsManager.ResourceNotFoundException"],
    ["AccessDeniedException", "SecretsManager.SecretsManagerException"],
  ])("%s is %s", async (code, name) => {
    const { run } = bench([
      fakeService("secretsmanager", {
        GetSecretValue: () => {
          throw new AwsError(code, "no");
        },
      }),
    ]);
    const result = await run(only(task("aws-sdk:secretsmanager:getSecretValue", { SecretId: "x" })));
    expect(result.error).toBe(name);
    expect(result.cause).toMatch(
      /^no \(Service: SecretsManager, Status Code: 400, Request ID: [0-9a-f-]{36}\) \(SDK Attempt Count: 1\)$/,
    );
  });
});

describe("states:startExecution", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
  const child = only({ Type: "Pass", Output: { doubled: "{% $states.input.n * 2 %}" } }, "Child");

  test("answers at once with the execution's ARN", async () => {
    const { run, machine, ended } = bench();
    const StateMachineArn = await machine(child);
    const result = await run(only(task("states:startExecution", { StateMachineArn, Input: { n: 1 }, Name: "named" })));
    const { ExecutionArn } = JSON.parse(result.output);
    expect(ExecutionArn).toMatch(/:execution:machine-1:named$/);
    expect(await ended(ExecutionArn)).toMatchObject({ output: '{"doubled":2}' });
  });

  test(".sync waits and gives text, .sync:2 gives JSON", async () => {
    const { run, machine, types } = bench();
    const StateMachineArn = await machine(child);
    const plain = await run(only(task("states:startExecution.sync", { StateMachineArn, Input: { n: 2 } })));
    expect(JSON.parse(plain.output)).toMatchObject({ Status: "SUCCEEDED", Input: '{"n":2}', Output: '{"doubled":4}' });
    expect(types(plain.executionArn)).toContain("TaskSubmitted");
    const json = await run(only(task("states:startExecution.sync:2", { StateMachineArn, Input: { n: 2 } })));
    expect(JSON.parse(json.output)).toMatchObject({ Input: { n: 2 }, Output: { doubled: 4 } });
  });

  test("a failed child is States.TaskFailed with the child as cause", async () => {
    const { run, machine } = bench();
    const StateMachineArn = await machine({
      StartAt: "No",
      States: { No: { Type: "Fail", Error: "Bad", Cause: "why" } },
    });
    const result = await run(only(task("states:startExecution.sync:2", { StateMachineArn, Input: {} })));
    expect(result.error).toBe("States.TaskFailed");
    expect(JSON.parse(result.cause)).toMatchObject({ Status: "FAILED", Error: "Bad", Cause: "why" });
  });

  test("stopping the parent stops the child that it waits for", async () => {
    const { api, machine, ended, states, types } = bench([], { scale: 1 });
    const StateMachineArn = await machine(only({ Type: "Wait", Seconds: 1000 }));
    const parent = await machine(only(task("states:startExecution.sync", { StateMachineArn, Input: {}, Name: "c" })));
    const { executionArn } = await api("StartExecution", { stateMachineArn: parent });
    const childArn = `${StateMachineArn.replace(":stateMachine:", ":execution:")}:c`;
    await until(() => types(executionArn).at(-1) === "TaskSubmitted");
    await api("StopExecution", { executionArn, error: "E", cause: "C" });
    expect(await ended(executionArn)).toMatchObject({ status: "ABORTED", error: "E", cause: "C" });
    expect(await ended(childArn)).toMatchObject({ status: "ABORTED" });
    await states.stop?.();
  });

  test("an unknown machine", async () => {
    const { run } = bench();
    const StateMachineArn = "arn:aws:states:us-east-1:123456789012:stateMachine:none";
    const result = await run(only(task("states:startExecution", { StateMachineArn })));
    expect(result.error).toBe("StepFunctions.StateMachineDoesNotExistException");
    expect(result.cause).toContain(
      `State Machine Does Not Exist: '${StateMachineArn}' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist;`,
    );
  });
});

describe("permissions", () => {
  // https://docs.aws.amazon.com/step-functions/latest/dg/concept-create-iam-advanced.html
  const refusing = (action: string): Identities => ({
    ...allowAll(),
    authorize(principal, access) {
      if (principal.kind === "role" && access.action === action)
        throw new AwsError(
          "AccessDeniedException",
          `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${access.resource} because no identity-based policy allows the ${action} action`,
        );
    },
  });

  test.each([
    ["lambda:Invoke", "lambda", "Invoke", "lambda:invoke", { FunctionName: "f" }, "Lambda.AWSLambdaException"],
    [
      "events:PutEvents",
      "events",
      "PutEvents",
      "events:putEvents",
      { Entries: [] },
      "EventBridge.AmazonEventBridgeException",
    ],
    [
      "sqs:SendMessage",
      "sqs",
      "SendMessage",
      "sqs:sendMessage",
      { QueueUrl: "q", MessageBody: "" },
      "SQS.AmazonSQSException",
    ],
  ])(
    "%s denied to the role fails the task in the words of IAM",
    async (action, service, operation, resource, args, name) => {
      const { run } = bench([fakeService(service, { [operation]: () => ({}) })], { identities: refusing(action) });
      const result = await run(only(task(resource, args)));
      expect(result.error).toBe(name);
      expect(result.cause).toContain(`because no identity-based policy allows the ${action} action`);
    },
  );

  test("a role that cannot be assumed is States.Permissions", async () => {
    const identities: Identities = {
      ...allowAll(),
      assume: () => {
        throw new AwsError("AccessDenied", "The role does not trust states.amazonaws.com.");
      },
    };
    const { run } = bench([fakeLambda(() => null)], { identities });
    expect(await run(only(task("lambda:invoke", { FunctionName: "f" })))).toMatchObject({
      error: "States.Permissions",
      cause: "The role does not trust states.amazonaws.com.",
    });
  });

  test(".sync needs the permission to make the managed rule, at creation", async () => {
    const { machine } = bench([], { identities: refusing("events:PutRule") });
    await expect(machine(only(task("states:startExecution.sync", { StateMachineArn: "x" })))).rejects.toMatchObject({
      code: "AccessDeniedException",
      message: "'arn:aws:iam::123456789012:role/flow' is not authorized to create managed-rule.",
    });
  });
});

describe("resources that cannot be run are refused at creation", () => {
  test.each([
    ["arn:aws:states:::sns:publish", "no integration with 'sns:publish'"],
    ["arn:aws:states:::dynamodb:getItem.sync", "cannot be used with '.sync'"],
    ["arn:aws:states:::aws-sdk:ec2:runInstances", "no AWS SDK integration with 'ec2'"],
    ["arn:aws:states:::aws-sdk:sfn:nothing", "does not implement states:Nothing"],
    ["arn:aws:states:us-east-1:123456789012:activity:x", "no activities"],
    ["lambda:invoke", "neither a function ARN nor an integration"],
  ])("%s", async (Resource, problem) => {
    const { machine } = bench();
    const creation = machine(only({ Type: "Task", Resource }, "Odd"));
    await expect(creation).rejects.toMatchObject({ code: "InvalidDefinition" });
    await expect(creation).rejects.toThrow(problem);
    await expect(creation).rejects.toThrow("/States/Odd/Resource");
  });

  test.each([INVOKE, functionArn("f"), functionArn("f:live"), "arn:aws:states:::states:startExecution.sync:2"])(
    "%s is accepted",
    async (Resource) => {
      await bench().machine(only({ Type: "Task", Resource }));
    },
  );
});
