import {
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  ListStackResourcesCommand,
  UpdateTerminationProtectionCommand,
} from "@aws-sdk/client-cloudformation";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { table } from "../testing.ts";
import {
  aws,
  client,
  close,
  deploy,
  ended,
  events,
  open,
  physicalId,
  queue,
  remove,
  setting,
  stackOf,
  submit,
} from "./testing.ts";

beforeEach(open);
afterEach(close);

describe("a new stack", () => {
  test("is under review until its change set is executed, then made in the order of its references", async () => {
    const resources = {
      Setting: setting({ "Fn::GetAtt": ["Queue", "Arn"] }),
      Queue: queue(),
    };
    await submit(resources, { ChangeSetType: "CREATE" });
    expect((await stackOf())?.StackStatus).toBe("REVIEW_IN_PROGRESS");
    const set = await client.send(new DescribeChangeSetCommand({ StackName: "app", ChangeSetName: "set" }));
    expect(set).toMatchObject({ Status: "CREATE_COMPLETE", ExecutionStatus: "AVAILABLE" });
    expect(set.Changes?.map(({ ResourceChange: change }) => [change?.Action, change?.LogicalResourceId])).toEqual([
      ["Add", "Queue"],
      ["Add", "Setting"],
    ]);

    await client.send(new ExecuteChangeSetCommand({ StackName: "app", ChangeSetName: "set" }));
    await expect(ended()).resolves.toBe("CREATE_COMPLETE");
    await expect(events()).resolves.toEqual([
      "app REVIEW_IN_PROGRESS",
      "app CREATE_IN_PROGRESS",
      "Queue CREATE_IN_PROGRESS",
      "Queue CREATE_COMPLETE",
      "Setting CREATE_IN_PROGRESS",
      "Setting CREATE_COMPLETE",
      "app CREATE_COMPLETE",
    ]);
    const { StackResourceSummaries = [] } = await client.send(new ListStackResourcesCommand({ StackName: "app" }));
    expect(StackResourceSummaries.map(({ ResourceStatus }) => ResourceStatus)).toEqual(
      Array(2).fill("CREATE_COMPLETE"),
    );
  });

  test("tells parameters, outputs, exports, tags and the template as it was given", async () => {
    const Declared = { Name: { Type: "String" } };
    const Outputs = { Queue: { Value: { Ref: "Queue" }, Description: "where", Export: { Name: "app-queue" } } };
    const Parameters = [{ ParameterKey: "Name", ParameterValue: "jobs" }];
    await deploy({ Queue: queue({ QueueName: { Ref: "Name" } }) }, { Declared, Outputs, Parameters });
    expect(await stackOf()).toMatchObject({
      Parameters,
      Outputs: [{ OutputKey: "Queue", Description: "where", ExportName: "app-queue" }],
    });
    const { TemplateBody = "" } = await client.send(new GetTemplateCommand({ StackName: "app" }));
    expect(JSON.parse(TemplateBody).Parameters).toEqual(Declared);
  });

  test("whose creation fails is taken back whole and can only be deleted", async () => {
    const resources = { Queue: queue({ QueueName: "jobs" }), Setting: setting("") };
    await expect(deploy(resources)).resolves.toBe("ROLLBACK_COMPLETE");
    expect(await events(4)).toEqual([
      "Setting CREATE_IN_PROGRESS",
      "Setting CREATE_FAILED",
      "app ROLLBACK_IN_PROGRESS",
      "Queue DELETE_IN_PROGRESS",
      "Queue DELETE_COMPLETE",
      "app ROLLBACK_COMPLETE",
    ]);
    expect((await stackOf())?.StackStatusReason).toBeUndefined();
    await expect(submit(resources)).rejects.toThrow("is in ROLLBACK_COMPLETE state and can not be updated");
    await expect(remove()).resolves.toBe("GONE");
  });

  test("names its own resources anew each time, and fails on a name that is taken", async () => {
    await deploy({ Bucket: { Type: "AWS::S3::Bucket", DeletionPolicy: "Retain" }, Table: table() });
    const first = await physicalId("Bucket");
    await remove();
    await deploy({ Bucket: { Type: "AWS::S3::Bucket" } });
    expect(await physicalId("Bucket")).not.toBe(first);

    await expect(deploy({ Table: table() }, { StackName: "other" })).resolves.toBe("CREATE_COMPLETE");
    await expect(deploy({ Table: table() })).resolves.toBe("UPDATE_ROLLBACK_COMPLETE");
    const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: "app" }));
    expect(StackEvents.find(({ ResourceStatus }) => ResourceStatus === "CREATE_FAILED")?.ResourceStatusReason).toBe(
      "Resource of type 'AWS::DynamoDB::Table' with identifier 'things' already exists. (HandlerErrorCode: AlreadyExists)",
    );
  });
});

describe("an update", () => {
  test("changes in place, makes anew, and deletes what is gone after that", async () => {
    await deploy({
      Changed: queue({ QueueName: "changed", VisibilityTimeout: 30 }),
      Replaced: queue({ QueueName: "old" }),
      Gone: queue({ QueueName: "gone" }),
      Same: setting("1"),
    });
    const QueueUrl = await physicalId("Changed");
    await aws("sqs", "SendMessage", { QueueUrl, MessageBody: "in flight" });
    const before = (await events()).length;

    const resources = {
      Changed: queue({ QueueName: "changed", VisibilityTimeout: 60 }),
      Replaced: queue({ QueueName: "new" }),
      Same: setting("1"),
      Added: setting("2", "/added"),
    };
    await submit(resources);
    const { Changes = [] } = await client.send(
      new DescribeChangeSetCommand({ StackName: "app", ChangeSetName: "set" }),
    );
    expect(
      Changes.map(({ ResourceChange: change }) => [change?.Action, change?.LogicalResourceId, change?.Replacement]),
    ).toEqual([
      ["Modify", "Changed", "False"],
      ["Modify", "Replaced", "True"],
      ["Add", "Added", undefined],
      ["Remove", "Gone", undefined],
    ]);
    await client.send(new ExecuteChangeSetCommand({ StackName: "app", ChangeSetName: "set" }));
    await expect(ended()).resolves.toBe("UPDATE_COMPLETE");
    const told = (await events(before)).filter((event) => !event.endsWith("_IN_PROGRESS"));
    expect(told).toEqual([
      "Changed UPDATE_COMPLETE",
      "Replaced UPDATE_COMPLETE",
      "Added CREATE_COMPLETE",
      "Gone DELETE_COMPLETE",
      "Replaced DELETE_COMPLETE",
      "app UPDATE_COMPLETE",
    ]);
    const { QueueUrls } = await aws("sqs", "ListQueues", {});
    expect(QueueUrls.map((url: string) => url.split("/").at(-1)).sort()).toEqual(["changed", "new"]);
    await expect(aws("sqs", "ReceiveMessage", { QueueUrl })).resolves.toMatchObject({
      Messages: [{ Body: "in flight" }],
    });
  });

  test("that changes nothing fails before it begins", async () => {
    const resources = { Setting: setting("1") };
    await deploy(resources);
    await submit({ Setting: { ...setting("1"), DeletionPolicy: "Retain" } });
    const set = await client.send(new DescribeChangeSetCommand({ StackName: "app", ChangeSetName: "set" }));
    expect(set).toMatchObject({
      Status: "FAILED",
      ExecutionStatus: "UNAVAILABLE",
      StatusReason: expect.stringContaining("The submitted information didn't contain changes."),
    });
    await expect(
      client.send(new ExecuteChangeSetCommand({ StackName: "app", ChangeSetName: "set" })),
    ).rejects.toMatchObject({ name: "InvalidChangeSetStatusException" });
  });

  test("that fails gives everything back, with the reason of what failed", async () => {
    await deploy({ Queue: queue({ QueueName: "jobs", VisibilityTimeout: 30 }), Old: queue({ QueueName: "old" }) });
    await expect(
      deploy({
        Queue: queue({ QueueName: "jobs", VisibilityTimeout: 60 }),
        Old: queue({ QueueName: "renamed" }),
        New: queue({ QueueName: "new" }),
        Bad: setting(""),
      }),
    ).resolves.toBe("UPDATE_ROLLBACK_COMPLETE");
    const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: "app" }));
    expect(StackEvents.find(({ ResourceStatus }) => ResourceStatus === "CREATE_FAILED")).toMatchObject({
      LogicalResourceId: "Bad",
      ResourceStatusReason: "A parameter's value must not be empty.",
    });
    const { QueueUrls } = await aws("sqs", "ListQueues", {});
    expect(QueueUrls.map((url: string) => url.split("/").at(-1)).sort()).toEqual(["jobs", "old"]);
    const QueueUrl = await physicalId("Queue");
    await expect(
      aws("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["VisibilityTimeout"] }),
    ).resolves.toMatchObject({ Attributes: { VisibilityTimeout: "30" } });
  });

  test("does not replace what bears a name of its own", async () => {
    await deploy({ Table: table() });
    const KeySchema = [{ AttributeName: "other", KeyType: "HASH" }];
    const AttributeDefinitions = [{ AttributeName: "other", AttributeType: "S" }];
    await expect(deploy({ Table: table({ KeySchema, AttributeDefinitions }) })).resolves.toBe(
      "UPDATE_ROLLBACK_COMPLETE",
    );
    await expect(aws("dynamodb", "DescribeTable", { TableName: "things" })).resolves.toMatchObject({
      Table: { KeySchema: [{ AttributeName: "id" }] },
    });
  });
});

describe("policies about what goes", () => {
  test("keep a table that leaves the template, and one that leaves with its stack", async () => {
    const kept = { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" };
    await deploy({ Table: table({}, kept), Setting: setting("1") });
    await deploy({ Setting: setting("1"), Other: table({ TableName: "others" }, kept) });
    await expect(remove()).resolves.toBe("GONE");
    const { TableNames } = await aws("dynamodb", "ListTables", {});
    expect(TableNames).toEqual(["others", "things"]);
  });

  test("keep after a failed creation only what says Retain", async () => {
    await deploy({
      Kept: table({}, { DeletionPolicy: "Retain" }),
      Other: table({ TableName: "others" }, { DeletionPolicy: "RetainExceptOnCreate" }),
      Bad: setting(""),
    });
    const { TableNames } = await aws("dynamodb", "ListTables", {});
    expect(TableNames).toEqual(["things"]);
  });

  test("a protected table and a full bucket stop the deletion, which goes on once they let it", async () => {
    await deploy({ Table: table({ DeletionProtectionEnabled: true }), Bucket: { Type: "AWS::S3::Bucket" } });
    const Bucket = await physicalId("Bucket");
    await aws("s3", "PutObject", { Bucket, Key: "a", Body: "1" });
    await expect(remove()).resolves.toBe("DELETE_FAILED");
    expect((await stackOf())?.StackStatusReason).toBe("The following resource(s) failed to delete: [Bucket, Table].");

    await aws("s3", "DeleteObject", { Bucket, Key: "a" });
    await aws("dynamodb", "UpdateTable", { TableName: "things", DeletionProtectionEnabled: false });
    await expect(remove()).resolves.toBe("GONE");
  });

  test("a protected stack is not deleted", async () => {
    await deploy({ Setting: setting("1") });
    const protect = (EnableTerminationProtection: boolean) =>
      client.send(new UpdateTerminationProtectionCommand({ StackName: "app", EnableTerminationProtection }));
    await protect(true);
    await expect(remove()).rejects.toThrow("cannot be deleted while TerminationProtection is enabled");
    await protect(false);
    await expect(remove()).resolves.toBe("GONE");
  });
});
