import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createClock } from "../kernel/clock.ts";
import { ADMINISTRATOR, Kernel } from "../kernel/kernel.ts";
import type { Access, Service } from "../kernel/service.ts";
import { deploy } from "../template/index.ts";
import { allowAll } from "../testing.ts";
import { createDynamoDb } from "./index.ts";

// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
const ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders";
const table = (more: object = {}) => ({
  Type: "AWS::DynamoDB::Table",
  Properties: {
    TableName: "orders",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "N" },
      { AttributeName: "state", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: "by-state",
        KeySchema: [{ AttributeName: "state", KeyType: "HASH" }],
        Projection: { ProjectionType: "ALL" },
      },
    ],
    SSESpecification: { SSEEnabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    ...more,
  },
});

let kernel: Kernel;
let service: Service;
let asked: Access[];

beforeEach(async () => {
  asked = [];
  kernel = new Kernel(createClock(1_000_000), { ...allowAll(), authorize: (_, access) => void asked.push(access) });
  service = createDynamoDb(kernel);
  kernel.register(service);
});

afterEach(() => service.stop?.());

const provision = (more?: object) =>
  deploy(kernel, { Resources: { Orders: table(more) } }, { stackName: "s", artifacts: "." });
const call = (operation: string, input: object) =>
  kernel.call("dynamodb", operation, input, { principal: ADMINISTRATOR });
const key = (pk: string, sk: number) => ({ pk: { S: pk }, sk: { N: String(sk) } });
const put = (pk: string, sk: number, more: object = {}) =>
  call("PutItem", { TableName: "orders", Item: { ...key(pk, sk), ...more } });
const get = async (pk: string, sk: number) => (await call("GetItem", { TableName: "orders", Key: key(pk, sk) })).Item;

describe("items", () => {
  beforeEach(() => provision());

  test("a query reads one partition in the order of its sort key, in pages", async () => {
    for (const sk of [10, 2, -1, 33]) await put("a", sk);
    await put("b", 5);
    const query = {
      TableName: "orders",
      KeyConditionExpression: "pk = :a",
      ExpressionAttributeValues: { ":a": { S: "a" } },
      Limit: 3,
    };
    const first = await call("Query", query);
    expect(first.Items.map((item: { sk: { N: string } }) => item.sk.N)).toEqual(["-1", "2", "10"]);
    const rest = await call("Query", { ...query, ExclusiveStartKey: first.LastEvaluatedKey });
    expect(rest.Items).toEqual([key("a", 33)]);
  });

  test("conditional writes let one of many racers win", async () => {
    const claim = () =>
      call("PutItem", { TableName: "orders", Item: key("lock", 1), ConditionExpression: "attribute_not_exists(pk)" });
    const results = await Promise.allSettled(Array.from({ length: 10 }, claim));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("counters of parallel updates lose nothing", async () => {
    const add = () =>
      call("UpdateItem", {
        TableName: "orders",
        Key: key("n", 1),
        UpdateExpression: "ADD hits :one",
        ExpressionAttributeValues: { ":one": { N: "1" } },
      });
    await Promise.all(Array.from({ length: 20 }, add));
    expect((await get("n", 1)).hits).toEqual({ N: "20" });
  });

  test("batches write and read", async () => {
    const writes = [1, 2].map((sk) => ({ PutRequest: { Item: key("b", sk) } }));
    await expect(call("BatchWriteItem", { RequestItems: { orders: writes } })).resolves.toMatchObject({
      UnprocessedItems: {},
    });
    const read = await call("BatchGetItem", { RequestItems: { orders: { Keys: [key("b", 1), key("b", 9)] } } });
    expect(read.Responses.orders).toEqual([key("b", 1)]);
  });
});

describe("transactions", () => {
  beforeEach(() => provision());

  test("write everything when every condition holds", async () => {
    await put("a", 1, { v: { N: "1" } });
    await put("gone", 1);
    await call("TransactWriteItems", {
      TransactItems: [
        { Put: { TableName: "orders", Item: key("a", 2) } },
        {
          Update: {
            TableName: "orders",
            Key: key("a", 1),
            UpdateExpression: "SET v = v + :one",
            ConditionExpression: "v = :one",
            ExpressionAttributeValues: { ":one": { N: "1" } },
          },
        },
        { Delete: { TableName: "orders", Key: key("gone", 1) } },
      ],
    });
    expect(await get("a", 2)).toEqual(key("a", 2));
    expect((await get("a", 1)).v).toEqual({ N: "2" });
    expect(await get("gone", 1)).toBeUndefined();
  });

  test("a refused update undoes what was written before it", async () => {
    await put("a", 1, { text: { S: "x" } });
    const failing = call("TransactWriteItems", {
      TransactItems: [
        { Put: { TableName: "orders", Item: { ...key("a", 1), text: { S: "changed" } } } },
        { Put: { TableName: "orders", Item: key("new", 1) } },
        {
          Update: {
            TableName: "orders",
            Key: key("a", 7),
            UpdateExpression: "SET a.b = :v",
            ExpressionAttributeValues: { ":v": { S: "" } },
          },
        },
      ],
    });
    await expect(failing).rejects.toMatchObject({ code: "ValidationException" });
    expect(await get("a", 1)).toMatchObject({ text: { S: "x" } });
    expect(await get("new", 1)).toBeUndefined();
  });

  test("the item comes back with the reason when it is asked for", async () => {
    await put("a", 1, { v: { N: "9" } });
    const Put = {
      TableName: "orders",
      Item: key("a", 1),
      ConditionExpression: "attribute_not_exists(pk)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    };
    await expect(call("TransactWriteItems", { TransactItems: [{ Put }] })).rejects.toMatchObject({
      code: "TransactionCanceledException",
      message: "Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed]",
      body: { CancellationReasons: [{ Code: "ConditionalCheckFailed", Item: { v: { N: "9" } } }] },
    });
  });

  test("one item may appear once", async () => {
    const Put = { TableName: "orders", Item: key("a", 1) };
    const Delete = { TableName: "orders", Key: key("a", 1) };
    await expect(call("TransactWriteItems", { TransactItems: [{ Put }, { Delete }] })).rejects.toThrow(
      "Transaction request cannot include multiple operations on one item",
    );
  });

  test("a repeated token does the work once, and no other work", async () => {
    const transact = (one: string) =>
      call("TransactWriteItems", {
        ClientRequestToken: "token",
        TransactItems: [
          {
            Update: {
              TableName: "orders",
              Key: key("n", 1),
              UpdateExpression: "ADD hits :one",
              ExpressionAttributeValues: { ":one": { N: one } },
            },
          },
        ],
      });
    await transact("1");
    await transact("1");
    expect((await get("n", 1)).hits).toEqual({ N: "1" });
    await expect(transact("2")).rejects.toMatchObject({ code: "IdempotentParameterMismatchException" });
  });

  test("reads several items at once", async () => {
    await put("a", 1);
    const TransactItems = [1, 2].map((sk) => ({ Get: { TableName: "orders", Key: key("a", sk) } }));
    await expect(call("TransactGetItems", { TransactItems })).resolves.toEqual({
      Responses: [{ Item: key("a", 1) }, {}],
    });
  });
});

describe("what IAM is asked", () => {
  beforeEach(async () => {
    await provision();
    asked.length = 0;
  });

  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
  test.each<[string, object, object[]]>([
    [
      "GetItem",
      { TableName: "orders", Key: key("a", 1) },
      [{ action: "dynamodb:GetItem", resource: ARN, conditions: { "dynamodb:LeadingKeys": ["a"] } }],
    ],
    [
      "PutItem",
      { TableName: ARN, Item: key("a", 1) },
      [{ action: "dynamodb:PutItem", resource: ARN, conditions: { "dynamodb:LeadingKeys": ["a"] } }],
    ],
    [
      "Query",
      {
        TableName: "orders",
        KeyConditionExpression: "#k = :p",
        ExpressionAttributeNames: { "#k": "pk" },
        ExpressionAttributeValues: { ":p": { S: "a" } },
      },
      [{ action: "dynamodb:Query", resource: ARN, conditions: { "dynamodb:LeadingKeys": ["a"] } }],
    ],
    [
      "Query",
      {
        TableName: "orders",
        IndexName: "by-state",
        KeyConditionExpression: "#s = :s",
        ExpressionAttributeNames: { "#s": "state" },
        ExpressionAttributeValues: { ":s": { S: "open" } },
      },
      [
        {
          action: "dynamodb:Query",
          resource: `${ARN}/index/by-state`,
          conditions: { "dynamodb:LeadingKeys": ["open"] },
        },
      ],
    ],
    ["Scan", { TableName: "orders" }, [{ action: "dynamodb:Scan", resource: ARN }]],
    [
      "BatchGetItem",
      { RequestItems: { orders: { Keys: [key("a", 1), key("b", 1)] } } },
      [{ action: "dynamodb:BatchGetItem", resource: ARN, conditions: { "dynamodb:LeadingKeys": ["a", "b"] } }],
    ],
    [
      "TransactWriteItems",
      {
        TransactItems: [
          { Put: { TableName: "orders", Item: key("a", 1) } },
          {
            ConditionCheck: { TableName: "orders", Key: key("b", 1), ConditionExpression: "attribute_not_exists(pk)" },
          },
        ],
      },
      [
        { action: "dynamodb:PutItem", resource: ARN, conditions: { "dynamodb:LeadingKeys": ["a"] } },
        { action: "dynamodb:ConditionCheckItem", resource: ARN, conditions: { "dynamodb:LeadingKeys": ["b"] } },
      ],
    ],
    ["ListTables", {}, [{ action: "dynamodb:ListTables", resource: "*" }]],
  ])("%s %#", async (operation, input, expected) => {
    await call(operation, input);
    expect(asked).toEqual(expected);
  });
});

describe("tables of a template", () => {
  test("give their name and ARN, and keep their items when they are deployed again", async () => {
    const stack = await provision();
    expect(stack.resources.get("Orders")).toMatchObject({ ref: "orders", attributes: { Arn: ARN } });
    await put("a", 1);
    await provision();
    expect(await get("a", 1)).toEqual(key("a", 1));
  });

  test("with time to live, expired items go and the others stay", async () => {
    await provision({ TimeToLiveSpecification: { AttributeName: "expires", Enabled: true } });
    const now = Math.floor(Date.now() / 1000);
    await put("old", 1, { expires: { N: String(now - 5) } });
    await put("young", 1, { expires: { N: String(now + 500) } });
    await put("forever", 1);
    await service.start?.();
    const deadline = Date.now() + 5000;
    while ((await get("old", 1)) && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
    expect(await get("old", 1)).toBeUndefined();
    expect(await get("young", 1)).toBeDefined();
    expect(await get("forever", 1)).toBeDefined();
  });

  test("with deletion protection cannot be deleted", async () => {
    await provision({ DeletionProtectionEnabled: true });
    await expect(call("DeleteTable", { TableName: "orders" })).rejects.toThrow("currently protected against deletion");
  });

  test.each([
    [
      "a stream",
      { StreamSpecification: { StreamViewType: "NEW_IMAGE" } },
      "Orders: Properties.StreamSpecification: the twin does not support this",
    ],
    [
      "an unknown member of an index",
      { GlobalSecondaryIndexes: [{ Warm: 1 }] },
      "Orders: Properties.GlobalSecondaryIndexes[0].Warm: the twin does not support this",
    ],
    [
      "keys that are not defined",
      { AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }] },
      "Orders: Properties: ",
    ],
  ])("%s stops the boot", async (_, more, message) => {
    await expect(provision(more)).rejects.toThrow(message);
  });

  test("can be made and deleted through the API, usable at once", async () => {
    await call("CreateTable", {
      TableName: "made",
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    });
    await call("PutItem", { TableName: "made", Item: { id: { S: "1" } } });
    await call("DeleteTable", { TableName: "made" });
    await expect(call("DescribeTable", { TableName: "made" })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
    });
  });
});
