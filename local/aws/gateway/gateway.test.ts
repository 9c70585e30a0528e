import {
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import {
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { bootTwin, type Twin } from "../boot.ts";
import { createDynamoDb } from "../dynamodb/index.ts";
import type { Session } from "../kernel/identities.ts";
import type { Activity } from "../kernel/kernel.ts";
import { createSecretsManager } from "../secretsmanager/index.ts";
import { createSsm } from "../ssm/index.ts";
import { createSts } from "../sts/index.ts";
import { table } from "../testing.ts";

// Shapes and codes: https://smithy.io/2.0/aws/protocols/index.html
const TABLE_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/customers";
const template = {
  Resources: {
    Customers: table({
      TableName: "customers",
      AttributeDefinitions: [
        { AttributeName: "id", AttributeType: "S" },
        { AttributeName: "stripeId", AttributeType: "S" },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: "by-stripe-id",
          KeySchema: [{ AttributeName: "stripeId", KeyType: "HASH" }],
          Projection: { ProjectionType: "ALL" },
        },
      ],
    }),
    Connection: { Type: "AWS::SecretsManager::Secret", Properties: { Name: "fleet/stripe" } },
    Setting: { Type: "AWS::SSM::Parameter", Properties: { Name: "/fleet/limit", Type: "String", Value: "25" } },
    ReaderRole: {
      Type: "AWS::IAM::Role",
      Properties: {
        RoleName: "reader",
        AssumeRolePolicyDocument: {
          Version: "2012-10-17",
          Statement: { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
        },
        Policies: [
          {
            PolicyName: "read",
            PolicyDocument: {
              Version: "2012-10-17",
              Statement: {
                Effect: "Allow",
                Action: "dynamodb:GetItem",
                Resource: { "Fn::GetAtt": ["Customers", "Arn"] },
              },
            },
          },
        ],
      },
    },
  },
  Outputs: { Table: { Value: { Ref: "Customers" } } },
};

let twin: Twin;
let asAdministrator: {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
};
let dynamodb: DynamoDBClient;
let secrets: SecretsManagerClient;

beforeAll(async () => {
  twin = await bootTwin({
    template,
    artifacts: ".",
    services: [createDynamoDb, createSecretsManager, createSsm, createSts],
  });
  const credentials = { accessKeyId: "AKIALAPTOP", secretAccessKey: "anything" };
  asAdministrator = { endpoint: twin.origin, region: "us-east-1", credentials };
  dynamodb = new DynamoDBClient(asAdministrator);
  secrets = new SecretsManagerClient(asAdministrator);
});

afterAll(async () => {
  dynamodb.destroy();
  secrets.destroy();
  await twin.stop();
});

function as(session: Session) {
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  return { ...asAdministrator, credentials: { accessKeyId, secretAccessKey, sessionToken } };
}

const reader = () => twin.identities.assume("arn:aws:iam::123456789012:role/reader", "lambda.amazonaws.com", "fn");

describe("DynamoDB through its own SDK client", () => {
  test("keeps numbers that JavaScript would round, and finds items by index", async () => {
    const precise = "12345678901234567890.123456789";
    await dynamodb.send(
      new PutItemCommand({
        TableName: "customers",
        Item: {
          id: { S: "001" },
          stripeId: { S: "cus_1" },
          balance: { N: precise },
          "naïve ☃": { B: Buffer.from([0, 255]) },
        },
      }),
    );
    const { Items } = await dynamodb.send(
      new QueryCommand({
        TableName: TABLE_ARN,
        IndexName: "by-stripe-id",
        KeyConditionExpression: "stripeId = :s",
        ExpressionAttributeValues: { ":s": { S: "cus_1" } },
      }),
    );
    expect(Items).toHaveLength(1);
    expect(Items?.[0]?.balance).toEqual({ N: precise });
    expect(Buffer.from(Items?.[0]?.["naïve ☃"]?.B ?? [])).toEqual(Buffer.from([0, 255]));
  });

  test("a table is active as soon as the twin has booted", async () => {
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: "customers" }));
    expect(Table).toMatchObject({ TableStatus: "ACTIVE", TableArn: TABLE_ARN });
  });

  test("a failed condition names its error and can hand back the item", async () => {
    await dynamodb.send(
      new PutItemCommand({ TableName: "customers", Item: { id: { S: "002" }, version: { N: "7" } } }),
    );
    const failing = dynamodb.send(
      new UpdateItemCommand({
        TableName: "customers",
        Key: { id: { S: "002" } },
        UpdateExpression: "SET version = :new",
        ConditionExpression: "version < :new",
        ExpressionAttributeValues: { ":new": { N: "6" } },
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    );
    await expect(failing).rejects.toMatchObject({
      name: "ConditionalCheckFailedException",
      message: "The conditional request failed",
      Item: { id: { S: "002" }, version: { N: "7" } },
    });
  });

  test("a cancelled transaction carries one reason per action", async () => {
    const failing = dynamodb.send(
      new TransactWriteItemsCommand({
        TransactItems: [
          { Put: { TableName: "customers", Item: { id: { S: "tx-1" } } } },
          {
            ConditionCheck: {
              TableName: "customers",
              Key: { id: { S: "missing" } },
              ConditionExpression: "attribute_exists(id)",
            },
          },
        ],
      }),
    );
    await expect(failing).rejects.toMatchObject({
      name: "TransactionCanceledException",
      CancellationReasons: [{ Code: "None" }, { Code: "ConditionalCheckFailed" }],
    });
    const { Item } = await dynamodb.send(new GetItemCommand({ TableName: "customers", Key: { id: { S: "tx-1" } } }));
    expect(Item).toBeUndefined();
  });

  test("an unknown table is ResourceNotFoundException with a request id", async () => {
    const failing = dynamodb.send(new GetItemCommand({ TableName: "nowhere", Key: { id: { S: "1" } } }));
    await expect(failing).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });
});

describe("a role's session", () => {
  test("may do what its policy allows", async () => {
    const client = new DynamoDBClient(as(reader()));
    const { Item } = await client.send(new GetItemCommand({ TableName: "customers", Key: { id: { S: "none" } } }));
    expect(Item).toBeUndefined();
    client.destroy();
  });

  test("is refused everything else, in the words of IAM", async () => {
    const client = new DynamoDBClient(as(reader()));
    const failing = client.send(new PutItemCommand({ TableName: "customers", Item: { id: { S: "no" } } }));
    await expect(failing).rejects.toMatchObject({
      name: "AccessDeniedException",
      message: `User: arn:aws:sts::123456789012:assumed-role/reader/fn is not authorized to perform: dynamodb:PutItem on resource: ${TABLE_ARN} because no identity-based policy allows the dynamodb:PutItem action`,
    });
    client.destroy();
  });

  test("is told by STS who it is", async () => {
    const client = new STSClient(as(reader()));
    await expect(client.send(new GetCallerIdentityCommand({}))).resolves.toMatchObject({
      Account: "123456789012",
      Arn: "arn:aws:sts::123456789012:assumed-role/reader/fn",
    });
    client.destroy();
  });

  test("of an earlier run is not mistaken for the administrator", async () => {
    const stale = { ...asAdministrator, credentials: { accessKeyId: "ASIATWIN000000000000", secretAccessKey: "x" } };
    const client = new DynamoDBClient(stale);
    const failing = client.send(new DescribeTableCommand({ TableName: "customers" }));
    await expect(failing).rejects.toMatchObject({ name: "UnrecognizedClientException" });
    client.destroy();
  });
});

describe("the other JSON services", () => {
  test("a secret that the template left empty gets its value later", async () => {
    const before = secrets.send(new GetSecretValueCommand({ SecretId: "fleet/stripe" }));
    await expect(before).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    });
    await secrets.send(new PutSecretValueCommand({ SecretId: "fleet/stripe", SecretString: '{"apiKey":"sk"}' }));
    const after = await secrets.send(new GetSecretValueCommand({ SecretId: "fleet/stripe" }));
    expect(after).toMatchObject({
      Name: "fleet/stripe",
      SecretString: '{"apiKey":"sk"}',
      VersionStages: ["AWSCURRENT"],
    });
    expect(after.ARN).toMatch(/^arn:aws:secretsmanager:us-east-1:123456789012:secret:fleet\/stripe-[A-Za-z0-9]{6}$/);
    expect(after.CreatedDate).toBeInstanceOf(Date);
    const { SecretList } = await secrets.send(new ListSecretsCommand({}));
    expect(SecretList?.map(({ Name }) => Name)).toEqual(["fleet/stripe"]);
  });

  test("a parameter of the template can be read", async () => {
    const client = new SSMClient(asAdministrator);
    const { Parameter } = await client.send(new GetParameterCommand({ Name: "/fleet/limit" }));
    expect(Parameter).toMatchObject({
      Value: "25",
      Version: 1,
      ARN: "arn:aws:ssm:us-east-1:123456789012:parameter/fleet/limit",
    });
    client.destroy();
  });
});

describe("what the twin does not have", () => {
  test("an unknown call is an error of each protocol", async () => {
    const config = { ...asAdministrator, maxAttempts: 1 };
    const [sts, sqs, s3, lambda] = [
      new STSClient(config),
      new SQSClient(config),
      new S3Client(config),
      new LambdaClient(config),
    ];
    await expect(
      sts.send(new AssumeRoleCommand({ RoleArn: "arn:aws:iam::123456789012:role/x", RoleSessionName: "x" })),
    ).rejects.toMatchObject({ name: "InvalidAction" });
    await expect(sqs.send(new ListQueuesCommand({}))).rejects.toMatchObject({ name: "UnknownOperationException" });
    await expect(s3.send(new ListBucketsCommand({}))).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
    await expect(lambda.send(new ListFunctionsCommand({}))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
    for (const client of [sts, sqs, s3, lambda]) client.destroy();
  });
});

describe("raw requests", () => {
  const headers = {
    "x-amz-target": "DynamoDB_20120810.ListTables",
    "content-type": "application/x-amz-json-1.0",
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
  };

  test("a body that is no JSON is SerializationException", async () => {
    const response = await fetch(twin.origin, { method: "POST", headers, body: "{nope" });
    expect(response.status).toBe(400);
    expect(response.headers.get("x-amzn-requestid")).toBeTruthy();
    expect(response.headers.get("x-amz-crc32")).toMatch(/^\d+$/);
    await expect(response.json()).resolves.toMatchObject({ __type: "com.amazon.coral.service#SerializationException" });
  });

  test("an unsigned call is refused", async () => {
    const { authorization: _, ...unsigned } = headers;
    const response = await fetch(twin.origin, { method: "POST", headers: unsigned, body: "{}" });
    await expect(response.json()).resolves.toMatchObject({
      __type: expect.stringContaining("MissingAuthenticationToken"),
    });
  });

  test("a page of another site is refused", async () => {
    const response = await fetch(`${twin.origin}/_twin/health`, { headers: { origin: "https://example.com" } });
    expect(response.status).toBe(403);
  });

  test("the trace header reaches the call", async () => {
    const seen: Activity[] = [];
    const listener = (activity: Activity) => seen.push(activity);
    twin.kernel.on("activity", listener);
    const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    await fetch(twin.origin, { method: "POST", headers: { ...headers, "x-amzn-trace-id": trace }, body: "{}" });
    twin.kernel.off("activity", listener);
    expect(seen).toEqual([expect.objectContaining({ operation: "ListTables", traceHeader: trace })]);
  });
});

describe("the control calls", () => {
  const control = (method: string, path: string, body?: unknown) =>
    fetch(`${twin.origin}/_twin/${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });

  test("health names the services", async () => {
    const health = await control("GET", "health");
    await expect(health.json()).resolves.toMatchObject({
      status: "ok",
      services: expect.arrayContaining(["dynamodb"]),
    });
  });

  test("the stack's resources and outputs can be read", async () => {
    const stack = await (await control("GET", "stack")).json();
    expect(stack).toMatchObject({ outputs: { Table: "customers" }, resources: { Customers: { ref: "customers" } } });
  });

  test("an injected fault fails as many calls as asked, and clearing removes it", async () => {
    const error = { code: "ProvisionedThroughputExceededException", message: "slow down" };
    await control("POST", "faults", {
      service: "dynamodb",
      operation: "GetItem",
      resource: "table/customers",
      times: 2,
      error,
    });
    const client = new DynamoDBClient({ ...asAdministrator, maxAttempts: 1 });
    const get = () => client.send(new GetItemCommand({ TableName: "customers", Key: { id: { S: "1" } } }));
    await expect(get()).rejects.toMatchObject({ name: error.code, message: error.message });
    await control("DELETE", "faults");
    await expect(get()).resolves.toBeDefined();
    client.destroy();
  });

  test("a cut connection is seen as no answer at all", async () => {
    await control("POST", "faults", { service: "dynamodb", operation: "GetItem", cut: true });
    const client = new DynamoDBClient({ ...asAdministrator, maxAttempts: 1 });
    const get = () => client.send(new GetItemCommand({ TableName: "customers", Key: { id: { S: "1" } } }));
    await expect(get()).rejects.toThrow("socket hang up");
    await expect(get()).resolves.toBeDefined();
    client.destroy();
  });

  test("a fault for an operation that does not exist is refused", async () => {
    const response = await control("POST", "faults", { service: "dynamodb", operation: "Nope", delayMs: 1 });
    expect(response.status).toBe(400);
    await expect(response.json()).resolves.toEqual({ message: "The twin has no operation dynamodb:Nope." });
  });
});

test("a taken port is one clear sentence", async () => {
  const port = Number(new URL(twin.origin).port);
  const second = bootTwin({ template: { Resources: {} }, artifacts: ".", port, services: [] });
  await expect(second).rejects.toThrow(
    `AWS cannot listen on 127.0.0.1:${port}, the port is taken: stop what listens there, or choose another port.`,
  );
});
