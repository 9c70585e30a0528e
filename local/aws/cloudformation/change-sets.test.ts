import {
  CreateChangeSetCommand,
  ExecuteChangeSetCommand,
  ValidateTemplateCommand,
} from "@aws-sdk/client-cloudformation";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { table } from "../testing.ts";
import { aws, client, close, deploy, ended, events, open, queue, remove, setting, stackOf, submit } from "./testing.ts";

beforeEach(open);
afterEach(close);

test("what another stack imports can be neither taken away nor exported twice", async () => {
  const Outputs = { Queue: { Value: { "Fn::GetAtt": ["Queue", "Arn"] }, Export: { Name: "jobs-arn" } } };
  await deploy({ Queue: queue({ QueueName: "jobs" }) }, { Outputs });
  await deploy({ Setting: setting({ "Fn::ImportValue": "jobs-arn" }) }, { StackName: "reader" });
  await expect(deploy({ Queue: queue({ QueueName: "jobs" }) })).resolves.toBe("UPDATE_ROLLBACK_COMPLETE");
  expect((await stackOf())?.Outputs).toHaveLength(1);
  await expect(remove()).resolves.toBe("DELETE_FAILED");
  await expect(deploy({ Queue: queue({ QueueName: "more" }) }, { StackName: "twice", Outputs })).resolves.toBe(
    "ROLLBACK_COMPLETE",
  );
  await remove("reader");
  await expect(remove()).resolves.toBe("GONE");
});

test("templates come from a bucket too; what the twin cannot do is refused with its place", async () => {
  await deploy({ Bucket: { Type: "AWS::S3::Bucket", Properties: { BucketName: "templates" } } });
  const Body = JSON.stringify({ Resources: { Role: { Type: "AWS::IAM::Role", Properties: { RoleName: "r" } } } });
  await aws("s3", "PutObject", { Bucket: "templates", Key: "a/b.json", Body });
  const TemplateURL = "https://s3.us-east-1.amazonaws.com/templates/a/b.json";
  await expect(client.send(new ValidateTemplateCommand({ TemplateURL }))).resolves.toMatchObject({
    Capabilities: ["CAPABILITY_NAMED_IAM"],
  });
  const input = { StackName: "roles", ChangeSetName: "set", ChangeSetType: "CREATE" as const, TemplateURL };
  await expect(client.send(new CreateChangeSetCommand(input))).rejects.toMatchObject({
    name: "InsufficientCapabilitiesException",
  });
  await expect(submit({ X: { Type: "AWS::EC2::Instance" } })).rejects.toThrow(
    "Template error: X: Type: the twin does not support AWS::EC2::Instance",
  );
  await expect(stackOf("roles")).rejects.toThrow("Stack with id roles does not exist");
});

test("a table that was kept is imported with its items, and then belongs to the stack", async () => {
  const kept = table({}, { DeletionPolicy: "Retain" });
  await deploy({ Table: kept });
  await aws("dynamodb", "PutItem", { TableName: "things", Item: { id: { S: "1" } } });
  await remove();
  await deploy({ Setting: setting("1") });

  const take = (Resources: object, name = "things") =>
    submit(Resources, {
      ChangeSetType: "IMPORT",
      ResourcesToImport: [
        {
          ResourceType: "AWS::DynamoDB::Table",
          LogicalResourceId: "Table",
          ResourceIdentifier: { TableName: name },
        },
      ],
    });
  await expect(take({ Setting: setting("2"), Table: kept })).rejects.toThrow("cannot modify or add or remove");
  await expect(take({ Setting: setting("1"), Table: table() })).rejects.toThrow("must have a DeletionPolicy");
  await take({ Setting: setting("1"), Table: kept });
  await client.send(new ExecuteChangeSetCommand({ StackName: "app", ChangeSetName: "set" }));
  await expect(ended()).resolves.toBe("IMPORT_COMPLETE");
  expect(await events(5)).toEqual([
    "app IMPORT_IN_PROGRESS",
    "Table IMPORT_IN_PROGRESS",
    "Table IMPORT_COMPLETE",
    "app IMPORT_COMPLETE",
  ]);
  await expect(aws("dynamodb", "Scan", { TableName: "things" })).resolves.toMatchObject({ Count: 1 });
  await expect(deploy({ Setting: setting("2"), Table: table() })).resolves.toBe("UPDATE_COMPLETE");
  await remove();
  await expect(aws("dynamodb", "ListTables", {})).resolves.toEqual({ TableNames: [] });
});
